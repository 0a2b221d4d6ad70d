"""The PyTorch backend of GraphSpec.

    spec = graphspec.load("specs/transformer.yaml", layers=2)
    model = compiler.compile(spec)          # a plain nn.Module; `model.source` is its text

torch is imported when something here is first used, not before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.build import compile
    from compiler.checkpoint import load
    from compiler.lower.custom import register
    from compiler.target import Target

_HOMES = {
    "compile": "compiler.build",
    "load": "compiler.checkpoint",
    "Target": "compiler.target",
    "register": "compiler.lower.custom",
}

__all__ = ["Target", "compile", "load", "register"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `compiler` has no attribute `{name}`")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
