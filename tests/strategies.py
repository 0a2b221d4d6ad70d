"""Random valid specs, shared by all property tests.

A spec is drawn as text, so that whatever is found can be read, kept and run by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests import drawn
from tests.drawn import ATOMS, HEADS, LINES, MIXING_LINES, VOCAB, WIDTH


@dataclass(frozen=True)
class RandomSpec:
    """A spec as text. `causal`: made of causal parts alone. `pooled`: its output has no position axis."""

    text: str
    causal: bool
    pooled: bool


@st.composite
def masks(draw: st.DrawFn, depth: int = 2) -> str:
    """A mask expression over position atoms and the boolean input `real`."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(ATOMS))
    form = draw(st.sampled_from(("~{0}", "({0} & {1})", "({0} | {1})")))
    return form.format(draw(masks(depth - 1)), draw(masks(depth - 1)))


@st.composite
def causal_masks(draw: st.DrawFn) -> str:
    """A mask expression that never shows a later key."""
    return draw(st.sampled_from(("causal", "causal & {}", "{} & causal", "window(left=1, right=0) & {}"))).format(
        draw(masks(1))
    )


@st.composite
def attention(draw: st.DrawFn, name: str, x: str, causal: bool) -> str:
    """One attention node with a random mask."""
    mask = draw(causal_masks() if causal else masks())
    rotary = draw(st.sampled_from(("", ", rotary: {theta: 100}")))
    grouped = draw(st.sampled_from(("", ", kv_heads: 1")))
    return f'{name}: {{block: std.attention, in: {x}, heads: heads{grouped}, mask: "{mask}"{rotary}}}'


@st.composite
def bodies(draw: st.DrawFn, prefix: str, start: str, causal: bool, most: int = 4) -> tuple[list[str], str]:
    """A few steps that read earlier ones; the lines, and the name of the last."""
    lines: list[str] = []
    names = [start]
    for index in range(draw(st.integers(1, most))):
        name, x = f"{prefix}{index}", draw(st.sampled_from(names[-2:]))
        kind = draw(st.integers(0, 5))
        if kind <= 1:
            lines.append(draw(attention(name, x, causal)))
        elif kind == 2 and len(names) > 1:
            lines.append(f"{name}: {names[-1]} + {names[-2]}")
        else:
            known = LINES if causal else LINES + MIXING_LINES
            lines.append(draw(st.sampled_from(known))[1](name, x))
        names.append(name)
    return lines, names[-1]


@st.composite
def specs(draw: st.DrawFn, causal: bool | None = None) -> RandomSpec:
    """A whole model from tokens to logits: steps, a repeated block, perhaps pooling."""
    is_causal = draw(st.booleans()) if causal is None else causal
    inner, inner_out = draw(bodies("s", "x", is_causal))
    outer, outer_out = draw(bodies("n", "embedding", is_causal))
    turns = draw(st.integers(1, 3))
    pooled = not is_causal and draw(st.booleans())
    head = "mean: mean(stack, T)" if pooled else "mean: stack * 1"
    shared = draw(st.sampled_from(("", ", share: true")))
    lines = [
        "graphspec: 1",
        "name: random",
        f"params: {{d: {WIDTH}, heads: {HEADS}, vocab: {VOCAB}, turns: {turns}}}",
        "axes: {B: batch, T: position}",
        "inputs:",
        "  tokens: {type: int B T, below: vocab}",
        "  real: bool B T = true",
        "blocks:",
        "  layer_block:",
        "    in: {x: B T d}",
        "    nodes:",
        *(f"      {line}" for line in inner),
        f"    out: x + {inner_out}",
        "nodes:",
        "  embedding: {op: embedding, in: tokens, size: vocab, dim: d}",
        *(f"  {line}" for line in outer),
        f"  stack: {{block: layer_block, in: {outer_out}, repeat: turns{shared}}}",
        f"  {head}",
        "  logits: {op: linear, in: mean, dim: vocab}",
        "outputs: {logits: logits}",
        *([] if pooled else ["contracts: [{causal: {output: logits, input: tokens}}, {independent: {axis: B}}]"]),
    ]
    return RandomSpec("\n".join(lines) + "\n", is_causal, pooled)


@dataclass(frozen=True)
class Drawing:
    """Choices by hypothesis, so that what is found shrinks."""

    draw: st.DrawFn

    def below(self, count: int) -> int:
        return self.draw(st.integers(0, count - 1))


@st.composite
def wide_specs(draw: st.DrawFn) -> drawn.Drawn:
    """All that `tests.drawn` knows: what `make soundness` draws by seeds."""
    return drawn.spec(Drawing(draw))
