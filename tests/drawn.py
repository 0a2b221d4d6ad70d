"""Random valid specs as text, drawn by anything that can choose: a seed, or hypothesis.

A spec has a *style*, the properties that its parts keep (`causal`, `padding`, `documents`), and now and then a part that
slips: so that contracts hold of many specs, and fail of many others for one reason.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, TypeVar

WIDTH, HEADS, VOCAB = 8, 2, 11
NARROW, PREFIX, ROWS_OF_TABLE = 4, 3, 64

Line = Callable[[str, str], str]
ATOMS = (
    *("causal", "everything", "real", "window(left=2, right=0)", "window(left=1, right=1)"),
    *("chunk(2)", "prefix(2)", "dilated(2)"),
)
MORE_ATOMS = (
    *("window(left=3)", "window(right=0)", "window(right=1)", "chunk(3)", "prefix(3)", "dilated(3)"),
    *("documents(ids)", "graph(edges)", "real", "documents(ids)", "causal"),
)
LINES: tuple[tuple[str, Line], ...] = (
    ("linear", lambda name, x: f"{name}: {{op: linear, in: {x}, dim: d}}"),
    ("norm", lambda name, x: f"{name}: {{op: layer_norm, in: {x}}}"),
    ("rms", lambda name, x: f"{name}: {{op: rms_norm, in: {x}, weight: none}}"),
    ("ffn", lambda name, x: f"{name}: {{block: std.ffn, in: {x}, hidden: 2 * d, activation: gelu}}"),
    ("gated", lambda name, x: f"{name}: {{block: std.gated_ffn, in: {x}, hidden: 3 * d}}"),
    ("activation", lambda name, x: f"{name}: silu({x}) + 0.5 * {x} ** 2"),
    ("shift", lambda name, x: f"{name}: {{op: shift, in: {x}, axis: T, by: 1}}"),
    ("masked", lambda name, x: f"{name}: {x} * real"),
    ("feature_softmax", lambda name, x: f'{name}: "softmax({x}, d)"'),
    ("comparison", lambda name, x: f'{name}: "where({x} > 0, {x}, 0.1 * {x})"'),
)
MIXING_LINES: tuple[tuple[str, Line], ...] = (
    ("mean", lambda name, x: f"{name}: {x} + mean({x}, T)"),
    ("back", lambda name, x: f"{name}: {{op: shift, in: {x}, axis: T, by: -1}}"),
    ("softmax", lambda name, x: f"{name}: {x} + softmax({x}, T)"),
)


class Draw(Protocol):
    """What chooses."""

    def below(self, count: int) -> int:
        """A whole number from 0 to `count - 1`."""
        ...


class Seeded:
    """The same choices for the same seed."""

    def __init__(self, seed: int) -> None:
        self.below = random.Random(seed).randrange


@dataclass(frozen=True)
class Drawn:
    """A spec as text, with the properties that its parts were drawn to keep. `pooled`: without a position axis."""

    text: str
    style: frozenset[str]
    pooled: bool


Chosen = TypeVar("Chosen")
ALL = frozenset({"causal", "padding", "documents"})


@dataclass
class Lines:
    """The nodes of one body so far. `atoms` are what its masks may be made of; `memory` is what is attended across."""

    draw: Draw
    style: frozenset[str]
    prefix: str
    atoms: tuple[str, ...]
    memory: str
    lines: list[str] = field(default_factory=list)
    count: int = 0

    def pick(self, options: Sequence[Chosen]) -> Chosen:
        return options[self.draw.below(len(options))]

    def chance(self, percent: int) -> bool:
        return self.draw.below(100) < percent

    def named(self) -> str:
        self.count += 1
        return f"{self.prefix}{self.count}"

    def add(self, node: str) -> str:
        """A line, and the name that it is given."""
        name = self.named()
        self.lines.append(f"{name}: {node}" if node.startswith("{") else f'{name}: "{node}"')
        return name


# -- masks ------------------------------------------------------------------------------------------------------------


def any_mask(at: Lines, depth: int = 2) -> str:
    """A mask expression over all atoms."""
    if depth == 0 or at.chance(50):
        return at.pick(at.atoms)
    form = at.pick(("~({0})", "({0} & {1})", "({0} | {1})", "({0} & {1})"))
    return form.format(any_mask(at, depth - 1), any_mask(at, depth - 1))


KEEPING = {
    "causal": ("causal", "causal", "window(left=2, right=0)", "causal & chunk(3)", "~(~causal | dilated(2))"),
    "padding": ("real",),
    "documents": ("documents(ids)",),
}
FORMS = ("{0}", "{0} & {1}", "{1} & {0}", "~(~({0}) | {1})", "({0} & {1}) | ({2} & {0})", "({1} | {2}) & {0}")


def mask(at: Lines) -> str:
    """A mask expression that keeps the style, or slips."""
    if not at.style or at.chance(4):
        return any_mask(at)
    wanted = " & ".join(at.pick(KEEPING[kept]) for kept in sorted(at.style))
    return at.pick(FORMS).format(f"({wanted})", any_mask(at, 1), any_mask(at, 1))


# -- steps ------------------------------------------------------------------------------------------------------------


def line(made: Line) -> Callable[[Lines, str], str]:
    def step(at: Lines, x: str) -> str:
        name = at.named()
        at.lines.append(made(name, x))
        return name

    return step


def attention(at: Lines, x: str) -> str:
    rotary = at.pick(("", "", ", rotary: {theta: 100}", ", rotary: {theta: 100, layout: interleaved}"))
    grouped = at.pick(("", ", kv_heads: 1"))
    made = at.add(f'{{block: std.attention, in: {x}, heads: heads{grouped}, mask: "{mask(at)}"{rotary}}}')
    return at.add(f"{x} + {made}") if at.chance(50) else made


def plain_attend(at: Lines, x: str) -> str:
    """Queries, keys and values of different making, in the open."""
    raw = [at.add(f"{{op: linear, in: {x}, dim: d}}") if at.chance(60) else x for _ in range(3)]
    query, key, value = (at.add(f"{{op: heads, in: {each}, heads: heads}}") for each in raw)
    seen = at.add(f'{{op: attend, query: {query}, key: {key}, value: {value}, mask: "{mask(at)}"}}')
    return at.add(f"{{op: merge, in: {seen}}}")


def cross_attention(at: Lines, x: str) -> str:
    seen = at.pick(("there", "everything", "there & prefix(2)", "~there"))
    return at.add(f'{{block: std.attention, in: {x}, context: {at.memory}, heads: heads, mask: "{seen}"}}')


def prefix_tokens(at: Lines, x: str) -> str:
    """Learned tokens before (or after) all others, which are cut off again."""
    rows = at.add(f"{{op: parameter, shape: [{PREFIX}, d]}}")
    one = at.add(f"{{op: select, in: {x}, axis: T, at: 0}}")
    wide = at.add(f"0 * {one} + {rows}")
    ones = at.add(f'{{op: cast, in: "0 * sum({wide}, d) + 1", to: bool}}')
    zeros = at.add(f'{{op: cast, in: "0 * sum({wide}, d)", to: int}}')
    first = at.chance(70)
    long, real, ids = (
        at.add(f"{{op: concat, a: {a if first else b}, b: {b if first else a}, axis: {PREFIX if first else 'T'}}}")
        for a, b in ((wide, x), (ones, "real"), (zeros, "ids"))
    )
    seen = {"causal": "causal", "padding": real, "documents": f"documents({ids})"}
    kept = " & ".join(seen[name] for name in sorted(at.style)) or at.pick(("causal", "prefix(3)", real, "everything"))
    shown = at.pick(("{0}", "{0} | (prefix(3) & {1})", "{0} & window(left=4)")).format(f"({kept})", real)
    made = at.add(f'{{block: std.attention, in: {long}, heads: heads, mask: "{shown if first else kept}"}}')
    cut = f"start: {PREFIX}" if first else "stop: T"
    return at.add(f"{{op: slice, in: {made}, axis: T + {PREFIX}, {cut}}}")


def repeat_first(at: Lines, x: str) -> str:
    """One place later, the first one twice."""
    first = at.add(f"{{op: slice, in: {x}, axis: T, stop: 1}}")
    rest = at.add(f"{{op: slice, in: {x}, axis: T, stop: T - 1}}")
    return at.add(f"{{op: concat, a: {first}, b: {rest}, axis: 1}}")


def roll(at: Lines, x: str) -> str:
    first = at.add(f"{{op: slice, in: {x}, axis: T, stop: 1}}")
    rest = at.add(f"{{op: slice, in: {x}, axis: T, start: 1}}")
    return at.add(f"{{op: concat, a: {rest}, b: {first}, axis: T - 1}}")


def cut_and_mend(at: Lines, x: str) -> str:
    """The first places as they are, the others made into something else."""
    first = at.add(f"{{op: slice, in: {x}, axis: T, stop: 2}}")
    rest = at.add(f"{{op: slice, in: {x}, axis: T, start: 2}}")
    other = at.add(f"tanh({rest})")
    return at.add(f"{{op: concat, a: {first}, b: {other}, axis: 2}}")


def features(by: Sequence[int]) -> Callable[[Lines, str], str]:
    """Half of the features shifted, and the halves put together again."""

    def step(at: Lines, x: str) -> str:
        left = at.add(f"{{op: slice, in: {x}, axis: d, stop: d // 2}}")
        right = at.add(f"{{op: slice, in: {x}, axis: d, start: d // 2}}")
        moved = at.add(f"{{op: shift, in: {left}, axis: T, by: {at.pick(by)}}}")
        return at.add(f"{{op: concat, a: {right}, b: {moved}, axis: d - d // 2}}")

    return step


def shift(by: Sequence[int], of: str = "{0}") -> Callable[[Lines, str], str]:
    def step(at: Lines, x: str) -> str:
        source = x if of == "{0}" else at.add(of.format(x))
        return at.add(f"{{op: shift, in: {source}, axis: T, by: {at.pick(by)}}}")

    return step


def expression(*texts: str) -> Callable[[Lines, str], str]:
    return lambda at, x: at.add(at.pick(texts).format(x))


def selected(*places: int) -> Callable[[Lines, str], str]:
    def step(at: Lines, x: str) -> str:
        one = at.add(f"{{op: select, in: {x}, axis: T, at: {at.pick(places)}}}")
        return at.add(f"{x} + {one}")

    return step


def norm_along(at: Lines, x: str) -> str:
    op, more = at.pick((("layer_norm", ", bias: false"), ("rms_norm", "")))
    return at.add(f"{{op: {op}, in: {x}, over: [T, d], weight: none{more}}}")


def position(at: Lines, x: str) -> str:
    row = at.add(
        at.pick(
            (
                "{op: sinusoidal_position, over: T, dim: d}",
                f"{{op: learned_position, over: T, size: {ROWS_OF_TABLE}, dim: d}}",
                f"{{op: learned_position, at: ids, size: {ROWS_OF_TABLE}, dim: d}}",
                "{op: index, over: T}",
            )
        )
    )
    return at.add(f"{x} + 0.3 * {row}")


def nodes(*made: str) -> Callable[[Lines, str], str]:
    """One node of several kinds."""
    return lambda at, x: at.add(at.pick(made).format(x))


def window(*made: str) -> Callable[[Lines, str], str]:
    """A convolution along the sequence."""

    def step(at: Lines, x: str) -> str:
        more = at.pick(made)
        kernel = "" if "kernel" in more else ", kernel: 3"
        return at.add(f"{{op: convolution, in: {x}, over: T, dim: d{kernel}, {more}}}")

    return step


def routed(at: Lines, x: str) -> str:
    """Features weighted by whether they are among the two that a router likes best."""
    scores = at.add(f"{{op: linear, in: {x}, dim: d}}")
    chosen = at.add(f"{{op: top, in: {scores}, k: 2, axis: d}}")
    return at.add(f"{x} * {chosen}")


def split_features(at: Lines, x: str) -> str:
    parts = at.add(f"{{op: split, in: {x}, axis: d, into: [left, right]}}")
    moved = at.add(f"{{op: shift, in: {parts}.right, axis: T, by: 1}}")
    return at.add(f"{{op: concat, a: {moved}, b: {parts}.left, axis: d // 2}}")


def turned_twice(at: Lines, x: str) -> str:
    """A sum from the end on, as the sum from the start of what is turned round."""
    turned = at.add(f"{{op: flip, in: {x}, axis: T}}")
    summed = at.add(f"cumsum({turned}, T)")
    return at.add(f"{{op: flip, in: {summed}, axis: T}}")


@dataclass(frozen=True)
class Step:
    """A part that keeps the type `B T d`: which properties it keeps, how often it comes, which operators it needs."""

    make: Callable[[Lines, str], str]
    keeps: frozenset[str] = ALL
    weight: int = 2
    needs: tuple[str, ...] = ()


def keeping(*kept: str) -> frozenset[str]:
    return frozenset(kept)


STEPS = (
    *(Step(line(made), ALL if name != "shift" else keeping("causal", "padding"), 1) for name, made in LINES),
    *(Step(line(made), keeping(), 1) for _, made in MIXING_LINES),
    Step(attention, ALL, 18),
    Step(plain_attend, ALL, 6),
    Step(cross_attention),
    Step(prefix_tokens, ALL, 3),
    Step(repeat_first, keeping("causal", "padding")),
    Step(roll, keeping(), 1),
    Step(cut_and_mend),
    Step(features((1, 2)), keeping("causal", "padding")),
    Step(features((-1, 0)), keeping(), 1),
    Step(shift((1, 2)), keeping("causal", "padding")),
    Step(shift((-1, -2)), keeping(), 1),
    Step(shift((-1, -2), "{0} * real"), keeping("padding")),
    Step(expression("{0} + mean({0}, T)", "{0} + max({0}, T)", "{0} - min({0}, T)", "{0} + 0.1 * sum({0}, T)"), keeping()),
    Step(expression("{0} + sum({0} * real, T)", "{0} + sum({0} * real, T) / (sum(real, T) + 1)"), keeping("padding")),
    Step(expression("{0} + mean({0}, B)", "softmax({0}, B)"), keeping("causal"), 1),
    Step(expression("{0} / T", "{0} + T"), keeping("documents"), 1),
    Step(expression("where(real, {0}, 0)", "where(real, {0}, 0.5)", "{0} * real", "{0} * (ids == 0)")),
    Step(selected(0), keeping("causal", "padding")),
    Step(selected(1, -1, 2), keeping(), 1),
    Step(norm_along, keeping(), 1),
    Step(position, ALL, 3),
    Step(window("padding: causal", "padding: [2, 0], dilation: 2, kernel: 2"), keeping("causal", "padding"), 2, ("convolution",)),
    Step(window("padding: same", "padding: [0, 2]"), keeping(), 1, ("convolution",)),
    Step(nodes("{{op: pool, in: {0}, over: T, kernel: 3, stride: 1, kind: max, padding: causal}}"), keeping("causal", "padding"), 1, ("pool",)),
    Step(nodes("{{op: pool, in: {0}, over: T, kernel: 3, stride: 1, kind: max, padding: same}}"), keeping(), 1, ("pool",)),
    Step(routed, ALL, 1, ("top",)),
    Step(split_features, keeping("causal", "padding"), 1, ("split",)),
    Step(expression("{0} + cumsum({0}, T)", "cummax({0}, T)"), keeping("causal", "padding"), 2, ("flip",)),
    Step(nodes("{{op: reduce, in: {0}, over: T, kind: sum, cumulative: true, reverse: true}}"), keeping(), 1, ("flip",)),
    Step(turned_twice, keeping(), 1, ("flip",)),
    Step(nodes("{{op: flip, in: {0}, axis: T}}"), keeping(), 1, ("flip",)),
)  # fmt: skip


@cache
def known_steps() -> tuple[Step, ...]:
    """Those whose operators there are, as often as their weight says."""
    from graphspec.operators import OPERATORS

    return tuple(step for step in STEPS if set(step.needs) <= OPERATORS.keys() for _ in range(step.weight))


@cache
def steps_of(style: frozenset[str]) -> tuple[Step, ...]:
    return tuple(step for step in known_steps() if style <= step.keeps)


def body(at: Lines, start: str, most: int) -> str:
    """A few steps that read earlier ones; the name of the last."""
    names = [start]
    for _ in range(1 + at.draw.below(most)):
        x = at.pick(names[-2:])
        if len(names) > 1 and at.chance(12):
            names.append(at.add(f"{names[-1]} + {names[-2]}"))
        else:
            known = known_steps() if at.chance(4) else steps_of(at.style)
            names.append(at.pick(known).make(at, x))
    return names[-1]


# -- whole models -----------------------------------------------------------------------------------------------------

STYLES = tuple(
    frozenset(style.split())
    for style in (
        *("causal", "causal", "causal", "padding", "padding", "documents", "causal padding"),
        *("causal documents", "causal padding documents", "padding documents", ""),
    )
)
POOLS = (
    *("mean({0}, T)", "max({0}, T)", "sum({0} * real, T)", "sum({0} * real, T) / (sum(real, T) + 1)"),
    *("{{op: select, in: {0}, axis: T, at: 0}}", "{{op: select, in: {0}, axis: T, at: -1}}"),
)
ALWAYS = (
    "ignores_padding: {output: y, input: tokens, where: real}",
    "isolates: {output: y, input: tokens, documents: ids}",
    "independent: {output: y, axis: B}",
)
SOMETIMES = (
    "ignores_padding: {output: y, input: tokens, where: real, side: left}",
    "isolates: {output: y, input: tokens, documents: ids, alone: true}",
    "uses: {output: y, input: tokens}",
)
ALONG = (
    "causal: {output: y, input: tokens, shift: 1}",
    "prefix_causal: {output: y, input: tokens, n: 3}",
    "reach: {output: y, input: tokens, left: 3, right: 1}",
    "independent: {output: y, input: tokens, axis: T}",
    "equivariant: {output: y, axis: T}",
)
POOLED = ("invariant: {output: y, axis: T}",)


def spec(draw: Draw) -> Drawn:
    """A whole model: steps, a repeated block, more steps, perhaps pooling."""
    outer = Lines(draw, frozenset(), "n", (), "memory_rows")
    outer.style = style = outer.pick(STYLES)
    outer.atoms = (*ATOMS, *MORE_ATOMS, *(("kept",) if outer.chance(10) else ()))
    inner = Lines(draw, style, "s", (*ATOMS, *MORE_ATOMS), "across")
    inner_out, block, use = _block(inner)
    before = body(outer, "embedding", 3)
    stack = f"{{block: layer_block, in: {before}, {use}}}"
    outer.lines.append(f"stack: {stack}")
    after = body(outer, "stack", 2) if outer.chance(50) else "stack"
    pooled = not style & {"causal"} and outer.chance(40)
    outer.lines.append(_line("head", outer.pick(POOLS).format(after) if pooled else f"{after} * 1"))
    return Drawn(
        _text(
            outer.lines,
            [*block, "nodes:", *(f"  {text}" for text in inner.lines), f"out: x + {inner_out}"],
            _contracts(outer, pooled),
        ),
        style,
        pooled,
    )


def _contracts(at: Lines, pooled: bool) -> tuple[str, ...]:
    first = () if pooled else ("causal: {output: y, input: tokens}",)
    others = (*SOMETIMES, *(POOLED if pooled else ALONG))
    return (*first, *ALWAYS, at.pick(others), at.pick(others))


def _line(name: str, node: str) -> str:
    return f"{name}: {node}" if node.startswith("{") else f'{name}: "{node}"'


def _block(at: Lines) -> tuple[str, list[str], str]:
    """The repeated block: what it gives, its head, and how it is used."""
    turns, params, more = 1 + at.draw.below(3), [], ""
    at.atoms = (*at.atoms, "own") if at.chance(40) else at.atoms
    if at.chance(20):
        more += ", share: true"
    out = body(at, "x", 3)
    text = "\n".join(at.lines)
    if "own" in text:
        shown = [mask(Lines(at.draw, at.style, "", at.atoms[:-1], "")) for _ in range(2)]
        params.append("own: mask")
        more += f', cycle: {{own: ["{shown[0]}", "{shown[1]}"]}}' if "share" not in more else f', own: "{shown[0]}"'
    ports = "x: B T d" + (", across: B S d" if "across" in text else "")
    more += ", across: memory_rows" if "across" in text else ""
    head = [f"in: {{{ports}}}", *([f"params: {{{', '.join(params)}}}"] if params else [])]
    return out, head, f"repeat: {turns}{more}"


def _text(lines: Sequence[str], block: Sequence[str], contracts: Sequence[str]) -> str:
    nodes_text = "\n".join(lines)
    return (
        "\n".join(
            [
                "graphspec: 1",
                "name: drawn",
                f"params: {{d: {NARROW}, heads: {HEADS}, vocab: {VOCAB}}}",
                "axes: {B: batch, T: position, S: position}",
                "inputs:",
                "  tokens: {type: int B T, below: vocab}",
                "  memory: {type: int B S, below: vocab}",
                "  real: bool B T = true",
                "  there: bool B S = true",
                "  ids: int B T = 0",
                "  edges: bool B T T' = true",
                "blocks:",
                "  layer_block:",
                *(f"    {text}" for text in block),
                "nodes:",
                "  embedding: {op: embedding, in: tokens, size: vocab, dim: d}",
                *(
                    ["  memory_rows: {op: embedding, in: memory, share: embedding}"]
                    if "memory_rows" in nodes_text
                    else []
                ),
                *(["  kept: tokens > 3"] if "kept" in nodes_text else []),
                *(f"  {text}" for text in lines),
                "outputs: {y: head}",
                "contracts:",
                *(f"  - {contract}" for contract in contracts),
            ]
        )
        + "\n"
    )
