"""What two models have in common and what not: a matching of their graphs, and the report and picture made from it."""

from graphspec.difference.values import Difference, difference

__all__ = ["Difference", "difference"]
