"""Losses that torch does not have in one call."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def ctc_loss(
    logits: Tensor, labels: Tensor, lengths: Tensor | None = None, *, blank: int = 0, ignore: int = -100
) -> Tensor:
    """The mean over the rows of `logits` (`B T classes`) of their loss by label (Graves et al. 2006).

    `labels` (`B L`) end where they are `ignore`; of each row the first of `lengths` frames count. Rows with more labels
    than frames cannot be spelt: their loss is infinite.
    """
    chances = logits.float().log_softmax(-1).transpose(0, 1)
    real = labels != ignore
    if lengths is None:
        lengths = torch.full(labels.shape[:1], logits.shape[1], dtype=torch.long, device=labels.device)
    return F.ctc_loss(chances, labels.masked_fill(~real, blank), lengths, real.sum(-1), blank=blank)
