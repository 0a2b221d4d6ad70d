"""What training minimises, and inputs that may be left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, call, method, number
from compiler.lower.site import Lowering, Site
from compiler.passes.internal import LinearCrossEntropy
from graphspec.operators.loss import CTC, CrossEntropy


def cross_entropy(at: Site) -> Code:
    does = cast(CrossEntropy, at.does)
    logits, labels = _flat(at, "logits"), _flat(at, "labels")
    ignore, smoothing = _options(does)
    return call("F.cross_entropy", logits, labels, ignore_index=ignore, label_smoothing=smoothing)


def ctc(at: Site) -> Code:
    does = cast(CTC, at.does)
    given = [at.read(port) for port in ("logits", "labels", "lengths") if at.has(port)]
    blank = None if does.blank == 0 else number(does.blank)
    ignore = None if does.ignore == -100 else number(does.ignore)
    return at.runtime("ctc_loss", *given, blank=blank, ignore=ignore)


def linear_cross_entropy(at: Site) -> Code:
    does = cast(LinearCrossEntropy, at.does)
    tensors = at.tensors()
    ignore, smoothing = _options(does)
    at.chose("cross-entropy of a projection", "in pieces", "the logits never exist whole")
    return at.runtime(
        "linear_cross_entropy",
        *(_flat(at, port) for port in ("x", "labels")),
        *(tensors[name] for name in ("weight", "bias") if name in tensors),
        ignore_index=ignore,
        label_smoothing=smoothing,
    )


def _flat(at: Site, port: str) -> Code:
    """What is at a port, with one axis for all the places that have a label."""
    leading = len(at.type("labels").axes)
    if leading < 2:
        return at.read(port)
    return method(at.read(port), "flatten", *(["0", str(leading - 1)] if port != "labels" else []))


def _options(does: CrossEntropy | LinearCrossEntropy) -> tuple[Code | None, Code | None]:
    """What differs from torch's own defaults."""
    ignore = None if does.ignore == -100 else number(does.ignore)
    return ignore, None if does.smoothing == 0 else number(does.smoothing)


LOWERINGS: Mapping[str, Lowering] = {
    "cross_entropy": cross_entropy,
    "linear_cross_entropy": linear_cross_entropy,
    "ctc": ctc,
}
