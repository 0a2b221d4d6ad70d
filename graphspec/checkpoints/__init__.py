"""Checkpoint maps: how another layout names, joins and turns the tensors of a model.

Here they are values, read and checked without a single tensor; `compiler.checkpoint` applies them to files.
"""

from graphspec.checkpoints.computed import Step
from graphspec.checkpoints.layout import FileTensor, Layout, Use, lay_out_files, own_layout
from graphspec.checkpoints.listing import listed
from graphspec.checkpoints.patterns import Cut, Piece
from graphspec.checkpoints.reading import read_maps
from graphspec.checkpoints.resolve import check_map
from graphspec.checkpoints.sizes import configured
from graphspec.checkpoints.values import CheckpointMap, Line

__all__ = [
    "CheckpointMap",
    "Cut",
    "FileTensor",
    "Layout",
    "Line",
    "Piece",
    "Step",
    "Use",
    "check_map",
    "configured",
    "lay_out_files",
    "listed",
    "own_layout",
    "read_maps",
]
