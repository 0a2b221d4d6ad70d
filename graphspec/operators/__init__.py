"""The primitive operators, each declared once; a file a family."""

from collections.abc import Mapping

from graphspec.operators import attention, linear, norm, pointwise, position, reduce, shape
from graphspec.operators.declare import (
    INITIALISERS,
    Attribute,
    Initialiser,
    Mismatch,
    Operator,
    Port,
    Record,
    Signature,
    Weight,
    operator,
    record,
)

FAMILIES = (linear, attention, norm, position, pointwise, reduce, shape)
OPERATORS: Mapping[str, type[Operator]] = {cls.op: cls for family in FAMILIES for cls in family.OPERATORS}
"""Every operator that a spec can name."""

__all__ = [
    "INITIALISERS",
    "OPERATORS",
    "Attribute",
    "Initialiser",
    "Mismatch",
    "Operator",
    "Port",
    "Record",
    "Signature",
    "Weight",
    "operator",
    "record",
]
