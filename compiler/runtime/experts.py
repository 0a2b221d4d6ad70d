"""Experts computed together: the places that chose them in rows, those of one expert behind those of the one before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Chosen:
    """The places whose weights [..., experts] are not zero: a row for each, in the order of the experts."""

    def __init__(self, weight: Tensor) -> None:
        flat = weight.flatten(0, -2)
        chosen = flat.T != 0
        self.expert, self.place = chosen.nonzero(as_tuple=True)
        self.ends = chosen.sum(-1).cumsum(0).to(torch.int32)
        self.share = flat[self.place, self.expert]
        self.leading = weight.shape[:-1]

    def rows(self, x: Tensor) -> Tensor:
        """What `x` [..., d] is where experts were chosen."""
        return x.flatten(0, -2)[self.place]

    def linear(self, rows: Tensor, linears: Sequence[nn.Linear]) -> Tensor:
        """Each row by the linear of its expert."""
        weight = torch.stack([linear.weight for linear in linears])
        if torch.is_autocast_enabled(rows.device.type):
            kind = torch.get_autocast_dtype(rows.device.type)
            rows, weight = rows.to(kind), weight.to(kind)
        out = self._products(rows, weight)
        if linears[0].bias is None:
            return out
        return out + torch.stack([linear.bias for linear in linears]).to(out.dtype)[self.expert]

    def _products(self, rows: Tensor, weight: Tensor) -> Tensor:
        """One product for all experts, where torch has it for this type and these sizes."""
        aligned = all(size * rows.element_size() % 16 == 0 for size in weight.shape[1:])
        if rows.dtype in (torch.bfloat16, torch.float16, torch.float32) and aligned and len(rows):
            return F.grouped_mm(rows, weight.mT, offs=self.ends)
        parts = rows.tensor_split(self.ends[:-1].long().cpu())
        return torch.cat([part @ one.mT for part, one in zip(parts, weight, strict=True)])

    def sum(self, rows: Tensor) -> Tensor:
        """The rows, each by its weight, summed where they come from."""
        shared = (self.share[:, None] * rows).to(torch.promote_types(self.share.dtype, rows.dtype))
        total = shared.new_zeros(self.leading.numel(), rows.shape[-1])
        return total.index_add(0, self.place, shared).unflatten(0, self.leading)
