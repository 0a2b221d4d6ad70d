"""What training minimises, and inputs that may be left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, call, method, number
from compiler.lower.site import Lowering, Site
from graphspec.operators.loss import CTC, CrossEntropy


def cross_entropy(at: Site) -> Code:
    does = cast(CrossEntropy, at.does)
    logits, labels = at.read("logits"), at.read("labels")
    leading = len(at.type("labels").axes)
    if leading > 1:
        logits, labels = method(logits, "flatten", "0", str(leading - 1)), method(labels, "flatten")
    ignore = None if does.ignore == -100 else number(does.ignore)
    smoothing = None if does.smoothing == 0 else number(does.smoothing)
    return call("F.cross_entropy", logits, labels, ignore_index=ignore, label_smoothing=smoothing)


def ctc(at: Site) -> Code:
    does = cast(CTC, at.does)
    given = [at.read(port) for port in ("logits", "labels", "lengths") if at.has(port)]
    blank = None if does.blank == 0 else number(does.blank)
    ignore = None if does.ignore == -100 else number(does.ignore)
    return at.runtime("ctc_loss", *given, blank=blank, ignore=ignore)


LOWERINGS: Mapping[str, Lowering] = {"cross_entropy": cross_entropy, "ctc": ctc}
