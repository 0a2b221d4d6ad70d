"""Document → graph: names resolved, blocks bound and elaborated, every tensor typed."""

from graphspec.elaborate.model import elaborate

__all__ = ["elaborate"]
