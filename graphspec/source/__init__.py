"""YAML text as immutable values that know where they stand.

Scalars stay text: what they mean is for the expression grammar. What YAML would do behind the reader's back (anchors,
merge keys, tags, duplicate keys, several documents) is refused, and every text is read in bounded time and depth.
"""

from graphspec.source.accidents import split_expression
from graphspec.source.reader import MAX_BYTES, MAX_FAULTS, parse, read
from graphspec.source.values import Map, Scalar, Sequence, Source, Value

__all__ = [
    "MAX_BYTES",
    "MAX_FAULTS",
    "Map",
    "Scalar",
    "Sequence",
    "Source",
    "Value",
    "parse",
    "read",
    "split_expression",
]
