"""Which kernel computes an attention, and why: decided here and nowhere else.

`sdpa` is `F.scaled_dot_product_attention`, `flex` is FlexAttention, `varlen` is torch's attention of variable lengths,
`explicit` is products and softmax one by one. Each is taken only where it is exact. FlexAttention computes its
gradients on CUDA alone, and pays where blocks of keys are seen by nobody or scores are changed; padding and plain
causality are what SDPA does best. `varlen` must be asked for: it refuses documents that stand in pieces, which nothing
but their numbers tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

from compiler.target import ROUNDED, KernelName, Target
from graphspec.axes import Sizes, TensorType, dim
from graphspec.diagnostics import Note, Report, Span
from graphspec.graph import Body, Graph, Node, inner_bodies
from graphspec.masks import Causal, Documents, Everything, Keys, Mask, Window, atoms, conjuncts
from graphspec.operators.attention import Attend

KERNELS: tuple[KernelName, ...] = get_args(KernelName)
SPOKEN = {"sdpa": "SDPA", "flex": "flex"}
NARROWEST = 16
"""Features of a head that FlexAttention takes at least."""
WIDEST, STEP = 256, 8
"""Features of a head that `varlen` takes at most, and what must divide them."""


def choose_kernels(graph: Graph, target: Target) -> dict[tuple[Body, str], Choice]:
    """The kernel of each attention, by its body and name. Raises `SpecError`: `kernel-not-exact`."""
    report, found = Report(), dict[tuple[Body, str], Choice]()
    sizes = graph.known_sizes
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
        reasons = {"sdpa": self._against_sdpa, "flex": self._against_flex, "varlen": self._against_varlen}
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
        if not self._has_rows:
            yield "not exactly one axis stands before its positions"
        if any(width is not None and width < NARROWEST for width in self._widths):
            yield f"its heads have less than {NARROWEST} features"

    def _against_varlen(self) -> Iterator[str]:
        if self.target.device != "cuda":
            yield "it runs on CUDA alone"
        if self.target.precision not in ROUNDED:
            yield f"it computes in {' and '.join(ROUNDED)} alone"
        if packed(self.attend.mask) is None:
            yield "its mask is not of documents, with causality and a window at most"
        yield from self._more_than_products()
        if not self._has_rows:
            yield "not exactly one axis stands before its positions"
        if not self.sizes.same(*(kind.sizes[-3] for kind in self._types[:2])):
            yield "its queries and keys stand at different positions"
        if len(set(self._widths)) > 1:
            yield "its values are not as wide as its keys"
        if any(width is None or width > WIDEST or width % STEP for width in self._widths):
            yield f"the features of its heads are not a multiple of {STEP} up to {WIDEST}"

    def _more_than_products(self) -> Iterator[str]:
        """What is done to scores and weights besides the softmax."""
        if self._gives_weights:
            yield "its weights are read"
        if self.attend.softcap is not None:
            yield "its scores are bounded"
        if self._has("bias") or self._has("sink"):
            yield "its scores get a bias or a sink"
        if self.attend.dropout.value != 0:
            yield "it drops weights in training"

    @property
    def _types(self) -> list[TensorType]:
        """Those of query, key and value."""
        return [self.body.type_of(ref) for port, ref in self.node.inputs if port in ("query", "key", "value")]

    @property
    def _has_rows(self) -> bool:
        return all(len(kind.axes) == 4 for kind in self._types)

    @property
    def _widths(self) -> list[int | None]:
        return [self.sizes.value(kind.sizes[-1]) for kind in self._types]

    def _pays(self) -> bool:
        """Whether FlexAttention is to be preferred."""
        changed = self.attend.softcap is not None or self._has("bias") or self._has("sink")
        return self.target.device == "cuda" and (changed or not is_padding(self.attend.mask))

    def _has(self, port: str) -> bool:
        return self.node.input(port) is not None

    @property
    def _gives_weights(self) -> bool:
        return len(self.node.outputs) > 1


def packed(mask: Mask) -> tuple[Documents, Window] | None:
    """A mask as the documents and the window within them that it shows, if it says nothing else."""
    parts = conjuncts(mask)
    documents = [part for part in parts if isinstance(part, Documents)]
    windows = [part for part in parts if isinstance(part, Window)]
    known = all(isinstance(part, Documents | Window | Causal | Everything) for part in parts)
    if not known or len(documents) != 1 or len(windows) > 1:
        return None
    window = windows[0] if windows else Window()
    return documents[0], replace(window, right=dim(0)) if Causal() in parts else window


def is_padding(mask: Mask) -> bool:
    """Whether a mask says no more than which keys are real, and perhaps causality."""
    parts = conjuncts(mask)
    return all(isinstance(part, Everything | Causal | Keys) for part in parts) and len(parts) == len(list(atoms(mask)))
