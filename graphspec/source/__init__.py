"""YAML text as immutable values that know where they stand.

Scalars stay text: what they mean is for the expression grammar. What YAML would do behind the reader's back (anchors,
merge keys, tags, duplicate keys, several documents) is refused, and every text is read in bounded time and depth.
"""

from graphspec.source.accidents import split_expression
from graphspec.source.files import DISK, Files, Root
from graphspec.source.paths import file_beside
from graphspec.source.reader import MAX_BYTES, MAX_FAULTS, parse, read
from graphspec.source.values import Map, Scalar, Sequence, Source, Value
from graphspec.source.writing import text_of

__all__ = [
    "DISK",
    "MAX_BYTES",
    "MAX_FAULTS",
    "Files",
    "Map",
    "Root",
    "Scalar",
    "Sequence",
    "Source",
    "Value",
    "file_beside",
    "parse",
    "read",
    "split_expression",
    "text_of",
]
