"""How large things are, in points. Seen along the flow: `across` it and `along` it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphspec.render.names import shortened, width
from graphspec.render.scene import Item, Scene
from graphspec.render.theme import Direction

TITLE_SIZE, SHAPE_SIZE, FRAME_SIZE, TIMES_SIZE, WHOLE_SIZE = 11.0, 9.0, 12.0, 13.0, 13.0
CAPTION_SIZE, CAPTION_LINE = 10.0, 14.0
LONGEST_TITLE, LONGEST_SHAPE = 90, 56

GAP = 18.0  # from box to box, room for an arrow
FORK = 9.0  # from a box to the point where its value forks
ENTRY = 8.0  # the same from the edge of a frame
TRACK = 11.0  # between parallel lines
CLEAR = 13.0  # from a box to the nearest line beside it
GUTTER = 26.0  # between columns
LABEL = 30.0  # room for a word beside a line
PAD = 12.0  # from a frame to what is in it
BAND = 24.0  # the height of a frame's title
TITLE_BAND = 30.0  # the height of the whole diagram's title
MARK = 15.0  # the diameter of a mark
CELL = 3.0  # one square of a mask's glyph

_BOX_HEIGHT = 32.0
_NARROWEST, _WIDEST = 190.0, 340.0
SIDE_CELL = 20.0  # beside the words, for a mask's glyph or the sign of a sum


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of every item; all boxes of a diagram are as wide as the widest needs to be, but for sources."""

    box_width: float
    direction: Direction

    def size(self, item: Item) -> tuple[float, float]:
        """Across and along the flow."""
        wide, high = self.box(item)
        return (high, wide) if self.direction == "right" else (wide, high)

    def box(self, item: Item) -> tuple[float, float]:
        """Width and height on the page."""
        match item.form:
            case "box":
                return min(_wanted(item), self.box_width) if item.source else self.box_width, _BOX_HEIGHT
            case "mark":
                return MARK, MARK
            case "text":
                return _text_width(item) + 6, 28.0 if item.small else 16.0
            case _:
                return 0.0, 0.0


def measure(scene: Scene, direction: Direction) -> Measure:
    widest = max((_wanted(item) for item in _boxes(scene)), default=0.0)
    return Measure(round(min(max(widest, _NARROWEST), _WIDEST)), direction)


def frame_title_width(item: Item) -> float:
    """A frame's title and what stands beside it."""
    name, beside = frame_title_widths(item)
    return name + (8.0 + beside if beside else 0.0)


def frame_title_widths(item: Item) -> tuple[float, float]:
    """The title, and beside it the number of turns and of what is learned."""
    times, learned = width(shortened(item.times), TIMES_SIZE), width(item.learned, SHAPE_SIZE)
    return width(shortened(item.title), FRAME_SIZE, bold=True), times + (8.0 if times and learned else 0.0) + learned


def title_width(title: str) -> float:
    return width(shortened(title, LONGEST_TITLE), WHOLE_SIZE, bold=True)


def _text_width(item: Item) -> float:
    return max(
        width(shortened(item.title), TITLE_SIZE, bold=True), width(shortened(item.small, LONGEST_SHAPE), SHAPE_SIZE)
    )


def _wanted(item: Item) -> float:
    sides = 2 * SIDE_CELL if item.glyph or item.mark else 0.0
    return _text_width(item) + sides + 16.0


def _boxes(scene: Scene) -> Iterator[Item]:
    for item in scene.items:
        if item.inner:
            yield from _boxes(item.inner)
        elif item.form == "box":
            yield item
