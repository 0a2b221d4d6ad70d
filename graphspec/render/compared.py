"""A node of two graphs that are drawn as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from graphspec.graph import Node, Ref

Change = Literal["", "added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Compared(Node):
    """A node and what became of it.

    `within`: something inside is not as it was. `new` and `gone` are those of its inputs that only one of the graphs
    has.
    """

    change: Change = ""
    within: bool = False
    new: frozenset[tuple[str, Ref]] = frozenset()
    gone: frozenset[tuple[str, Ref]] = frozenset()

    def of_input(self, port: str, ref: Ref) -> Change:
        """What became of one of its inputs; those of a node that came or went did so too."""
        if self.change in ("added", "removed"):
            return self.change
        return "added" if (port, ref) in self.new else "removed" if (port, ref) in self.gone else ""


def change_of_input(node: Node, port: str, ref: Ref) -> Change:
    return node.of_input(port, ref) if isinstance(node, Compared) else ""


def change_of(nodes: Iterable[Node], opened: bool = False) -> Change:
    """What became of the nodes that are drawn as one; what is within an opened one is seen there."""
    found: set[Change] = {_change(node, opened) for node in nodes}
    return found.pop() if len(found) == 1 else "changed" if any(found) else ""


def _change(node: Node, opened: bool) -> Change:
    if not isinstance(node, Compared):
        return ""
    return node.change or ("changed" if node.within and not opened else "")


def is_removed(node: Node) -> bool:
    return isinstance(node, Compared) and node.change == "removed"
