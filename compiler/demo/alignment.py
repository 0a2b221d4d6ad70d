"""Where the model looks in the source while it writes each character."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from compiler.train.predict import Predictor
from compiler.train.vocabulary import START

_BEYOND_THE_FONT = "\u2e80"
WEIGHTS = "decoder.1.cross_attention.weights"


def alignment(predictor: Predictor, text: str) -> tuple[str, np.ndarray]:
    """The answer, and the weights [characters written with END, characters read], mean over heads; rows sum to 1."""
    answer = predictor.answer([text])[0].text
    known = predictor.source
    source_BS = torch.from_numpy(known.encode(text)[None].astype(np.int64))
    target_BT = torch.tensor([[START, *known.encode(answer).tolist()]])
    model: Any = predictor.model  # a compiled model, which is more than an nn.Module
    with torch.no_grad():
        found = model.capture(WEIGHTS, source=source_BS.to(predictor.device), target=target_BT.to(predictor.device))
    return answer, found[WEIGHTS][0].mean(0).cpu().numpy()


def draw(asked: str, answered: str, weights: np.ndarray, out: Path) -> None:
    """A heat map: what is read from left to right, what is written from top to bottom."""
    from matplotlib.figure import Figure

    written = [*_visible(answered), "END"]
    figure = Figure(figsize=(1.2 + 0.28 * len(asked), 1.2 + 0.28 * len(written)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.set_xticks(range(len(asked)), _visible(asked), family="monospace")
    axes.set_yticks(range(len(written)), written, family="monospace")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_title("where the decoder looks while it writes each character", fontsize=9)
    figure.savefig(out, dpi=150, bbox_inches="tight")


def _visible(text: str) -> Sequence[str]:
    """The characters, with a mark for spaces and for those that the font of the picture does not have."""
    return ["␣" if it == " " else it if it < _BEYOND_THE_FONT else "?" for it in text]
