"""Emitted source as an imported module."""

from __future__ import annotations

import sys
from types import ModuleType

from compiler.emit import Emitted
from compiler.runtime import files


def load(emitted: Emitted, name: str) -> ModuleType:
    """The module of emitted source; a new one if a function that it imports has been defined anew since."""
    module = files.load(emitted.text, name)
    if any(getattr(module, own) is not does for own, does in emitted.foreign.items()):
        del sys.modules[module.__name__]
        module = files.load(emitted.text, name)
    return module
