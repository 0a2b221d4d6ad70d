"""How much memory a step takes at most: the bytes of all tensors that are held at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor


def peak_of(step: Callable[[], object], held: Iterable[Tensor]) -> int:
    """Bytes of tensors at the worst moment of a step on the CPU: those `held` before it, and what it allocates.

    Exact, for torch's own allocator tells of every tensor; what libraries use inside is not counted.
    """
    from torch.profiler import ProfilerActivity, profile

    before = bytes_of(held)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as found:
        step()
    now = most = 0
    events = found.profiler.kineto_results.events()  # pyright: ignore[reportOptionalMemberAccess]
    for event in sorted((it for it in events if it.name() == "[memory]"), key=lambda it: it.start_ns()):
        now += event.nbytes()  # pyright: ignore[reportAttributeAccessIssue] # its stub lacks it
        most = max(most, now)
    return before + most


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """The bytes of distinct storages."""
    return sum({it.untyped_storage().data_ptr(): it.untyped_storage().nbytes() for it in tensors}.values())


def held_by(model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """What lives from step to step: parameters, buffers, what the optimiser remembers."""
    kept = [value for state in optimiser.state.values() for value in state.values() if isinstance(value, Tensor)]
    return [*model.parameters(), *model.buffers(), *kept]


def forget_peak() -> None:
    """Let the system count the process's peak from here on, where it can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def resident_peak() -> int | None:
    """The most bytes that the process had in memory."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None
