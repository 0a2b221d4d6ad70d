"""Relations in words: `tokens[t − 255 … t]`, `the first 4 of tokens`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from graphspec.axes import Axis, Dim, TensorType, dim
from graphspec.flow import EVERYWHERE, Bound, Interval, Piece, Relation, at_most

NOTHING = "nothing"


def letter(axis: Axis) -> str:
    """What the index along an axis is called: `t` along `T`, `i` along an axis that has no name."""
    named = sorted(axis.size.symbols)
    return (named[0][0].lower() if named else "i") + "′" * axis.primed


def letters(given: TensorType) -> tuple[str, ...]:
    """The letters of a type's axes, no two alike."""
    found: list[str] = []
    for axis in given.axes:
        own = letter(axis)
        while own in found:
            own += "′"
        found.append(own)
    return tuple(found)


def entry(name: str, place: str) -> str:
    """`logits[t]`."""
    return f"{name}[{place}]" if place else name


def offset(index: str, by: int) -> str:
    """`t + 1`, `t − 3`, `t`."""
    return _added(index, dim(by))


def size_words(size: Dim) -> str:
    """`T - 1` as people write it."""
    return str(size).replace(" - ", " − ").replace(" * ", "·").replace("-", "−")


# -- relations --------------------------------------------------------------------------------------------------------


def said(relation: Relation, source: str, size: Dim, index: Sequence[str]) -> str:
    """What a reader reads of a source along an axis of `size`; `index` are the letters of the reader's axes."""
    found = dict.fromkeys(_phrase(item, source, size, index) for item in without_parts(relation))
    return " and ".join(found) or NOTHING


def without_parts(relation: Iterable[Piece]) -> Relation:
    """Without the pieces that lie within another one."""
    pieces = tuple(relation)
    return tuple(p for p in pieces if not any(other is not p and _covers(other, p) for other in pieces))


def _covers(larger: Piece, smaller: Piece) -> bool:
    return not larger.rates and larger.control == smaller.control and larger.absolute.contains(smaller.absolute)


def _phrase(item: Piece, source: str, size: Dim, index: Sequence[str]) -> str:
    return _relative(item, source, size, index) if item.rates else _absolute(item.absolute, source, size)


def _absolute(places: Interval, source: str, size: Dim) -> str:
    low, high = places.low or dim(0), places.high if places.high is not None else size - 1
    if places.point is not None:
        last = places.point == size - 1 and places.point.symbols
        return f"the last of `{source}`" if last else f"`{source}[{size_words(low)}]`"
    if low == dim(0):
        return f"all of `{source}`" if high == size - 1 else f"the first {size_words(high + 1)} of `{source}`"
    if high == size - 1:
        return f"the last {size_words(size - low)} of `{source}`"
    return f"`{source}[{size_words(low)} … {size_words(high)}]`"


def _relative(item: Piece, source: str, size: Dim, index: Sequence[str]) -> str:
    place = _index(item, index)
    if item.relative.point is not None:
        text = f"`{source}[{_added(place, item.relative.point)}]`"
    else:
        low = _end(place, item.relative.low, item.absolute.low or dim(0))
        last = item.absolute.high if item.absolute.high is not None else size - 1
        beyond = item.relative.high is None or (not _turned(item) and at_most(last, item.relative.high))
        high = _end(place, None if beyond else item.relative.high, last)
        text = f"`{source}[{low} … {high}]`"
    return text + _within(item, size)


def _within(item: Piece, size: Dim) -> str:
    """What is said of the places beside the offsets, where it is news."""
    whole, (low, high) = Interval.first(size), (item.absolute.low, item.absolute.high)
    if item.absolute in (whole, EVERYWHERE):
        return ""
    first, last = item.relative.low, item.relative.high
    news_low = low is not None and first is not None and low not in (dim(0), first)
    news_high = high is not None and last is not None and high not in (size - 1, size - 1 + last)
    if not news_low and not news_high:
        return ""
    return f" within {_absolute(item.absolute, source='it', size=size).replace(' of `it`', '').replace('`', '')}"


def _index(item: Piece, index: Sequence[str]) -> str:
    """`t`, `2·t`, `4·h + w`, `−t`."""
    text = ""
    for axis, rate in item.rates:
        term = _times(abs(rate), index[axis])
        text += (f" {'−' if rate < 0 else '+'} {term}") if text else ("−" if rate < 0 else "") + term
    return text


def _times(rate: Fraction, name: str) -> str:
    number = "" if rate.numerator == 1 else f"{rate.numerator}·"
    return f"{number}{name}" + ("" if rate.denominator == 1 else f"/{rate.denominator}")


def _turned(item: Piece) -> bool:
    return any(rate < 0 for _, rate in item.rates)


def _end(place: str, bound: Bound, otherwise: Dim) -> str:
    return size_words(otherwise) if bound is None else _added(place, bound)


def _added(place: str, bound: Dim) -> str:
    """A place and an offset, whichever is positive first."""
    number = bound.rational({})
    text = size_words(bound) if number is None else str(number).replace("-", "−")
    if text == "0":
        return place
    if place.startswith("−"):
        return f"{text} − {place[1:]}"
    return f"{place} − {text[1:]}" if text.startswith("−") else f"{place} + {text}"


# -- data and control -------------------------------------------------------------------------------------------------


def halves(relation: Relation) -> tuple[Relation, Relation]:
    """What is read as data, and what through masks, routes and positions."""
    return tuple(p for p in relation if not p.control), tuple(p for p in relation if p.control)


def sentences(relation: Relation, source: str, size: Dim, index: Sequence[str]) -> Iterator[str]:
    """What is read as data; then, if there is any, what as control."""
    data, control = halves(relation)
    if data or not control:
        yield said(data, source, size, index)
    if control:
        yield f"{said(control, source, size, index)} (through masks, routes or positions)"
