"""A tensor of the model out of a file's, and back into its place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphspec.checkpoints import FileTensor, Piece


def take(whole: Tensor, tensor: FileTensor, piece: Piece) -> Tensor:
    """The part of a file's tensor that is one of the model's."""
    part = _cut(whole.reshape(tensor.view), piece).permute(piece.order)
    if piece.stretches:
        part = part.index_select(piece.stretches.axis, torch.tensor(piece.stretches.places))
    return part.reshape(piece.shape)


def join(parts: Sequence[tuple[Tensor, Piece]], tensor: FileTensor) -> Tensor:
    """A file's tensor from the model's that are its parts; what those skip is zero."""
    first, piece = parts[0]
    if len(parts) == 1 and not piece.cuts and not piece.stretches and piece.order == tuple(range(len(piece.order))):
        return first.reshape(tensor.shape)
    whole = torch.zeros(tensor.view, dtype=first.dtype)
    for part, piece in parts:
        place = _cut(whole, piece).permute(piece.order)
        if piece.stretches:
            chosen = torch.tensor(piece.stretches.places)
            place.index_copy_(piece.stretches.axis, chosen, part.reshape(piece.permuted))
        else:
            place.copy_(part.reshape(place.shape))
    return whole.reshape(tensor.shape)


def _cut(whole: Tensor, piece: Piece) -> Tensor:
    for cut in piece.cuts:
        whole = whole.narrow(cut.axis, cut.start, cut.length)
    return whole
