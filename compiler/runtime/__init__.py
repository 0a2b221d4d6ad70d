"""What generated code calls."""

from compiler.runtime.again import checkpoint
from compiler.runtime.attention import biased_attention, masked_attention, masked_softmax
from compiler.runtime.loss import ctc_loss
from compiler.runtime.model import Model
from compiler.runtime.parameters import Parameters
from compiler.runtime.position import (
    alibi,
    relative_bias,
    rotary_table,
    rotate_halves,
    rotate_pairs,
    sinusoidal_position,
)
from compiler.runtime.scaling import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRoPEScaling,
    NTKScaling,
    YarnScaling,
)
from compiler.runtime.scan import linear_scan

__all__ = [
    "DynamicScaling",
    "LinearScaling",
    "Llama3Scaling",
    "LongRoPEScaling",
    "Model",
    "NTKScaling",
    "Parameters",
    "YarnScaling",
    "alibi",
    "biased_attention",
    "checkpoint",
    "ctc_loss",
    "linear_scan",
    "masked_attention",
    "masked_softmax",
    "relative_bias",
    "rotary_table",
    "rotate_halves",
    "rotate_pairs",
    "sinusoidal_position",
]
