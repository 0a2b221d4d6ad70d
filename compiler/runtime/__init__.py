"""What generated code calls."""

from compiler.runtime.again import checkpoint
from compiler.runtime.attention import biased_attention, masked_attention, masked_softmax
from compiler.runtime.experts import Chosen
from compiler.runtime.flex import block_mask, flexible_attention
from compiler.runtime.linear import merged_linear
from compiler.runtime.linear_loss import linear_cross_entropy
from compiler.runtime.loss import ctc_loss
from compiler.runtime.model import Model
from compiler.runtime.packed import bounds_of_documents, packed_attention
from compiler.runtime.parameters import Parameters
from compiler.runtime.pointwise import gelu_by_sigmoid, relu_by_sign
from compiler.runtime.position import (
    alibi,
    alibi_slopes,
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
    "Chosen",
    "DynamicScaling",
    "LinearScaling",
    "Llama3Scaling",
    "LongRoPEScaling",
    "Model",
    "NTKScaling",
    "Parameters",
    "YarnScaling",
    "alibi",
    "alibi_slopes",
    "biased_attention",
    "block_mask",
    "bounds_of_documents",
    "checkpoint",
    "ctc_loss",
    "flexible_attention",
    "gelu_by_sigmoid",
    "linear_cross_entropy",
    "linear_scan",
    "masked_attention",
    "masked_softmax",
    "merged_linear",
    "packed_attention",
    "relative_bias",
    "relu_by_sign",
    "rotary_table",
    "rotate_halves",
    "rotate_pairs",
    "sinusoidal_position",
]
