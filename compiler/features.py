"""What this machine and this torch can do, by asking them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from compiler.target import Target
from graphspec.diagnostics import Diagnostic, SpecError

TF32_FROM = (8, 0)
"""The compute capability from which a GPU multiplies in TF32."""


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


def lacks(device: str, precision: str) -> Iterator[Diagnostic]:
    """What this machine cannot do of what is asked for, with the alternatives: `no-device`, `no-such-precision`."""
    if not is_there(device):
        help = "say `device=cpu`, or `device=auto` to take what is there"
        yield Diagnostic("no-device", f"this machine has no `{device}` that torch can use", help=help)
        return
    if device.startswith("cuda"):
        yield from _lacks_on_cuda(device, precision)
    elif device == "cpu" and precision == "tf32":
        help = "say `precision=fp32` for exact products, or `precision=bf16` for quick ones"
        yield Diagnostic("no-such-precision", "a processor does not multiply in tf32", help=help)


def _lacks_on_cuda(device: str, precision: str) -> Iterator[Diagnostic]:
    import torch

    with torch.cuda.device(device):
        able = torch.cuda.get_device_capability() >= TF32_FROM
        low = torch.cuda.is_bf16_supported(including_emulation=False)
    name = torch.cuda.get_device_name(device)
    if precision == "bf16" and not low:
        help = "say `precision=fp32`" + (" or `precision=tf32`" if able else "")
        yield Diagnostic("no-such-precision", f"`{name}` cannot compute in bf16", help=help)
    if precision == "tf32" and not able:
        yield Diagnostic("no-such-precision", f"`{name}` cannot compute in tf32", help="say `precision=fp32`")


def refuse_what_it_lacks(target: Target) -> None:
    """Raise `SpecError` if this machine cannot do what the target asks for."""
    found = tuple(lacks(resolve(target).device, target.precision))
    if found:
        raise SpecError(found)


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
