"""Attention on a CPU by a kernel of its own, for compiled code: `cpu_attention.cpp`, which says how it goes.

It computes what torch's operator does, in less time: blocks of pairs that nobody sees are left out, and the products of
a head are too small for a library to be quick at. The compiler is the one that `torch.compile` needs anyway.
"""

from __future__ import annotations

import ctypes
import math
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ATEN = torch.ops.aten
SOURCE = Path(__file__).with_suffix(".cpp")
FLAGS = ("-ffp-contract=fast", "-ftree-loop-vectorize")
"""What torch leaves out for kernels that it writes itself."""
STEP = 16
"""What divides the features of a head."""
FEWEST, MOST = 32, 2048
"""Queries from which on it is the quicker one; and keys up to which, without a mask."""


def is_there() -> bool:
    """Whether this machine is of a kind on which it was measured to be quicker."""
    known = sys.platform == "linux" and platform.machine() == "x86_64"
    return known and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


@torch.library.custom_op("graphspec::cpu_attention", mutates_args=())
def cpu_attention(
    query: Tensor, key: Tensor, value: Tensor, is_causal: bool, attn_mask: Tensor | None, scale: float | None
) -> tuple[Tensor, Tensor]:
    """`F.scaled_dot_product_attention` of fp32 tensors `B H T c` and `B G K c`; a mask is added to the scores.

    The second result, `B H T`, is the logarithm of the sum of each query's exponentials.
    """
    if not _is_quicker(query, key, attn_mask):
        own = ATEN._scaled_dot_product_flash_attention_for_cpu
        return own(query, key, value, 0.0, is_causal, attn_mask=attn_mask, scale=scale)
    query, key, value = (_ready(it) for it in (query, key, value))
    out, logsumexp = _results(query, value)
    mask = _ready_mask(attn_mask, key)
    problem = _problem(query, key, value, out, mask, logsumexp, is_causal, scale)
    _kernel().forward(ctypes.byref(problem), torch.get_num_threads())
    return out, logsumexp


@torch.library.custom_op("graphspec::cpu_attention_backward", mutates_args=())
def cpu_attention_backward(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    logsumexp: Tensor,
    is_causal: bool,
    attn_mask: Tensor | None,
    scale: float | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients for query, key and value; `out` and `logsumexp` are what `cpu_attention` gave."""
    if not _is_quicker(query, key, attn_mask):
        own = ATEN._scaled_dot_product_flash_attention_for_cpu_backward
        given = (grad_out, query, key, value, out, logsumexp, 0.0, is_causal)
        return own(*given, attn_mask=attn_mask, scale=scale)
    grad_out, query, key, value, out = (_ready(it) for it in (grad_out, query, key, value, out))
    made = _gradients(query, key, value)
    mask = _ready_mask(attn_mask, key)
    problem = _problem(query, key, value, out, mask, logsumexp, is_causal, scale)
    gradients = _Gradients(*(_described(it) for it in (grad_out, *made)))
    _kernel().backward(ctypes.byref(problem), ctypes.byref(gradients), torch.get_num_threads())
    return made


def _is_quicker(query: Tensor, key: Tensor, mask: Tensor | None) -> bool:
    """It begins later, threads share its work by heads of keys, and very long rows of scores leave the cache."""
    shared = key.shape[0] * key.shape[1] >= torch.get_num_threads()
    return shared and query.shape[2] >= FEWEST and (mask is not None or key.shape[2] <= MOST)


def _ready(tensor: Tensor) -> Tensor:
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _ready_mask(mask: Tensor | None, key: Tensor) -> Tensor | None:
    """The mask with four axes, the last one being that of all keys."""
    if mask is None:
        return None
    mask = mask[(None,) * (4 - mask.ndim)]
    return _ready(mask.expand(*mask.shape[:-1], key.shape[2]))


def _results(query: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """In the layout of torch's: heads behind positions."""
    batch, heads, length, _ = query.shape
    out = query.new_empty(batch, length, heads, value.shape[-1])
    return out.transpose(1, 2), query.new_empty(batch, length, heads).transpose(1, 2)


def _gradients(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    of_query, of_key, of_value = (_results(it, it)[0] for it in (query, key, value))
    return of_query, of_key, of_value


@cpu_attention.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return _results(query, value)


@cpu_attention_backward.register_fake
def _(grad_out: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _gradients(query, key, value)


# -- the library ------------------------------------------------------------------------------------------------------


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("at", ctypes.c_void_p),
        ("batch", ctypes.c_int64),
        ("head", ctypes.c_int64),
        ("row", ctypes.c_int64),
    )


TENSORS = ("query", "key", "value", "out", "bias", "total")
SIZES = ("batch", "heads", "groups", "queries", "keys", "width", "value_width")


class _Problem(ctypes.Structure):
    _fields_ = (
        *((name, _Tensor) for name in TENSORS),
        *((name, ctypes.c_int64) for name in SIZES),
        ("scale", ctypes.c_float),
        ("causal", ctypes.c_bool),
    )


class _Gradients(ctypes.Structure):
    _fields_ = tuple((name, _Tensor) for name in ("out", "query", "key", "value"))


def _problem(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    mask: Tensor | None,
    logsumexp: Tensor,
    is_causal: bool,
    scale: float | None,
) -> _Problem:
    batch, heads, queries, width = query.shape
    groups, keys = key.shape[1:3]
    sizes = (batch, heads, groups, queries, keys, width, value.shape[-1])
    scale = 1 / math.sqrt(width) if scale is None else scale
    return _Problem(*(_described(it) for it in (query, key, value, out, mask, logsumexp)), *sizes, scale, is_causal)


def _described(tensor: Tensor | None) -> _Tensor:
    if tensor is None:
        return _Tensor()
    strides = (0 if tensor.shape[axis] == 1 else tensor.stride(axis) for axis in range(3))
    return _Tensor(tensor.data_ptr(), *strides)


@cache
def _kernel() -> Any:
    """The library, made for this machine by its first use; torch keeps it beside its own kernels."""
    from torch._inductor.codecache import CppCodeCache

    return CppCodeCache.load(SOURCE.read_text(encoding="utf-8"), "cpu", extra_flags=FLAGS)
