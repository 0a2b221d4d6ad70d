"""How things look: colours by kind, measures, and the options of a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Direction = Literal["up", "down", "right"]
ThemeName = Literal["auto", "light", "dark", "print"]

FONTS = "Inter, Helvetica, Arial, sans-serif"
"""What a viewer of an SVG falls back on, in order."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What a drawing shows.

    `depth`: how many levels of blocks are opened; by default the file's own blocks, and none of a library's.
    `focus`: a block that alone is drawn, by the path of a node or its own name. `direction`: where the data flow to.
    `shapes`: on which boxes the axes stand. `params`: whether boxes say how many numbers they learn. `theme`: `auto` is
    light, but a page follows the screen that it is seen on. `title`: whether the model's title stands above, or another
    text. `explain`: a refuted contract whose path is painted, by its number (from 1) or its kind.
    """

    depth: int | None = None
    focus: str = ""
    direction: Direction = "up"
    shapes: Literal["changes", "all", "none"] = "changes"
    params: bool = False
    theme: ThemeName = "auto"
    title: bool | str = True
    explain: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How something painted looks: its border or line, its fill (empty: as it would be) and its dashes."""

    colour: str
    fill: str = ""
    width: float = 2
    dashes: str = ""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme; `fills` by kind, `containers` from the outermost level inwards."""

    background: str
    ink: str
    muted: str
    line: str
    residual: str
    memory: str
    border: str
    frame: str
    containers: tuple[str, ...]
    fills: Mapping[str, str]
    plain: str
    alarm: str
    alarm_fill: str
    changes: Mapping[str, Look]

    def look(self, paint: str) -> Look:
        """How what is painted looks."""
        if paint in self.changes:
            return self.changes[paint]
        return Look(self.alarm, self.alarm_fill if paint == "leap" else "")

    def fill(self, kind: str) -> str:
        return self.fills.get(kind, self.plain)


_LIGHT = Palette(
    background="#ffffff",
    ink="#1f1f1f",
    muted="#666666",
    line="#444444",
    residual="#7a7a7a",
    memory="#8a2be2",
    border="#5a5a5a",
    frame="#9a9a9a",
    containers=("#f5f5f5", "#ebebed", "#e1e2e6"),
    plain="#ececec",
    alarm="#d32020",
    alarm_fill="#ffc9c2",
    changes={
        "added": Look("#1a7f37", "#c8ecd0"),
        "removed": Look("#cf222e", "#fde3e1", 1.4, "dashed"),
        "changed": Look("#b26a00", "#ffe7b3"),
    },
    fills={
        "attention": "#ffe2bb",
        "cross": "#f6d5f0",
        "ffn": "#c2e8f7",
        "experts": "#bfe6df",
        "norm": "#f2f4c1",
        "embedding": "#fce0e2",
        "position": "#fce0e2",
        "linear": "#dddfef",
        "reduce": "#cce7cf",
        "pointwise": "#f7ead9",
        "convolution": "#d6e9c6",
        "scan": "#d5e4de",
        "shape": "#efefef",
        "mark": "#ffffff",
    },
)

_DARK = Palette(
    background="#16181d",
    ink="#f0f0f0",
    muted="#a6abb5",
    line="#c4c8d0",
    residual="#8b919d",
    memory="#c792ff",
    border="#9aa0ab",
    frame="#5d636f",
    containers=("#1f2229", "#282c35", "#323742"),
    plain="#3a3f4a",
    alarm="#ff6b5e",
    alarm_fill="#8c2a22",
    changes={
        "added": Look("#56d364", "#1b5e2a"),
        "removed": Look("#ff7b72", "#4a2020", 1.4, "dashed"),
        "changed": Look("#e3b341", "#6a4b0c"),
    },
    fills={
        "attention": "#7a4f16",
        "cross": "#6f3366",
        "ffn": "#1d5a73",
        "experts": "#1c6156",
        "norm": "#5d6019",
        "embedding": "#74353b",
        "position": "#74353b",
        "linear": "#3f4475",
        "reduce": "#2b6233",
        "pointwise": "#5c4a33",
        "convolution": "#44622b",
        "scan": "#35574a",
        "shape": "#3a3f4a",
        "mark": "#16181d",
    },
)

_PRINT = Palette(
    background="#ffffff",
    ink="#000000",
    muted="#444444",
    line="#000000",
    residual="#555555",
    memory="#000000",
    border="#000000",
    frame="#555555",
    containers=("#ffffff", "#f4f4f4", "#eaeaea"),
    plain="#ffffff",
    alarm="#c00000",
    alarm_fill="#bdbdbd",
    changes={
        "added": Look("#000000", "#d0d0d0", 2.6),
        "removed": Look("#000000", "#ffffff", 1.2, "dashed"),
        "changed": Look("#000000", "#f0f0f0", 2.2, "dotted"),
    },
    fills={"attention": "#d9d9d9", "cross": "#c4c4c4", "ffn": "#ebebeb", "experts": "#ebebeb", "embedding": "#f5f5f5"},
)

PALETTES: Mapping[ThemeName, Palette] = {"auto": _LIGHT, "light": _LIGHT, "dark": _DARK, "print": _PRINT}


def pale(palette: Palette) -> Palette:
    """The palette with fills near the background, for what is not the subject of a picture."""
    fills = {kind: _between(fill, palette.background) for kind, fill in palette.fills.items()}
    plain = _between(palette.plain, palette.background)
    border, line = (_between(colour, palette.background) for colour in (palette.border, palette.line))
    return replace(palette, fills=fills, plain=plain, border=border, line=line)


def _between(colour: str, other: str, share: float = 0.6) -> str:
    """A colour with a share of another one in it."""
    pairs = [(int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(own + share * (to - own)):02x}" for own, to in pairs)
