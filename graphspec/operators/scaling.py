"""Ways to stretch rotary positions beyond the length that a model was trained on: `scaling: {kind: yarn, …}`.

All change the rate `theta^(-2i / dims)` at which pair `i` turns with the position; lengths are numbers of positions,
factors have no unit.
"""

from graphspec.axes import Number
from graphspec.operators.declare import Record, record


@record("linear")
class Linear(Record):
    """Every rate divided by `factor`: positions are interpolated. Source: Chen et al. 2023."""

    factor: Number


@record("ntk")
class NTK(Record):
    """`theta` multiplied by `factor^(dims / (dims - 2))`: fast pairs hardly change. Source: bloc97 2023, NTK-aware."""

    factor: Number


@record("dynamic")
class Dynamic(Record):
    """`ntk` by a factor that grows with the length `n` beyond `original`: `factor * n / original - (factor - 1)`.

    The result depends on the length of the sequence, so that no prefix law holds.
    """

    factor: Number
    original: Number


@record("yarn")
class Yarn(Record):
    """Pairs that turn fewer than `slow` times in `original` positions are interpolated, those above `fast` kept.

    A ramp lies between; `truncate` rounds its ends to whole pairs. Cosines and sines are multiplied by `attention`,
    `0.1 ln(factor) + 1` by default. Source: Peng et al. 2023, section 3.
    """

    factor: Number
    original: Number
    fast: Number = Number.of(32)
    slow: Number = Number.of(1)
    attention: Number | None = None
    truncate: bool = True


@record("llama3")
class Llama3(Record):
    """Wavelengths above `original / low` are stretched by `factor`, those below `original / high` kept.

    Between them the rates are blended. Source: Grattafiori et al. 2024, as published with Llama 3.1.
    """

    factor: Number
    original: Number
    low: Number = Number.of(1)
    high: Number = Number.of(4)


@record("longrope")
class LongRoPE(Record):
    """Rates divided by a number for each pair: `long` for more than `original` positions, otherwise `short`.

    Cosines and sines are multiplied by `attention`. The result depends on the length of the sequence.
    Source: Ding et al. 2024.
    """

    short: tuple[Number, ...]
    long: tuple[Number, ...]
    original: Number
    attention: Number = Number.of(1)


Scaling = Linear | NTK | Dynamic | Yarn | Llama3 | LongRoPE
"""What `scaling` may be."""
