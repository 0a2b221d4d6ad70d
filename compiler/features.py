"""What this machine and this torch can do, by asking them."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from compiler.target import Target


def resolve(target: Target) -> Target:
    """The target with the device that this machine has, if it is left open."""
    if target.device != "auto":
        return target
    import torch

    return replace(target, device="cuda" if torch.cuda.is_available() else "cpu")


def is_there(device: str) -> bool:
    """Whether this machine has the device."""
    if not device.startswith("cuda"):
        return True
    import torch

    number = int(device.partition(":")[2] or 0)
    return torch.cuda.is_available() and number < torch.cuda.device_count()


def free_memory(device: str) -> int | None:
    """Bytes that can still be allocated on a device; None if nobody says."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(torch.device(device))[0]
    found = [amount for amount in (_free_in_machine(), _free_in_group()) if amount is not None]
    return min(found, default=None)


def _free_in_machine() -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _free_in_group() -> int | None:
    """What a container's limit leaves."""
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        return max(0, limit - int((group / "memory.current").read_text()))
    return None
