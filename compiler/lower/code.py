"""Python expressions in the making: their text, how tightly they bind, and where a long one may be broken."""

from __future__ import annotations

import re
from dataclasses import dataclass

CONDITIONAL, OR, AND, NOT, COMPARE, BIT_OR, BIT_AND, SUM, PRODUCT, SIGN, POWER, ATOM = range(12)

_LEVELS = {"or": OR, "and": AND, "|": BIT_OR, "&": BIT_AND, "+": SUM, "-": SUM, "**": POWER}
_LEVELS |= dict.fromkeys(("*", "/", "//", "%"), PRODUCT)
_LEVELS |= dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), COMPARE)
_HUGGED = re.compile(r"-?[\w.]+")


@dataclass(frozen=True, slots=True)
class Code:
    """A Python expression. `call` is its outermost call: what stands before, the arguments, what stands after."""

    text: str
    level: int = ATOM
    call: tuple[str, tuple[str, ...], str] | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def is_path(self) -> bool:
        """Whether it is a name or an attribute, which costs nothing to say twice."""
        return re.fullmatch(r"[\w.]+", self.text) is not None

    def within(self, level: int) -> str:
        """The text as an operand of something that binds as tightly as `level`."""
        return self.text if self.level >= level else f"({self.text})"


def atom(text: str) -> Code:
    return Code(text)


def call(function: str, *arguments: Code | str, **named: Code | str | None) -> Code:
    """`function(arguments, named=…)`; named arguments that are None are left out."""
    given = [str(argument) for argument in arguments]
    given += [f"{name}={value}" for name, value in named.items() if value is not None]
    return Code(f"{function}({', '.join(given)})", ATOM, (f"{function}(", tuple(given), ")"))


def method(owner: Code, name: str, *arguments: Code | str, **named: Code | str | None) -> Code:
    """`owner.name(arguments)`. A long `owner` that is a call is what gets broken."""
    made = call(f"{owner.within(ATOM)}.{name}", *arguments, **named)
    return Code(made.text, ATOM, _extended(owner, made) or made.call)


def attribute(owner: Code, name: str) -> Code:
    """`owner.name`. A long `owner` that is a call is what gets broken."""
    made = Code(f"{owner.within(ATOM)}.{name}")
    return Code(made.text, ATOM, _extended(owner, made))


def index(owner: Code, *places: str) -> Code:
    """`owner[places]`, without the trailing full slices that say nothing; `owner` itself if nothing is left."""
    kept = list(places)
    while kept and kept[-1] == ":":
        kept.pop()
    if not kept:
        return owner
    text = f"{owner.within(ATOM)}[{', '.join(kept)}]"
    return Code(text, ATOM, _extended(owner, Code(text)))


def span(start: Code | str, stop: Code | str) -> str:
    """`start:stop` within an index, spaced where a bound is more than a name or a number."""
    before, after = str(start), str(stop)
    if all(re.fullmatch(r"-?\w*", bound) for bound in (before, after)):
        return f"{before}:{after}"
    return f"{before} : {after}".strip()


def _extended(owner: Code, whole: Code) -> tuple[str, tuple[str, ...], str] | None:
    if owner.call is None or owner.level < ATOM:
        return None
    before, arguments, after = owner.call
    return before, arguments, after + whole.text[len(owner.text) :]


def infix(operator: str, left: Code, right: Code) -> Code:
    """`left operator right` with only the parentheses that it needs."""
    level = _LEVELS[operator]
    if operator == "**":
        base, exponent = left.within(POWER + 1), right.within(SIGN)
        hugged = _HUGGED.fullmatch(base) and _HUGGED.fullmatch(exponent)
        return Code(f"{base}**{exponent}" if hugged else f"{base} ** {exponent}", level)
    first = left.within(level + 1 if level == COMPARE else level)
    return Code(f"{first} {operator} {right.within(level + 1)}", level)


def prefix(operator: str, operand: Code) -> Code:
    """`-x`, `~x` or `not x`."""
    level = NOT if operator == "not" else SIGN
    space = " " if operator == "not" else ""
    return Code(f"{operator}{space}{operand.within(NOT if operator == 'not' else ATOM)}", level)


def conditional(then: Code, test: Code, otherwise: Code) -> Code:
    """`then if test else otherwise`."""
    text = f"{then.within(OR)} if {test.within(OR)} else {otherwise.within(CONDITIONAL)}"
    return Code(text, CONDITIONAL)


def tuple_of(*items: Code | str, alone: bool = False) -> Code:
    """`(a, b)`; one item without parentheses, where torch takes it so, unless `alone`: `(a,)`."""
    if len(items) == 1 and not alone:
        return Code(str(items[0]))
    return Code(f"({', '.join(map(str, items))}{',' * (len(items) == 1)})")


def number(value: float | int | bool) -> Code:
    """A literal as a person writes it: `1e-5`, not `1e-05`."""
    text = repr(value)
    if isinstance(value, float) and "e" in text:
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa}e{int(exponent)}"
    return Code(text, SIGN if value < 0 else ATOM)
