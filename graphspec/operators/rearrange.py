"""Splitting, merging and reordering axes by a pattern."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphspec.axes import Axis, Dim, Sizes, TensorType, dim, product, unprimed
from graphspec.diagnostics import counted
from graphspec.operators.declare import Operator, Parts, operator
from graphspec.operators.flow_rearrange import Rearranges
from graphspec.operators.pattern import Layout, Part, Pattern
from graphspec.operators.signature import Mismatch, Signature


@operator("rearrange", family="shape")
class Rearrange(Operator):
    """Split, merge, reorder and repeat along axes: `B (c n) d -> B c n d`. Entries are moved, never changed.

    Words are names of sizes, or expressions in parentheses; `(a b)` is one axis of `a * b` places, `b` running fastest;
    `1` has one place. A name that the spec does not define is the pattern's own: `sizes` gives its size, or it follows
    from the tensor, one to an axis. Both sides may begin with `...`. Along an axis that stands after the arrow alone,
    the tensor is repeated: `B T d -> B (T 2) d` has every row twice. `T'` is the second occurrence of `T`, the keys
    beside the queries; a name that gets a prime after the arrow, or loses it, is that axis called otherwise.

    Source: Rogozhnikov 2022 (einops).
    """

    pattern: Pattern
    sizes: Parts = ()

    saves = ()
    signature = Signature("x: any ... -> y: any ...")
    flow = Rearranges()

    def __post_init__(self) -> None:
        """Sizes that occur twice get names of the pattern's own, so that it can be written down."""
        seen: set[str] = set()
        parts: list[Part] = []
        named: list[tuple[str, Dim | None]] = []
        for part in self.pattern.parts:
            name = _free_name(str(part), seen) if isinstance(part, Dim) and str(part) in seen else part
            if isinstance(part, Dim) and isinstance(name, str):
                named.append((name, part))
            seen.add(str(name))
            parts.append(name)
        if named:
            left = iter(parts)
            before = tuple(tuple(next(left) for _ in axis) for axis in self.pattern.before)
            object.__setattr__(self, "pattern", replace(self.pattern, before=before, new=tuple(left)))
            object.__setattr__(self, "sizes", (*self.sizes, *named))

    def layout(self, given: TensorType, sizes: Sizes) -> Layout:
        """The pattern upon a tensor, leading axes included. Raises `Mismatch`."""
        before, cut = self.pattern.before, len(given.axes) - len(self.pattern.before)
        if cut < 0 or (cut and not self.pattern.leading):
            wanted = f"{'at least ' if self.pattern.leading else ''}{counted(len(before), 'axis', 'axes')}"
            raise Mismatch(f"the pattern `{self.pattern}` needs {wanted}, but `x` is `{given}`", "pattern")
        known = self._known()
        found = list(given.sizes[:cut])
        for parts, axis in zip(before, given.axes[cut:], strict=True):
            self._check_prime(parts, axis)
            found += self._solved(parts, axis, known, sizes)
        found += [self._new_size(part, known) for part in self.pattern.new]
        return Layout(tuple(found), _numbers([1] * cut + [len(parts) for parts in before]), self._after(cut))

    def _new_size(self, part: Part, known: Mapping[str, Dim]) -> Dim:
        """How many places there are along an axis that the tensor does not have."""
        size = known.get(part) if isinstance(part, str) else unprimed(part)
        if size is None:
            help = f"to repeat along it, say its size: `sizes: {{{part}: …}}`"
            raise Mismatch(f"`{part}` does not stand before `->`", "pattern", help)
        return size

    def _check_prime(self, parts: Sequence[Part], axis: Axis) -> None:
        """Raise `Mismatch` where one of two axes of a size is called as the other."""
        if len(parts) == 1 and isinstance(parts[0], Dim) and (unprimed(parts[0]) != parts[0]) != axis.primed:
            message = f"the pattern has `{parts[0]}` where the axis is `{axis}`"
            raise Mismatch(message, "pattern", f"write `{axis}`")

    def _after(self, cut: int) -> tuple[tuple[int, ...], ...]:
        own = tuple(tuple(cut + number for number in axis) for axis in self.pattern.after)
        return (*((number,) for number in range(cut)), *own)

    def _known(self) -> dict[str, Dim]:
        known = {name: size for name, size in self.sizes if size is not None}
        if len(known) < len(self.sizes):
            raise Mismatch("`sizes` names parts without their sizes", "sizes", "write `{name: size}`")
        spare = known.keys() - {part for part in self.pattern.parts if isinstance(part, str)}
        for name in sorted(spare):
            help = "`sizes` is for names that the spec does not define"
            raise Mismatch(f"`{name}` is no name of the pattern's own", "sizes", help)
        return known

    def _solved(self, parts: Sequence[Part], axis: Axis, known: Mapping[str, Dim], sizes: Sizes) -> list[Dim]:
        """The sizes of the parts of one axis, at most one of them open."""
        found = [known.get(part) if isinstance(part, str) else unprimed(part) for part in parts]
        total = product(size for size in found if size is not None)
        text = " ".join(map(str, parts)) or "1"
        if None not in found:
            if not sizes.same(total, axis.size):
                message = f"`{text}` makes {sizes.describe(total)}, but the axis has {sizes.describe(axis.size)}"
                raise Mismatch(message, "pattern", f"its sizes must have `{axis.size}` as their product")
            return [size for size in found if size is not None]
        if found.count(None) > 1:
            names = [part for part, size in zip(parts, found, strict=True) if size is None and isinstance(part, str)]
            message = f"`{text}` leaves {' and '.join(f'`{name}`' for name in names)} open"
            raise Mismatch(message, "pattern", f"say all but one: `sizes: {{{names[0]}: …}}`")
        rest = sizes.quotient(axis.size, total)
        if rest is None:
            message = f"{sizes.describe(total)} does not divide {sizes.describe(axis.size)} for sure"
            raise Mismatch(message, "pattern", f"declare the axis as a product: `({total} * n)`")
        return [rest if size is None else size for size in found]

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given = inputs["x"]
        layout = self.layout(given, sizes)
        whole = {parts[0]: axis for parts, axis in zip(layout.before, given.axes, strict=True) if len(parts) == 1}
        cut = len(given.axes) - len(self.pattern.before)
        axes = [
            self._axis(parts[0], whole.get(parts[0], Axis(layout.size(parts))), cut)
            if len(parts) == 1
            else Axis(layout.size(parts))
            for parts in layout.after
        ]
        return (("y", TensorType(given.dtype, tuple(axes))),)

    def _axis(self, number: int, axis: Axis, cut: int) -> Axis:
        """An axis of one part after the arrow: as it was before, or with the prime that its name there has."""
        if number < cut:
            return axis
        part = self.pattern.parts[number - cut]
        own = axis.primed or (isinstance(part, Dim) and unprimed(part) != part)
        return Axis(axis.size, primed=own != (number - cut in self.pattern.turned))

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return dim(0)


def _numbers(counts: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The first so many numbers, the next so many, and so on."""
    starts = [sum(counts[:at]) for at in range(len(counts))]
    return tuple(tuple(range(start, start + count)) for start, count in zip(starts, counts, strict=True))


def _free_name(wish: str, taken: set[str]) -> str:
    stem = wish if wish.isidentifier() else "part"
    return next(name for count in range(1, len(taken) + 2) if (name := f"{stem}_{count}") not in taken)


OPERATORS = (Rearrange,)
