"""Which kernel computes an attention, and why: decided here and nowhere else.

`sdpa` is `F.scaled_dot_product_attention`, `flex` is FlexAttention, `explicit` is products and softmax one by one. Each
is taken only where it is exact. FlexAttention computes its gradients on CUDA alone, and pays where blocks of keys are
seen by nobody or scores are changed; padding and plain causality are what SDPA does best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from compiler.target import KernelName, Target
from graphspec.axes import Sizes
from graphspec.diagnostics import Note, Report, Span
from graphspec.graph import Body, Graph, Node, inner_bodies
from graphspec.masks import Causal, Everything, Keys, Mask, atoms, conjuncts
from graphspec.operators.attention import Attend

KERNELS: tuple[KernelName, ...] = get_args(KernelName)
SPOKEN = {"sdpa": "SDPA", "flex": "flex"}
NARROWEST = 16
"""Features of a head that FlexAttention takes at least."""


def choose_kernels(graph: Graph, target: Target) -> dict[tuple[Body, str], Choice]:
    """The kernel of each attention, by its body and name. Raises `SpecError`: `kernel-not-exact`."""
    report, found = Report(), dict[tuple[Body, str], Choice]()
    sizes = Sizes(graph.sizes, {axis.name: axis.size for axis in graph.axes if axis.size is not None})
    for body, used in uses(graph).items():
        for node in body.nodes:
            if isinstance(node.does, Attend):
                choice = Candidates(node, node.does, body, target, sizes).choose()
                if isinstance(choice, Choice):
                    found[body, node.name] = choice
                else:
                    _refuse(choice, node, body, used, report)
    report.check()
    return found


def uses(graph: Graph) -> dict[Body, Span]:
    """Every body, outer ones first, with the place in the user's file that uses it."""
    found = {graph.body: graph.body.span}
    for body in reversed(graph.bodies()):
        for node in body.nodes:
            own = node.span if node.span.file == graph.body.span.file else found[body]
            for inner in inner_bodies(node):
                found.setdefault(inner, own)
    return found


def _refuse(refusal: Refusal, node: Node, body: Body, used: Span, report: Report) -> None:
    message = f"`{refusal.kernel}` cannot compute `{node.name}` of `{body.block}`: {refusal.why}"
    able = " or ".join(f"`{kernel}`" for kernel in refusal.others)
    within = node.span.file == used.file
    notes = () if within else (Note(f"`{body.block}` attends here", node.span),)
    help = f"{able} can; or leave the choice open"
    report.error("kernel-not-exact", message, node.span if within else used, notes=notes, help=help)


@dataclass(frozen=True, slots=True)
class Choice:
    """The kernel of one attention, and why not another one where that says something."""

    kernel: KernelName
    why: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kernel that was asked for and cannot compute an attention, and those that can."""

    kernel: KernelName
    why: str
    others: tuple[KernelName, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What each kernel has against computing one attention."""

    node: Node
    attend: Attend
    body: Body
    target: Target
    sizes: Sizes

    def choose(self) -> Choice | Refusal:
        """The target's kernel where it is exact, else the best that is."""
        against: dict[KernelName, str] = {kernel: self.against(kernel) for kernel in KERNELS}
        able: tuple[KernelName, ...] = tuple(kernel for kernel in KERNELS if not against[kernel])
        forced = self.target.kernel
        if forced is not None:
            return Choice(forced, "forced") if forced in able else Refusal(forced, against[forced], able)
        wanted: KernelName = "flex" if self._pays() else "sdpa"
        if wanted in able:
            return Choice(wanted)
        missed = {kernel: against[kernel] for kernel in self._expected() if against[kernel]}
        if able[0] == "explicit" and len(set(missed.values())) == 1:
            return Choice("explicit", next(iter(missed.values())))
        return Choice(able[0], "; ".join(f"not {SPOKEN[kernel]}, as {why}" for kernel, why in missed.items()))

    def _expected(self) -> Iterator[KernelName]:
        """The kernels that one would expect; nobody expects FlexAttention but on CUDA."""
        yield "sdpa"
        if self.target.device == "cuda":
            yield "flex"

    def against(self, kernel: KernelName) -> str:
        """Why a kernel cannot compute this attention; empty if it can."""
        reasons = {"sdpa": self._against_sdpa, "flex": self._against_flex}
        return next(reasons[kernel](), "") if kernel in reasons else ""

    def _against_sdpa(self) -> Iterator[str]:
        if self._gives_weights:
            yield "its weights are read"
        if self.attend.softcap is not None:
            yield "its scores are bounded"
        if self._has("sink"):
            yield "it has a sink"

    def _against_flex(self) -> Iterator[str]:
        if self._gives_weights:
            yield "its weights are read"
        if self.target.device != "cuda":
            yield "it gives gradients on CUDA alone"
        if self.attend.dropout.value != 0:
            yield "it drops weights in training"
        types = [self.body.type_of(ref) for port, ref in self.node.inputs if port in ("query", "key", "value")]
        if any(len(kind.axes) != 4 for kind in types):
            yield "not exactly one axis stands before its positions"
        widths = [self.sizes.value(kind.sizes[-1]) for kind in types]
        if any(width is not None and width < NARROWEST for width in widths):
            yield f"its heads have less than {NARROWEST} features"

    def _pays(self) -> bool:
        """Whether FlexAttention is to be preferred."""
        changed = self.attend.softcap is not None or self._has("bias") or self._has("sink")
        return self.target.device == "cuda" and (changed or not is_padding(self.attend.mask))

    def _has(self, port: str) -> bool:
        return self.node.input(port) is not None

    @property
    def _gives_weights(self) -> bool:
        return len(self.node.outputs) > 1


def is_padding(mask: Mask) -> bool:
    """Whether a mask says no more than which keys are real, and perhaps causality."""
    parts = conjuncts(mask)
    return all(isinstance(part, Everything | Causal | Keys) for part in parts) and len(parts) == len(list(atoms(mask)))
