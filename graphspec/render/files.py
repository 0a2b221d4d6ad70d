"""Graph → file: the pipeline from graph to picture to DOT to what Graphviz draws, and what is said where it fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args, get_type_hints

from graphspec.diagnostics import Report, display_name, suggestion
from graphspec.graph import Graph
from graphspec.render.dot import dot_text
from graphspec.render.explain import Explanation, explanation_of
from graphspec.render.focus import Focus, focus_of
from graphspec.render.layout import NoLayout, drawn
from graphspec.render.paint import painted
from graphspec.render.picture import Picture
from graphspec.render.place import picture_of
from graphspec.render.scenes import scene_of
from graphspec.render.svg import finished_svg
from graphspec.render.theme import PALETTES, Palette, RenderOptions

FORMATS = ("svg", "png", "pdf", "dot")


def save(graph: Graph, path: Path, report: Report, options: RenderOptions) -> None:
    """See `graphspec.render.write`."""
    explanation = explained(graph, options, report)
    if not report.failed:

        def content(form: str) -> bytes:
            return drawing(graph, form, options, report, explanation)

        saved(path, report, options, content, (*FORMATS, "html"))


def explained(graph: Graph, options: RenderOptions, report: Report) -> Explanation | None:
    """The refutation that is asked for; that both it and a focus can be drawn is made sure of."""
    if options.focus and focus_of(graph, options.focus, report) and options.explain:
        help = "leave out one of `focus` and `explain`"
        report.error("unknown-focus", "a path through the whole model does not fit into one block", None, help=help)
    return explanation_of(graph, options.explain, report) if options.explain and not report.failed else None


def saved(
    path: Path, report: Report, options: RenderOptions, content: Callable[[str], bytes], known: Sequence[str] = FORMATS
) -> None:
    """Write the content that a suffix asks for; where nothing can draw, the DOT beside it. `known` are suggested."""
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        help = suggestion(form, [f".{name}" for name in known], "formats")
        report.error("unknown-format", f"`{display_name(path)}` is no format that can be drawn", None, help=help)
    elif are_known(options, report):
        with reporting(path, report):
            _save(path, form, content, report)


@contextmanager
def reporting(path: Path, report: Report) -> Generator[None]:
    """Report that a file cannot be written."""
    try:
        yield
    except OSError as error:
        help = "choose a folder that exists and may be written to"
        report.error("cannot-write", f"cannot write `{display_name(path)}`: {error.strerror}", None, help=help)


def _save(path: Path, form: str, content: Callable[[str], bytes], report: Report) -> None:
    try:
        data = content(form)
    except NoLayout as error:
        beside = path.with_suffix(".dot")
        beside.write_bytes(content("dot"))
        message = f"{error.message}; the DOT is in `{display_name(beside)}`"
        report.error("no-layout", message, None, help=error.help)
        return
    path.write_bytes(data)


def drawing(
    graph: Graph, form: str, options: RenderOptions, report: Report, explanation: Explanation | None = None
) -> bytes:
    """The content of a file. Raises `NoLayout`; warns of programs that failed before one did not."""
    return finished(picture(graph, options, explanation), form, PALETTES[options.theme], report, graph.name)


def finished(placed: Picture, form: str, palette: Palette, report: Report, name: str) -> bytes:
    """A picture as the content of a file, as `drawing` does it."""
    dot = dot_text(placed, palette)
    if form == "dot":
        return dot.encode()
    made = drawn(dot, form)
    for failure in made.failures:
        report.warning("layout-failed", f"{failure}; drawn by another program", None)
    return finished_svg(made.data, placed, name).encode() if form == "svg" else made.data


def picture(graph: Graph, options: RenderOptions, explanation: Explanation | None = None) -> Picture:
    """The diagram with everything in its place, and the path of a contract painted. Raises `SpecError` where there is
    nothing to focus on."""
    report = Report()
    focus = focus_of(graph, options.focus, report) if options.focus else None
    report.check()
    scene = scene_of(graph, options, focus)
    placed = picture_of(scene, title_of(graph, options, focus), options.direction)
    return painted(placed, scene, explanation) if explanation else placed


def title_of(graph: Graph, options: RenderOptions, focus: Focus | None) -> str:
    """What stands above the diagram."""
    if isinstance(options.title, str):
        return options.title
    return (focus.title if focus else graph.title or graph.name) if options.title else ""


def are_known(options: RenderOptions, report: Report) -> bool:
    """Options come from the command line too: a word that is none is reported."""
    for name, kind in get_type_hints(RenderOptions).items():
        words, value = get_args(kind), getattr(options, name)
        if words and isinstance(words[0], str) and value not in words:
            message = f"`{name}` is one of {', '.join(f'`{word}`' for word in words)}, not `{value}`"
            report.error("wrong-word", message, None, help=suggestion(str(value), words, "words"))
    return not report.failed
