"""Sizes in normal form: their arithmetic, equality, printing and values.

A `Dim` is a polynomial with rational coefficients over *atoms*: names of sizes, and quotients or remainders that do
not simplify. Powers may be negative where a division is known to be exact. There is one `Dim` for one value: equality
is equality of normal forms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Literal


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A named size: a parameter, or an axis whose size is known at run time."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A size function that the polynomial cannot hold: `//`, `%`, `min` or `max` of two sizes."""

    name: Literal["//", "%", "min", "max"]
    left: Dim
    right: Dim


Atom = Symbol | Function
Monomial = tuple[tuple[Atom, int], ...]


def _atom_key(atom: Atom) -> tuple[str, str]:
    return ("", atom.name) if isinstance(atom, Symbol) else ("~", str(Dim.of_atom(atom)))


def _monomial_key(monomial: Monomial) -> tuple[int, tuple[tuple[tuple[str, str], int], ...]]:
    return (-sum(power for _, power in monomial), tuple((_atom_key(atom), -power) for atom, power in monomial))


@dataclass(frozen=True, eq=False)
class Dim:
    """A size, in normal form. Build it with `dim`, `Dim.symbol` and arithmetic."""

    terms: tuple[tuple[Monomial, Fraction], ...]

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Dim):
            return self is other
        return self._hash == other._hash and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.terms)

    # -- making -------------------------------------------------------------------------------------------------------

    @staticmethod
    def symbol(name: str) -> Dim:
        return Dim.of_atom(Symbol(name))

    @staticmethod
    def of_atom(atom: Atom) -> Dim:
        return _made(((((atom, 1),), Fraction(1)),))

    @staticmethod
    def of_terms(terms: Mapping[Monomial, Fraction]) -> Dim:
        kept = [(monomial, factor) for monomial, factor in terms.items() if factor]
        return _made(tuple(sorted(kept, key=lambda term: _monomial_key(term[0])) if len(kept) > 1 else kept))

    # -- arithmetic ---------------------------------------------------------------------------------------------------

    def __add__(self, other: Dim | int) -> Dim:
        sums = dict(self.terms)
        for monomial, factor in dim(other).terms:
            sums[monomial] = sums.get(monomial, Fraction(0)) + factor
        return Dim.of_terms(sums)

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim | int) -> Dim:
        return self + dim(other) * -1

    def __mul__(self, other: Dim | int | Fraction) -> Dim:
        if isinstance(other, Fraction):
            return Dim.of_terms({monomial: factor * other for monomial, factor in self.terms})
        products: dict[Monomial, Fraction] = {}
        for left, a in self.terms:
            for right, b in dim(other).terms:
                monomial = _times(left, right)
                products[monomial] = products.get(monomial, Fraction(0)) + a * b
        return Dim.of_terms(products)

    def __pow__(self, power: int) -> Dim:
        result = dim(1)
        for _ in range(power):
            result = result * self
        return result

    def __floordiv__(self, other: Dim | int) -> Dim:
        """Rounded down. Whole parts are taken out: `(4 * n + 1) // 4` is `n` and `(n + 4) // 4` is `n // 4 + 1`."""
        divisor = dim(other)
        whole, rest = _divide(self, divisor)
        return whole if rest is None else whole + _function("//", rest, divisor)

    def __mod__(self, other: Dim | int) -> Dim:
        divisor = dim(other)
        _, rest = _divide(self, divisor)
        return dim(0) if rest is None else _function("%", rest, divisor)

    def exactly_divided(self, other: Dim) -> Dim | None:
        """`self / other`, known to be whole: as negative powers, so that multiplying back gives `self` again."""
        if len(other.terms) != 1:
            return None
        (monomial, factor) = other.terms[0]
        inverse = Dim((((tuple((atom, -power) for atom, power in monomial)), 1 / factor),))
        return self * inverse

    def minimum(self, other: Dim) -> Dim:
        return _extreme("min", self, other)

    def maximum(self, other: Dim) -> Dim:
        return _extreme("max", self, other)

    # -- questions ----------------------------------------------------------------------------------------------------

    @property
    def constant(self) -> int | None:
        """The number, if this size is one."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and not self.terms[0][0] and self.terms[0][1].denominator == 1:
            return int(self.terms[0][1])
        return None

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names that this size depends on."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom, _ in monomial:
                found |= {atom.name} if isinstance(atom, Symbol) else atom.left.symbols | atom.right.symbols
        return frozenset(found)

    def substitute(self, sizes: Mapping[str, Dim]) -> Dim:
        """Replace names by sizes."""
        if not self.symbols & sizes.keys():
            return self
        total = dim(0)
        for monomial, factor in self.terms:
            product, below = dim(1) * factor, dim(1)
            for atom, power in monomial:
                value = _substitute_atom(atom, sizes)
                if power > 0:
                    product = product * value**power
                else:
                    below = below * value**-power
            total = total + (product if below == dim(1) else (product.exactly_divided(below) or product // below))
        return total

    def value(self, sizes: Mapping[str, int]) -> int | None:
        """The number at the given sizes, or None where one is missing, or where it is not whole."""
        exact = self.rational(sizes)
        return int(exact) if exact is not None and exact.denominator == 1 else None

    def rational(self, sizes: Mapping[str, int]) -> Fraction | None:
        total = Fraction(0)
        for monomial, factor in self.terms:
            for atom, power in monomial:
                value = _atom_value(atom, sizes)
                if value is None or (value == 0 and power < 0):
                    return None
                factor = factor * Fraction(value) ** power
            total += factor
        return total

    def at_least(self, other: Dim | int, *, smallest: int = 1) -> bool:
        """Whether `self ≥ other` for all sizes from `smallest` up. False means: not shown."""
        difference = self - dim(other)
        shifted = difference.substitute({name: Dim.symbol(name) + smallest for name in difference.symbols})
        return all(factor >= 0 and all(power > 0 for _, power in monomial) for monomial, factor in shifted.terms)

    # -- printing -----------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        """As an expression of the language, which is one of Python too."""
        if not self.terms:
            return "0"
        ordered = sorted(self.terms, key=lambda term: term[1] < 0)
        shared = math.lcm(*(factor.denominator for _, factor in ordered))
        text = ""
        for monomial, factor in ordered:
            written = _written(monomial, abs(factor * shared))
            text += (" - " if factor < 0 else " + ") + written if text else ("-" if factor < 0 else "") + written
        if shared == 1:
            return text[1:-1] if _is_one_function(self) else text
        return f"({text}) // {shared}" if len(ordered) > 1 else f"{text} // {shared}"

    def __repr__(self) -> str:
        return f"Dim({self})"

    @property
    def is_atomic(self) -> bool:
        """Whether it prints as one word."""
        return str(self).replace("_", "").isalnum()


@lru_cache(maxsize=1 << 14)
def _made(terms: tuple[tuple[Monomial, Fraction], ...]) -> Dim:
    """One object for terms that come often, so that comparing it costs nothing."""
    return Dim(terms)


@lru_cache(maxsize=4096)
def _int_dim(value: int) -> Dim:
    return _made((((), Fraction(value)),)) if value else _made(())


def dim(value: Dim | int | str) -> Dim:
    """A number or a name as a `Dim`."""
    if isinstance(value, Dim):
        return value
    return Dim.symbol(value) if isinstance(value, str) else _int_dim(value)


def product(sizes: Iterable[Dim]) -> Dim:
    total = dim(1)
    for size in sizes:
        total = total * size
    return total


def _times(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(((a, p) for a, p in powers.items() if p), key=lambda item: _atom_key(item[0])))


def _divide(value: Dim, divisor: Dim) -> tuple[Dim, Dim | None]:
    """The terms that `divisor` divides for sure, divided; and the rest, or None if nothing is left."""
    if len(divisor.terms) != 1:
        return (dim(1), None) if value == divisor else (dim(0), value)
    whole: dict[Monomial, Fraction] = {}
    rest: dict[Monomial, Fraction] = {}
    for monomial, factor in value.terms:
        quotient = _divide_term(monomial, factor, divisor.terms[0])
        if quotient is None:
            rest[monomial] = factor
        else:
            whole[quotient[0]] = quotient[1]
    quotient_dim, remainder = Dim.of_terms(whole), Dim.of_terms(rest)
    number, unit = rest.get((), Fraction(0)), divisor.constant
    if unit and number.denominator == 1:
        quotient_dim, remainder = quotient_dim + int(number) // unit, remainder - int(number) + int(number) % unit
    return quotient_dim, remainder if remainder.terms else None


def _divide_term(
    monomial: Monomial, factor: Fraction, divisor: tuple[Monomial, Fraction]
) -> tuple[Monomial, Fraction] | None:
    below, by = divisor
    quotient = _times(monomial, tuple((atom, -power) for atom, power in below))
    whole = (factor / by).denominator == 1 and all(power > 0 or (atom, power) in monomial for atom, power in quotient)
    return (quotient, factor / by) if whole else None


def _function(name: Literal["//", "%", "min", "max"], left: Dim, right: Dim) -> Dim:
    a, b = left.constant, right.constant
    if a is not None and b:
        return dim({"//": a // b, "%": a % b, "min": min(a, b), "max": max(a, b)}[name])
    return Dim.of_atom(Function(name, left, right))


def _extreme(name: Literal["min", "max"], left: Dim, right: Dim) -> Dim:
    if left.at_least(right):
        return left if name == "max" else right
    if right.at_least(left):
        return right if name == "max" else left
    first, second = sorted((left, right), key=str)
    return _function(name, first, second)


def _substitute_atom(atom: Atom, sizes: Mapping[str, Dim]) -> Dim:
    if isinstance(atom, Symbol):
        return sizes.get(atom.name, Dim.of_atom(atom))
    left, right = atom.left.substitute(sizes), atom.right.substitute(sizes)
    match atom.name:
        case "//":
            return left // right
        case "%":
            return left % right
        case "min":
            return left.minimum(right)
        case "max":
            return left.maximum(right)


def _atom_value(atom: Atom, sizes: Mapping[str, int]) -> int | None:
    if isinstance(atom, Symbol):
        return sizes.get(atom.name)
    left, right = atom.left.value(sizes), atom.right.value(sizes)
    if left is None or right is None:
        return None
    match atom.name:
        case "//":
            return left // right if right else None
        case "%":
            return left % right if right else None
        case "min":
            return min(left, right)
        case "max":
            return max(left, right)


def _written(monomial: Monomial, factor: Fraction) -> str:
    above = [_power(atom, power) for atom, power in monomial if power > 0]
    below = [_power(atom, -power) for atom, power in monomial if power < 0]
    if factor.numerator != 1 or not above:
        above.insert(0, str(factor.numerator))
    if factor.denominator != 1:
        below.insert(0, str(factor.denominator))
    text = " * ".join(above)
    if not below:
        return text
    return f"{text} // {below[0]}" if len(below) == 1 else f"{text} // ({' * '.join(below)})"


def _power(atom: Atom, power: int) -> str:
    if isinstance(atom, Symbol):
        text = atom.name
    elif atom.name in ("min", "max"):
        text = f"{atom.name}({atom.left}, {atom.right})"
    else:
        text = f"({_operand(atom.left)} {atom.name} {_operand(atom.right)})"
    return text if power == 1 else f"{text}**{power}"


def _is_one_function(size: Dim) -> bool:
    (monomial, factor), *others = size.terms
    if others or factor != 1 or len(monomial) != 1:
        return False
    atom, power = monomial[0]
    return isinstance(atom, Function) and atom.name in ("//", "%") and power == 1


def _operand(size: Dim) -> str:
    return str(size) if size.is_atomic else f"({size})"
