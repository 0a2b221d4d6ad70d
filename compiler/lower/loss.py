"""What training minimises, and inputs that may be left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, call, method, number
from compiler.lower.site import Lowering, Site
from graphspec.operators.loss import CrossEntropy


def cross_entropy(at: Site) -> Code:
    does = cast(CrossEntropy, at.does)
    logits, labels = at.read("logits"), at.read("labels")
    leading = len(at.type("labels").axes)
    if leading > 1:
        logits, labels = method(logits, "flatten", "0", str(leading - 1)), method(labels, "flatten")
    ignore = None if does.ignore == -100 else number(does.ignore)
    smoothing = None if does.smoothing == 0 else number(does.smoothing)
    return call("F.cross_entropy", logits, labels, ignore_index=ignore, label_smoothing=smoothing)


LOWERINGS: Mapping[str, Lowering] = {"cross_entropy": cross_entropy}
