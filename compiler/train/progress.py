"""What a user sees of a run: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Live

    from compiler.train.evaluate import Measured

_LINES = 10
"""Plain lines in a run, beside those of measurements."""


@dataclass(frozen=True)
class Answer:
    """One shown answer, as text."""

    asked: str
    answered: str
    wanted: str


class Progress:
    """Tells of a run as it goes. Use as a context manager."""

    def __init__(self, console: Console, steps: int, begun: int) -> None:
        self.console, self.steps, self.begun = console, steps, begun
        self.started, self.tokens, self.last = time.monotonic(), 0, begun
        self.live: Live | None = _live(console) if console.is_terminal else None
        self.bar: Any = self.live.add_task("", total=steps, completed=begun, said="") if self.live else None

    def __enter__(self) -> Progress:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def step(self, done: int, loss: float, tokens: int) -> None:
        """After `done` steps; `loss` and `tokens` are those of the steps since the last call."""
        self.tokens += tokens
        gone = time.monotonic() - self.started
        said = f"loss {loss:.4f}  {_short(self.tokens / max(gone, 1e-9))} tokens/s"
        if self.live:
            self.live.update(self.bar, completed=done, said=said)
        elif done * _LINES // self.steps > self.last * _LINES // self.steps:
            left = gone / max(1, done - self.begun) * (self.steps - done)
            self.say(f"step {done:>{len(str(self.steps))}}/{self.steps}  {said}  {_clock(left)} left")
        self.last = done

    def measured(self, done: int, on: str, found: Measured, answers: Sequence[Answer]) -> None:
        """A measurement after `done` steps."""
        said = f"{written(found.metric, found.value)}  ({found.examples:,} examples of {on})"
        self.say(f"step {done:>{len(str(self.steps))}}/{self.steps}  {said}")
        show(self.console, answers)

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def show(console: Console, answers: Sequence[Answer]) -> None:
    """Answers in columns, with a mark for right or wrong."""
    width = max((len(it.asked) for it in answers), default=0)
    for it in answers:
        right = it.answered == it.wanted
        mark = "✓" if right else f"✗ wanted {it.wanted}"
        console.print(f"  {it.asked:<{width}}  →  {it.answered}  {mark}", markup=False, highlight=False, soft_wrap=True)


def written(metric: str, value: float) -> str:
    """`exact match: 99.3 %`, `perplexity: 3.21`."""
    name = metric.replace("_", " ")
    return f"{name}: {value:.2f}" if metric == "perplexity" else f"{name}: {100 * value:.1f} %"


def _live(console: Console) -> Live:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _short(number: float) -> str:
    return f"{number / 1000:.1f}k" if number >= 1000 else f"{number:.0f}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
