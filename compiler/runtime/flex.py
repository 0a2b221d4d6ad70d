"""FlexAttention: masks as blocks of pairs, scores changed by a function, computed by a kernel made for both.

On CUDA the kernel is compiled, one for each mask and score function. Elsewhere FlexAttention has no gradients, and the
same functions are asked for every pair instead: the same numbers, without the speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from compiler.runtime.attention import masked_softmax

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

Sees = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Whether, by the numbers of batch, head, query and key, the query sees the key."""
Score = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""What becomes of a score, by the score and the same numbers."""


def block_mask(sees: Sees, batch: int, heads: int, queries: int, keys: int, device: torch.device) -> BlockMask:
    """The block mask of a function; of size 1 along what it does not look at.

    It is made once for all layers of a step; and once for all steps of a length, if it reads no tensor.
    """
    if not torch.compiler.is_compiling():
        captured = _captured(sees)
        if captured is not None:
            return _kept(_Known(sees, captured), batch, heads, queries, keys, device)
    return _made(sees, batch, heads, queries, keys, device)


def _made(sees: Sees, batch: int, heads: int, queries: int, keys: int, device: torch.device) -> BlockMask:
    from torch.nn.attention.flex_attention import create_block_mask

    return create_block_mask(sees, batch, heads, queries, keys, device=device)


def _captured(sees: Sees) -> tuple[int, ...] | None:
    """What a function reads from around it, if that is whole numbers alone."""
    found = tuple(cell.cell_contents for cell in sees.__closure__ or ())
    return found if all(isinstance(it, int) for it in found) else None


class _Known:
    """A function, equal to another one of the same code, file and captured numbers."""

    def __init__(self, sees: Sees, captured: tuple[int, ...]) -> None:
        self.sees = sees
        self.key = (sees.__code__, sees.__module__, captured)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=32)
def _kept(known: _Known, batch: int, heads: int, queries: int, keys: int, device: torch.device) -> BlockMask:
    return _made(known.sees, batch, heads, queries, keys, device)


def flexible_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: BlockMask | None = None,
    score: Score | None = None,
    sink: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """Attention of `B T h c` to `B K g c`: `score` changes the scores, `sink` (one number a head) is one more of them.

    A query that sees no key gets zeros.
    """
    if torch.is_autocast_enabled(query.device.type):
        kind = torch.get_autocast_dtype(query.device.type)
        query, key, value = (part.to(kind) for part in (query, key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    attend = _by_kernel if query.is_cuda else _by_pairs
    return attend(query, key, value, mask, score, sink, scale).transpose(1, 2)


def _by_pairs(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: BlockMask | None,
    score: Score | None,
    sink: Tensor | None,
    scale: float,
) -> Tensor:
    """Every pair one by one; the functions take whole tensors of numbers as well as single ones."""
    shared = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(shared, 1) if shared > 1 else part for part in (key, value))
    shape = (*query.shape[:3], key.shape[2])
    numbers = [
        torch.arange(size, device=query.device).view([-1 if at == axis else 1 for at in range(4)])
        for axis, size in enumerate(shape)
    ]
    scores = scale * (query @ key.mT)
    scores = scores if score is None else score(scores, *numbers)
    seen = None if mask is None else mask.mask_mod(*numbers)
    return masked_softmax(scores, seen, sink).to(value.dtype) @ value  # what is added to scores may widen them


def _by_kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: BlockMask | None,
    score: Score | None,
    sink: Tensor | None,
    scale: float,
) -> Tensor:
    """The compiled kernel; within a model that is compiled itself, it is a part of that."""
    from torch.nn.attention import flex_attention as flex

    attend: Any = flex.flex_attention
    if not torch.compiler.is_compiling():
        attend = _kernel(getattr(score, "__code__", None), None if mask is None else mask.mask_mod.__code__)
    wanted = {"scale": scale, "enable_gqa": query.shape[1] != key.shape[1]}
    if sink is None:
        return attend(query, key, value, score, mask, **wanted)
    out, more = attend(query, key, value, score, mask, **wanted, return_aux=flex.AuxRequest(lse=True))
    return out * torch.sigmoid(more.lse - sink[:, None])[..., None].to(out.dtype)


@lru_cache(maxsize=64)
def _kernel(score: CodeType | None, mask: CodeType | None) -> Callable[..., Any]:
    """A kernel for a score function and a mask.

    Each has a code object of its own, since torch counts recompilations by it and falls back silently beyond a limit.
    """

    def attend(*parts: Any, **wanted: Any) -> Any:
        from torch.nn.attention.flex_attention import flex_attention

        return flex_attention(*parts, **wanted)

    own = FunctionType(attend.__code__.replace(co_name="attend"), attend.__globals__)
    return torch.compile(own, fullgraph=True)
