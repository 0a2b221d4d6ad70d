"""What a step of training takes of memory, on one screen or as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from graphspec.analysis.cost import human
from graphspec.analysis.memory import Memory

SHOWN = 4


def memory_text(memory: Memory, least: Memory, sizes: Mapping[str, int], precision: str) -> str:
    """The parts and the peak; `least` is the same with every turn recomputed."""
    return "\n".join(_lines(memory, least, sizes, precision))


def _lines(memory: Memory, least: Memory, sizes: Mapping[str, int], precision: str) -> Iterator[str]:
    said = ", ".join(f"{name} = {number:,}" for name, number in sizes.items())
    yield f"a step of training in {precision}" + (f" at {said}" if said else "")
    yield ""
    yield _line("parameters", memory.parameters)
    yield _line("gradients", memory.gradients)
    yield _line("AdamW", memory.optimiser)
    largest = list(memory.kept.items())[:SHOWN]
    more = ["…"] if len(memory.kept) > SHOWN else []
    yield _line("activations", memory.activations, ", ".join([*(f"{op} {human(it)}B" for op, it in largest), *more]))
    yield _line("peak", memory.peak, "at the worst moment of a step")
    if memory.turns:
        yield ""
        turns = f"all {memory.turns} turns" if memory.turns > 1 else "the turn"
        yield f"{human(least.peak)}B with {turns} of its repeats computed again in the backward pass"


def _line(name: str, amount: int, note: str = "") -> str:
    return f"{name:<14}{human(amount) + 'B':>10}" + (f"   {note}" if note else "")


def memory_dict(memory: Memory, least: Memory) -> dict[str, Any]:
    """The same as plain data."""
    kept = {"kept": dict(memory.kept), "activations": memory.activations}
    return {**asdict(memory), **kept, "peak_recomputing_all": least.peak}
