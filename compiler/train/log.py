"""What a run writes about its steps and measurements."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from compiler.train.folder import METRICS, Folder
from graphspec.diagnostics import Diagnostic, SpecError, display_name


@dataclass
class Log:
    """metrics.jsonl: a line for each step and each measurement, the same again if the run is the same."""

    folder: Folder
    lines: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[tuple[dict[str, Any], Tensor, Tensor]] = field(default_factory=list)

    @staticmethod
    def resumed(folder: Folder, step: int) -> Log:
        """The log of the first `step` steps; what was written after the checkpoint is dropped."""
        path = folder.file(METRICS)
        written = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        lines = [line for line in map(_parsed, written) if line and line["step"] <= step]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return Log(folder, lines)

    def measurement(self, step: int, on: str, whole: bool) -> Mapping[str, Any] | None:
        """The line of a measurement, if it was made."""
        wanted = {"step": step, "on": on, "whole": whole}
        return next((line for line in self.lines if wanted.items() <= line.items()), None)

    def step(self, facts: dict[str, Any], loss: Tensor, gradient: Tensor) -> None:
        self.waiting.append((facts, loss, gradient))

    def flush(self) -> float:
        """Write the waiting steps and return their mean loss. Raises `loss-not-finite`."""
        if not self.waiting:
            return math.nan
        values = torch.stack([torch.stack([loss, gradient]) for _, loss, gradient in self.waiting]).double().tolist()
        lines = [
            {**facts, "loss": loss, "gradient": gradient}
            for (facts, _, _), (loss, gradient) in zip(self.waiting, values, strict=True)
        ]
        self.waiting.clear()
        bad = next((line for line in lines if not math.isfinite(line["loss"])), None)
        if bad:
            raise SpecError([_not_finite(bad, self.folder)])
        self.write(*lines)
        return sum(line["loss"] for line in lines) / len(lines)

    def write(self, *lines: dict[str, Any]) -> None:
        self.lines += lines
        with self.folder.file(METRICS).open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line) + "\n" for line in lines)


def _parsed(line: str) -> dict[str, Any] | None:
    """A line of the log; None for one that was cut off when the process died."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _not_finite(line: Mapping[str, Any], folder: Folder) -> Diagnostic:
    saved = folder.checkpoint()
    kept = f"; `{display_name(saved)}` is from before" if saved else ""
    help = f"lower `optimiser: {{lr: …}}`, lengthen `schedule: {{warmup: …}}`, or clip the gradient more{kept}"
    return Diagnostic("loss-not-finite", f"the loss of step {line['step']} is {line['loss']}", help=help)
