"""How things look: colours by kind, measures, and the options of a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down", "right"]
ThemeName = Literal["light", "dark", "print"]

FONTS = "Inter, Helvetica, Arial, sans-serif"
"""What a viewer of an SVG falls back on, in order."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What a drawing shows.

    `depth`: how many levels of blocks are opened; by default the file's own blocks, and none of a library's.
    `focus`: a block that alone is drawn, by the path of a node or its own name. `direction`: where the data flow to.
    `shapes`: on which boxes the axes stand. `params`: whether boxes say how many numbers they learn. `title`: whether
    the model's title stands above, or another text. `explain`: a refuted contract whose path is painted, by its number
    (from 1) or its kind.
    """

    depth: int | None = None
    focus: str = ""
    direction: Direction = "up"
    shapes: Literal["changes", "all", "none"] = "changes"
    params: bool = False
    theme: ThemeName = "light"
    title: bool | str = True
    explain: str = ""


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
    fills={"attention": "#d9d9d9", "cross": "#c4c4c4", "ffn": "#ebebeb", "experts": "#ebebeb", "embedding": "#f5f5f5"},
)

PALETTES: Mapping[ThemeName, Palette] = {"light": _LIGHT, "dark": _DARK, "print": _PRINT}
