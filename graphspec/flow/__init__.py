"""Flow: what an output position may read of an input position, as an algebra of relations."""

from graphspec.flow.interval import EVERYWHERE, Bound, Interval, at_most
from graphspec.flow.marks import NO_FACTS, NO_MARKS, Covered, Fact, Facts, Keys, Length, Marks, Order, all_marks
from graphspec.flow.relation import (
    Guard,
    Padding,
    Piece,
    Relation,
    Rest,
    along,
    compose,
    join,
    piece,
    power,
    relation,
    whole,
    within,
)

__all__ = [
    "EVERYWHERE",
    "NO_FACTS",
    "NO_MARKS",
    "Bound",
    "Covered",
    "Fact",
    "Facts",
    "Guard",
    "Interval",
    "Keys",
    "Length",
    "Marks",
    "Order",
    "Padding",
    "Piece",
    "Relation",
    "Rest",
    "all_marks",
    "along",
    "at_most",
    "compose",
    "join",
    "piece",
    "power",
    "relation",
    "whole",
    "within",
]
