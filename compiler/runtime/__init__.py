"""What generated code calls."""

from compiler.runtime.attention import masked_attention, masked_softmax
from compiler.runtime.model import Model
from compiler.runtime.parameters import Parameters
from compiler.runtime.position import rotary_table, rotate_halves, rotate_pairs, sinusoidal_position
from compiler.runtime.scaling import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRoPEScaling,
    NTKScaling,
    YarnScaling,
)

__all__ = [
    "DynamicScaling",
    "LinearScaling",
    "Llama3Scaling",
    "LongRoPEScaling",
    "Model",
    "NTKScaling",
    "Parameters",
    "YarnScaling",
    "masked_attention",
    "masked_softmax",
    "rotary_table",
    "rotate_halves",
    "rotate_pairs",
    "sinusoidal_position",
]
