"""Sizes in normal form, axes, tensor types: their equality, printing and values."""

from graphspec.axes.dims import Dim, Monomial, Symbol, dim, product
from graphspec.axes.sizes import Number, Sizes
from graphspec.axes.types import Axis, DType, Role, TensorType, primed, unprimed

__all__ = [
    "Axis",
    "DType",
    "Dim",
    "Monomial",
    "Number",
    "Role",
    "Sizes",
    "Symbol",
    "TensorType",
    "dim",
    "primed",
    "product",
    "unprimed",
]
