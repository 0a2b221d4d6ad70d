"""What a model is compiled for: device, precision, objective, what it returns, fusion, kernel."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Literal, cast, get_args

from graphspec import expressions as syntax
from graphspec.diagnostics import Diagnostic, File, Report, Span, SpecError, suggestion

Device = Literal["auto", "cpu", "cuda", "meta"]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
Fusion = Literal["plain", "fused"]
Returns = Literal["loss"]
KernelName = Literal["sdpa", "flex", "varlen", "explicit"]
ObjectiveKind = Literal["next_token", "cross_entropy", "ctc"]

ROUNDED: tuple[Precision, ...] = ("bf16", "fp16")
"""The precisions for which weights are copied at every step, to be rounded."""

PIECE = 1 << 24
"""How many logits a fused loss holds at a time: fewer are slower, as a gradient is gone through for each piece."""

IGNORE = -100
"""The label that counts for nothing, torch's own by default."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What training minimises: `next_token(logits, tokens)`, `cross_entropy(logits, labels)`, `ctc(logits, labels)`.

    `output` and `labels` may be empty where only one is possible; labels equal to `ignore` count for nothing.
    `smoothing` is the weight of a uniform target. `ctc` may have `lengths`, an output or input that says how many
    frames of each row count, and another label for the `blank` than 0.
    """

    kind: ObjectiveKind
    output: str = ""
    labels: str = ""
    ignore: int = IGNORE
    smoothing: float = 0.0
    lengths: str = ""
    blank: int = 0

    def __str__(self) -> str:
        words = [word for word in (self.output, self.labels, self.lengths) if word]
        words += [f"ignore={self.ignore}"] if self.ignore != IGNORE else []
        words += [f"smoothing={self.smoothing}"] if self.smoothing else []
        words += [f"blank={self.blank}"] if self.blank else []
        return f"{self.kind}({', '.join(words)})" if words else self.kind


@dataclass(frozen=True)
class Target:
    """For what the code is generated. `objective` may be given as text: `next_token(logits, tokens)`.

    `precision` is what the trainer multiplies in: autocast, or for tf32 CUDA's own way with fp32 tensors. Parameters
    and what the optimiser remembers are fp32 whatever it is.

    `fusion` is `plain` for a line for each node of the spec, or `fused` for what is faster; names and values are the
    same. `returns` is `loss` for the objective alone, without the outputs of the spec. `kernel` computes every
    attention; by default each gets the best that is exact. `memory` (`16GB`) is what a step of training at the sizes
    `at` (`(B=8, T=1024)`) may take: turns of repeats are computed again rather than kept until it fits.
    """

    device: Device = "auto"
    precision: Precision = "fp32"
    objective: Objective | str | None = None
    fusion: Fusion = "plain"
    returns: Returns | None = None
    kernel: KernelName | None = None
    memory: str | None = None
    at: str = ""

    def __post_init__(self) -> None:
        if self.memory is not None and as_bytes(self.memory) <= 0:
            raise SpecError([_no_amount(self.memory, None)])
        if self.at and not as_sizes(self.at):
            raise SpecError([_no_sizes(self.at, None)])
        if isinstance(self.objective, str):
            report = Report()
            found = parse_objective(self.objective, report, _span(self.objective))
            report.check()
            object.__setattr__(self, "objective", found)

    @property
    def goal(self) -> Objective | None:
        """The objective, parsed."""
        return cast("Objective | None", self.objective)

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of `at`."""
        return as_sizes(self.at)

    def __str__(self) -> str:
        return ",".join(f"{f.name}={value}" for f in fields(self) if (value := getattr(self, f.name)) not in (None, ""))

    @staticmethod
    def parse(text: str, report: Report) -> Target:
        """`device=cuda,precision=bf16,objective=next_token`; problems go to the report, what is wrong is left out."""
        found: dict[str, str] = {}
        for part in re.finditer(r"(?:[^,()]|\([^()]*\))+", text):
            key, _, value = (piece.strip() for piece in part[0].partition("="))
            span = _span(text).part(part.start(), part.end())
            if _is_fine(key, value, found, span, report):
                found[key] = value
        objective = found.pop("objective", None)
        goal = parse_objective(objective, report, _span(text)) if objective else None
        return Target(objective=goal, **found)  # pyright: ignore[reportArgumentType]


CHOICES: dict[str, tuple[str, ...]] = {
    "device": get_args(Device),
    "precision": get_args(Precision),
    "fusion": get_args(Fusion),
    "returns": get_args(Returns),
    "kernel": get_args(KernelName),
}


def _span(text: str) -> Span:
    return Span(File("--target", text), 1, 1, 1, len(text) + 1)


def _is_fine(key: str, value: str, found: dict[str, str], span: Span, report: Report) -> bool:
    known = (*CHOICES, "objective", "memory", "at")
    if key not in known:
        report.error("unknown-target", f"a target has no `{key}`", span, help=suggestion(key, known, "keys"))
        return False
    if key in found:
        report.error("unknown-target", f"`{key}` is given twice", span)
        return False
    if key in CHOICES and value not in CHOICES[key]:
        help = suggestion(value, CHOICES[key], "values")
        report.error("unknown-target", f"`{key}` cannot be `{value}`", span, help=help)
        return False
    if (key == "memory" and as_bytes(value) <= 0) or (key == "at" and not as_sizes(value)):
        report.add(_no_amount(value, span) if key == "memory" else _no_sizes(value, span))
        return False
    return True


UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def as_bytes(text: str) -> int:
    """`16GB` as a number; 0 if it is no amount of memory."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    return int(float(found[1]) * UNITS.get(found[2], 0)) if found else 0


def as_sizes(text: str) -> dict[str, int]:
    """`(B=8, T=1024)` as numbers; nothing if it is no list of sizes."""
    parts = [part.partition("=") for part in text.strip("() ").split(",")]
    found = {name.strip(): size.strip() for name, _, size in parts}
    fine = all(name.isidentifier() and size.isdigit() and int(size) for name, size in found.items())
    return {name: int(size) for name, size in found.items()} if fine else {}


def _no_amount(text: str, span: Span | None) -> Diagnostic:
    help = f"write `16GB`; known units: {', '.join(f'`{unit}`' for unit in UNITS)}"
    return Diagnostic("unknown-target", f"`memory` cannot be `{text}`", span, help=help)


def _no_sizes(text: str, span: Span | None) -> Diagnostic:
    return Diagnostic("unknown-target", f"`at` cannot be `{text}`", span, help="write `at=(B=8, T=1024)`")


USAGE = (
    "write `next_token(logits, tokens)` or `cross_entropy(logits)`, with `ignore=…` or `smoothing=…` behind,"
    " or `ctc(logits, labels, lengths)` with `ignore=…` or `blank=…`"
)


def parse_objective(text: str, report: Report, span: Span) -> Objective | None:
    """An objective from its text; problems go to the report."""
    try:
        return _objective(syntax.parse(text))
    except syntax.ExpressionError as error:
        report.error("unknown-objective", f"`{text}` is no objective: {error.message}", span, help=USAGE)
    except _Wrong as error:
        report.error("unknown-objective", str(error), span, help=error.help)
    return None


class _Wrong(Exception):
    def __init__(self, message: str, help: str = USAGE) -> None:
        super().__init__(message)
        self.help = help


def _objective(expression: syntax.Expression) -> Objective:
    if isinstance(expression, syntax.Name):
        return Objective(_kind(expression.text))
    if not isinstance(expression, syntax.Call):
        raise _Wrong("an objective is a call")
    kind = _kind(expression.function.text)
    words = [argument.text for argument in expression.arguments if isinstance(argument, syntax.Name)]
    named = dict(zip(("output", "labels", "lengths"), words, strict=False))
    if len(words) != len(expression.arguments) or len(words) > (3 if kind == "ctc" else 2):
        more = ", and that of the lengths" if kind == "ctc" else ""
        raise _Wrong(f"`{kind}` takes the name of an output, then that of an input{more}")
    numbers = {name: _number(kind, name, value) for name, value in expression.keywords}
    return Objective(kind, **named, **numbers)  # pyright: ignore[reportArgumentType]


def _kind(name: str) -> ObjectiveKind:
    kinds = get_args(ObjectiveKind)
    if name not in kinds:
        raise _Wrong(f"there is no objective `{name}`", suggestion(name, kinds, "objectives"))
    return cast(ObjectiveKind, name)


def _number(kind: ObjectiveKind, name: str, value: syntax.Expression) -> float | int:
    sign, known = 1, ("ignore", "blank") if kind == "ctc" else ("ignore", "smoothing")
    if isinstance(value, syntax.Unary) and value.operator == "-":
        sign, value = -1, value.operand
    if name not in known or not isinstance(value, syntax.Number):
        raise _Wrong(f"an objective has no `{name}` of this kind")
    return sign * value.value
