"""What this machine and this torch can do, by asking them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.target import Target
from graphspec.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    import torch

TF32_FROM = (8, 0)
"""The compute capability from which a GPU multiplies in TF32."""

SIDE, ROUNDS = 512, 15
"""Of the matrices that are multiplied to find out which type is quicker, and how often."""

CLEARLY = 1.1
"""By how much fp32 must be quicker to be taken."""


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


def multiplied_in(kind: torch.dtype, device: torch.device) -> torch.dtype:
    """The type in which products of a type are quickest on a device: its own, or for a rounded one on a CPU maybe fp32.

    A product of bf16 numbers is summed in fp32 either way. Processors with instructions for bf16, but none that make it
    quick, take longer for it than for fp32 (Intel's with AVX512-BF16 and without AMX: 1.3 to 1.9 times).
    """
    import torch

    rounded = kind in (torch.bfloat16, torch.float16) and device.type == "cpu"
    return torch.float32 if rounded and _fp32_is_quicker(kind) else kind


@cache
def _fp32_is_quicker(kind: torch.dtype) -> bool:
    """Measured once a process, in some tens of milliseconds.

    By the best time of each on one thread: beside other work, threads wait for each other longer than they multiply.
    """
    import torch

    with torch.autocast("cpu", enabled=False), one_thread():
        wide = torch.ones(SIDE, SIDE)
        low = wide.to(kind)
        seconds: dict[torch.dtype, list[float]] = {wide.dtype: [], kind: []}
        for _ in range(ROUNDS):
            for matrix in (wide, low):
                begun = time.perf_counter()
                torch.mm(matrix, matrix)
                seconds[matrix.dtype].append(time.perf_counter() - begun)
    return min(seconds[kind]) > CLEARLY * min(seconds[wide.dtype])


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread on the CPU for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
