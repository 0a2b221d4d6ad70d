"""What generated code calls."""

from compiler.runtime.attention import masked_attention, masked_softmax
from compiler.runtime.model import Model
from compiler.runtime.parameters import Parameters
from compiler.runtime.position import rotary_table, rotate_halves, rotate_pairs, sinusoidal_position

__all__ = [
    "Model",
    "Parameters",
    "masked_attention",
    "masked_softmax",
    "rotary_table",
    "rotate_halves",
    "rotate_pairs",
    "sinusoidal_position",
]
