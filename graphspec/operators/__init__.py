"""The primitive operators, each declared once; a file a family."""

from graphspec.operators import (
    attention,
    choice,
    contract,
    convolution,
    linear,
    norm,
    pointwise,
    position,
    rearrange,
    reduce,
    scan,
    shape,
)
from graphspec.operators.declare import INITIALISERS, Attribute, Initialiser, Operator, Record, Weight, operator, record
from graphspec.operators.registry import Registration, Registry
from graphspec.operators.signature import Mismatch, Port, Signature

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
)
OPERATORS = Registry(cls for family in FAMILIES for cls in family.OPERATORS)
"""Every operator that a spec can name."""

register = OPERATORS.register

__all__ = [
    "INITIALISERS",
    "OPERATORS",
    "Attribute",
    "Initialiser",
    "Mismatch",
    "Operator",
    "Port",
    "Record",
    "Registration",
    "Registry",
    "Signature",
    "Weight",
    "operator",
    "record",
    "register",
]
