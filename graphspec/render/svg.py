"""Graphviz's SVG → one that stands alone: fonts to fall back on, words for those who cannot see it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from graphspec.render.dot import BESIDE_SUFFIX, GLYPH_SUFFIX
from graphspec.render.names import plain
from graphspec.render.picture import Box, Frame, Picture
from graphspec.render.scene import Item
from graphspec.render.theme import FONTS

_SPACE = "http://www.w3.org/2000/svg"
_KEPT = ("svg", "g", "title", "desc", "path", "polygon", "polyline", "ellipse", "text")


def finished_svg(svg: bytes, picture: Picture, name: str) -> str:
    """The SVG of a picture, as text. `name` is read aloud where the model has no title."""
    ElementTree.register_namespace("", _SPACE)
    root = ElementTree.fromstring(svg)
    _strip(root)
    centres = _centres(root, picture)
    words = dict(_words(picture))
    for group in root.iter(_tag("g")):
        _centre(group, centres)
        _sharpen(group)
        _rename(group, words)
    for text in root.iter(_tag("text")):
        text.set("font-family", FONTS)
    _describe(root, picture, name)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def description(picture: Picture) -> str:
    """The diagram in words: what stands in it from below, containers with what is in them, and its caption."""
    return " ".join(["From the inputs on: " + ", ".join(_listed(picture, "")) + ".", *picture.caption])


# -- what Graphviz wrote ----------------------------------------------------------------------------------------------


def _tag(name: str) -> str:
    return f"{{{_SPACE}}}{name}"


def _strip(root: ElementTree.Element) -> None:
    """Leave out numbers that vary, and whatever is no drawing."""
    for parent in root.iter():
        parent.attrib.pop("id", None)
        for child in list(parent):
            if child.tag not in map(_tag, _KEPT):
                parent.remove(child)


def _title(group: ElementTree.Element) -> str:
    return group.findtext(_tag("title")) or ""


def _rename(group: ElementTree.Element, words: Mapping[str, str]) -> None:
    """Titles are what a pointer shows: nodes of the spec by their paths, decorations not at all."""
    title = group.find(_tag("title"))
    if title is None:
        return
    text = words.get((title.text or "").removeprefix("cluster_"), "")
    if group.get("class") == "graph" or not text:
        group.remove(title)
    else:
        title.text = text


def _words(picture: Picture) -> Iterator[tuple[str, str]]:
    for piece in picture.pieces:
        if isinstance(piece, Box | Frame):
            facts = (piece.path.replace("/", ".").removeprefix("→"), piece.item.note, piece.item.shape)
            yield plain(piece.path), " · ".join(fact for fact in facts if fact)


# -- words in the middle of their boxes, whatever the font ------------------------------------------------------------


def _centres(root: ElementTree.Element, picture: Picture) -> Mapping[str, float]:
    """Where the middle of each box, and of the whole, is in the SVG: Graphviz has moved all by the same step."""
    boxes = {plain(piece.path): piece.x for piece in picture.pieces if isinstance(piece, Box)}
    frames = (piece for piece in picture.pieces if isinstance(piece, Frame))
    apart = {plain(piece.path + BESIDE_SUFFIX): piece.beside[0] for piece in frames if piece.beside}
    for group in root.iter(_tag("g")):
        shape = group.find(_tag("path"))
        if group.get("class") == "node" and shape is not None and _title(group) in boxes:
            xs = [float(x) for x in re.findall(r"(-?[\d.]+),-?[\d.]+", shape.get("d", ""))]
            step = (min(xs) + max(xs)) / 2 - boxes[_title(group)]
            return {path: x + step for path, x in {**boxes, **apart, "": picture.width / 2}.items()}
    return {}


def _centre(group: ElementTree.Element, centres: Mapping[str, float]) -> None:
    """Anchor words at the middle, line by line; a line of several pieces stays as it is."""
    centre = centres.get("" if group.get("class") == "graph" else _title(group))
    lines = Counter(text.get("y") for text in group.findall(_tag("text")))
    for text in group.findall(_tag("text")):
        if centre is not None and group.get("class") != "cluster" and lines[text.get("y")] == 1:
            text.set("text-anchor", "middle")
            text.set("x", f"{centre:.2f}")


def _sharpen(group: ElementTree.Element) -> None:
    """The squares of a mask's glyph meet without seams."""
    if _title(group).endswith(GLYPH_SUFFIX):
        for square in group.findall(_tag("polygon")):
            square.set("shape-rendering", "crispEdges")


def _describe(root: ElementTree.Element, picture: Picture, name: str) -> None:
    title = picture.title or name
    root.set("role", "img")
    root.set("aria-label", title)
    for at, (tag, text) in enumerate((("title", title), ("desc", description(picture)))):
        element = ElementTree.Element(_tag(tag))
        element.text = text
        root.insert(at, element)


def _listed(picture: Picture, path: str) -> Iterator[str]:
    for piece in picture.pieces:
        if isinstance(piece, Box | Frame) and piece.item.title and piece.path.rpartition("/")[0] == path:
            yield _phrase(picture, piece.path, piece.item)


def _phrase(picture: Picture, path: str, item: Item) -> str:
    times = f" {item.times}" if item.times else ""
    inside = ", ".join(_listed(picture, path)) if item.inner else ""
    return f"{item.title}{times}" + (f" ({inside})" if inside else "")
