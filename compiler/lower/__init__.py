"""Every operator in Python: one function each, a file a family."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.lower import (
    attention,
    choice,
    contract,
    convolution,
    inputs,
    linear,
    loss,
    norm,
    pointwise,
    position,
    rearrange,
    reduce,
    scan,
    shape,
)
from compiler.lower.site import Lowering

FAMILIES = (
    linear,
    contract,
    convolution,
    attention,
    norm,
    position,
    pointwise,
    reduce,
    scan,
    shape,
    rearrange,
    choice,
    loss,
    inputs,
)
LOWERINGS: Mapping[str, Lowering] = {name: lower for family in FAMILIES for name, lower in family.LOWERINGS.items()}
"""By the name of the operator. `attend` and `rotary` are rewritten by the passes and do not occur."""
