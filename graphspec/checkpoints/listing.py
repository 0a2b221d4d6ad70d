"""Many names in few lines: `h.{0-11}.attn.bias`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import prod

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


def listed(names: Iterable[str]) -> list[str]:
    """The names, those that differ only in the numbers between dots as one, if no number is left out."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_NUMBER.sub("#", name), []).append(name)
    return [line for shape, group in groups.items() for line in _together(shape, group)]


def _together(shape: str, names: list[str]) -> list[str]:
    columns = list(zip(*(map(int, _NUMBER.findall(name)) for name in names), strict=True))
    ranges = [sorted(set(column)) for column in columns]
    gapless = all(numbers == list(range(numbers[0], numbers[-1] + 1)) for numbers in ranges)
    if len(names) < 2 or not gapless or prod(map(len, ranges)) != len(set(names)):
        return names
    texts = iter(str(n[0]) if len(n) == 1 else f"{{{n[0]}-{n[-1]}}}" for n in ranges)
    return [_shaped(shape, texts)]


def _shaped(shape: str, texts: Iterable[str]) -> str:
    found = iter(texts)
    return "".join(next(found) if part == "#" else part for part in re.split(r"(#)", shape))
