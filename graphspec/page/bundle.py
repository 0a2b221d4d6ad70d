"""The page's style and scripts, and facts → one file that needs nothing else.

In the file the scripts are one, each a function of its own that gives what it exports. What the page may run is exactly
that script: its content policy names it by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

from graphspec.page.data import Facts
from graphspec.render.theme import PALETTES, Palette

SCRIPTS = (
    "dom",
    "scene",
    "measure",
    "picture",
    "turns",
    "scenes",
    "places",
    "columns",
    "heights",
    "plan",
    "across",
    "conflicts",
    "pieces",
    "place",
    "paint",
    "draw",
    "view",
    "tree",
    "details",
    "source",
    "search",
    "live",
    "hands",
    "page",
)
"""Each after those that it imports."""

_IMPORT = re.compile(r"^import (\{.*\}) from \"\./(\w+)\.js\";$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?:const \[([^\]]+)\]|(?:class|function\*?|const) (\w+))", re.MULTILINE)


def page_of(facts: Facts | Mapping[str, object]) -> str:
    """The whole page; with `{"live": True}` for facts, one that hears of them from `graphspec watch`."""
    style, script = _style(), _script()
    title = str(facts.get("title", "GraphSpec"))
    parts = {
        "policy": _policy(style, script, connects="live" in facts),
        "title": html.escape(title),
        "style": style,
        "facts": as_json(facts),
        "script": script,
    }
    return re.sub(r"\{(\w+)\}", lambda name: parts[name[1]], _asset("page.html"))


def as_json(facts: Mapping[str, object] | Facts) -> str:
    """JSON that can stand in a script element: no `<` ends it early."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")


def _policy(style: str, script: str, connects: bool) -> str:
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "connect-src": "'self'" if connects else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# -- scripts and style ------------------------------------------------------------------------------------------------


@cache
def _asset(name: str) -> str:
    return (resources.files("graphspec.page") / "web" / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    """All scripts as one."""
    return "\n" + "\n".join(_module(name, _asset(f"{name}.js")) for name in SCRIPTS)


def _module(name: str, text: str) -> str:
    """A module as a constant that holds what it exports."""
    exports = ", ".join(several or one for several, one in _EXPORT.findall(text))
    inner = _IMPORT.sub(r"const \1 = $\2;", text)
    inner = re.sub(r"^export ", "", inner, flags=re.MULTILINE)
    return f"const ${name} = (() => {{\n{inner}return {{ {exports} }};\n}})();\n"


@cache
def _style() -> str:
    light, dark = (_colours(name) for name in ("light", "dark"))
    blocks = [
        f":root {{ color-scheme: light; {light} }}",
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme]) {{ color-scheme: dark; {dark} }} }}",
        f':root[data-theme="dark"] {{ color-scheme: dark; {dark} }}',
        f':root[data-theme="print"] {{ {_colours("print")} }}',
        *(f'.box[data-kind="{kind}"] > .shape {{ fill: var(--fill-{kind}); }}' for kind in PALETTES["light"].fills),
    ]
    return "\n" + "\n".join(blocks) + "\n" + _asset("page.css")


_MORE: Mapping[str, Mapping[str, str]] = {
    "light": {
        "rule": "#d9dbe0",
        "raised": "#f1f2f5",
        "marked": "#fff1b8",
        "focus": "#1a66ff",
        "link": "#1550c0",
        "good": "#1a7f37",
        "warning": "#9a6700",
        "key": "#0b4f9e",
        "string": "#116329",
        "numeral": "#8a3b00",
    },
    "dark": {
        "rule": "#343942",
        "raised": "#22262e",
        "marked": "#4a4214",
        "focus": "#6ea8ff",
        "link": "#8ab4ff",
        "good": "#56d364",
        "warning": "#e3b341",
        "key": "#8ab4ff",
        "string": "#8ddb8c",
        "numeral": "#ffb070",
    },
}
"""What the page has beside the diagram, which print shares with light."""


def _colours(theme: str) -> str:
    palette = PALETTES[theme]  # pyright: ignore[reportArgumentType]
    more = _MORE.get(theme, _MORE["light"])
    return " ".join(f"--{name}: {value};" for name, value in (*_palette(palette), *more.items()))


def _palette(palette: Palette) -> Iterator[tuple[str, str]]:
    for name in ("background", "ink", "muted", "line", "residual", "memory", "border", "frame", "plain", "alarm"):
        yield name, getattr(palette, name)
    yield "alarm-fill", palette.alarm_fill
    yield from ((f"container{at}", colour) for at, colour in enumerate(palette.containers))
    yield from ((f"fill-{kind}", palette.fill(kind)) for kind in PALETTES["light"].fills)
