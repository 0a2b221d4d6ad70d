"""Values as YAML again, each scalar as it was meant."""

from __future__ import annotations

import json
from collections.abc import Iterator

from graphspec.source.values import Map, Scalar, Sequence, Value

WIDTH = 120
_FLOW = set(",[]{}")


def text_of(root: Map) -> str:
    """A map as the text of a file, short maps and lists in one line."""
    return "\n".join(_lines(root, 0)) + "\n"


def _lines(value: Map, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, item in value.entries:
        head = f"{indent}{_scalar(key)}:"
        line = _flow(item, flow=False)
        if not isinstance(item, Scalar) and len(head) + len(line) >= WIDTH:
            yield head
            yield from _lines(item, depth + 1) if isinstance(item, Map) else _items(item, depth + 1)
        elif isinstance(item, Map) and depth == 0 and item.entries:
            yield head
            yield from _lines(item, 1)
        else:
            yield f"{head} {line}".rstrip()


def _items(value: Sequence, depth: int) -> Iterator[str]:
    return (f"{'  ' * depth}- {_flow(item, flow=False)}" for item in value.items)


def _flow(value: Value, *, flow: bool) -> str:
    if isinstance(value, Map):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(item, flow=True)}' for key, item in value.entries)}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(_flow(item, flow=True) for item in value.items)}]"
    return _scalar(value, flow=flow)


def _scalar(value: Scalar, *, flow: bool = False) -> str:
    if value.style == "plain" and not (flow and _FLOW & set(value.text)):
        return value.text
    return json.dumps(value.text, ensure_ascii=False)
