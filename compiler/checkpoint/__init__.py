"""Weights in files: read strictly, renamed and turned by the maps of a spec, in both directions.

Only safetensors are read: a pickle runs code of whoever wrote it.
"""

from compiler.checkpoint.configuration import find_sizes, read_spec_for
from compiler.checkpoint.convert import export_weights, import_weights
from compiler.checkpoint.load import load
from compiler.checkpoint.maps import choose, layout_of
from compiler.checkpoint.table import mapping, mapping_text

__all__ = [
    "choose",
    "export_weights",
    "find_sizes",
    "import_weights",
    "layout_of",
    "load",
    "mapping",
    "mapping_text",
    "read_spec_for",
]
