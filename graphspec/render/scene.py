"""The items of a diagram, what is in which, what is joined to what. Pure data, no measures.

The scene of a body does not know where the body stands, so that a body used in many places is one scene.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from graphspec.render.compared import Change
from graphspec.render.glyphs import Glyph


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a scene: a box, a mark, a text (an input or output of the model), a point, or a container.

    A `source` is a box that reads nothing; `learned` is how many numbers it learns, where that is shown. `names` are
    the nodes for which it stands; if it stands for some turns of a repeat, `turns` says which: the number of their run,
    and where in the run's pattern they stand. `change`, here and below: what became of it, where two graphs are drawn
    as one.
    """

    name: str
    form: str
    kind: str = ""
    title: str = ""
    mark: str = ""
    glyph: Glyph = ()
    times: str = ""
    learned: str = ""
    inner: Scene | None = None
    source: bool = False
    note: str = field(default="", compare=False)
    names: tuple[str, ...] = field(default=(), compare=False)
    turns: frozenset[tuple[int, int]] = field(default=frozenset(), compare=False, repr=False)
    shape: str = field(default="", compare=False)
    change: Change = ""

    @property
    def small(self) -> str:
        """What stands below the title of a box or text."""
        return " · ".join(filter(None, [self.shape, self.learned]))


@dataclass(frozen=True, slots=True)
class Wire:
    """A value on its way: from an item (or an input of the scene) to an item (or an output of the scene).

    Empty names stand for the scene's own ends; ports tell which of them, and which of a container's.
    """

    tail: str
    out: str
    head: str
    port: str
    memory: bool = False
    change: Change = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """The items of one body from the first computed to the last.

    `ties` are pairs of items that learn one tensor, `entry` is the point at which a body's first input comes in,
    `ends` are the items that stand for a model's outputs.
    """

    items: tuple[Item, ...]
    wires: tuple[Wire, ...]
    ties: tuple[tuple[str, str], ...] = ()
    entry: str = ""
    ends: tuple[str, ...] = ()
