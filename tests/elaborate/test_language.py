"""What the language means, construct by construct."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import graphspec
from graphspec import masks
from graphspec.axes import dim
from graphspec.diagnostics import SpecError
from graphspec.graph import Call, Node, Repeat, Run, parameter_paths
from graphspec.operators.attention import Attend

HEAD = """
graphspec: 1
name: test
params: {d: 8, heads: 2, n: 3}
axes: {B: batch, T: position}
inputs:
  tokens: {type: int B T, below: 10}
"""


def spec(body: str, **overrides: int) -> graphspec.Spec:
    return graphspec.loads(HEAD + body, **overrides)


def nodes(body: str) -> Mapping[str, Node]:
    return {node.name: node for node in spec(body).graph.body.nodes}


def codes(text: str) -> list[str]:
    with pytest.raises(SpecError) as error:
        graphspec.loads(text)
    return [found.code for found in error.value.diagnostics if found.severity == "error"]


def test_a_pure_chain_needs_no_in() -> None:
    found = nodes("""
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  f: {op: linear, dim: 4 * d}
  g: {op: linear, dim: d}
outputs: {g: g}
""")
    assert str(found["g"].input("x")) == "f"
    assert str(found["f"].type) == "B T (4 * d)"


def test_a_fork_says_what_it_reads() -> None:
    text = """
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  f: {op: linear, dim: d}
  g: e + f
outputs: {g: g}
"""
    assert codes(HEAD + text) == ["implicit-input"]


def test_nodes_may_stand_in_any_order() -> None:
    found = nodes("""
nodes:
  g: e * 2
  e: {op: embedding, in: tokens, size: 10, dim: d}
outputs: {g: g}
""")
    assert list(found) == ["e", "g"]


def test_broadcasting_is_by_name() -> None:
    found = nodes("""
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  p: {op: sinusoidal_position, over: T, dim: d}
  s: sum(e, T)
  y: p + e
  z: e * s
outputs: {y: y, z: z}
""")
    assert str(found["y"].type) == "B T d"
    assert str(found["z"].type) == "B T d"
    assert str(found["s"].type) == "B d"


def test_repeat_is_one_body() -> None:
    found = nodes("""
blocks:
  layer_block: {in: {x: B T d}, nodes: {f: {op: linear, in: x, dim: d}}, out: x + f}
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  stack: {block: layer_block, repeat: n}
outputs: {y: stack}
""")
    repeat = found["stack"].does
    assert isinstance(repeat, Repeat)
    assert repeat.times == dim("n")
    assert [(run.count, len(run.bodies)) for run in repeat.runs] == [(3, 1)]


def test_each_and_a_carried_type_that_changes() -> None:
    graph = spec("""
blocks:
  widen: {in: {x: B T c}, params: {to: int}, nodes: {f: {op: linear, in: x, dim: to}}, out: f}
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  stack: {block: widen, repeat: 3, each: {to: [16, 32, 64]}}
outputs: {y: stack}
""").graph
    assert str(graph.body.node("stack").type) == "B T 64"
    shapes = {name: [str(size) for size in p.shape] for name, p in parameter_paths(graph.body)}
    assert shapes["stack.1.f.weight"] == ["32", "16"]


def test_cycle_repeats_a_pattern() -> None:
    found = nodes("""
masks: {near: "window(left=2, right=0)"}
blocks:
  layer_block:
    in: {x: B T d}
    params: {seen: mask}
    nodes: {a: {block: std.attention, in: x, heads: heads, mask: seen}}
    out: x + a
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  stack: {block: layer_block, repeat: 7, cycle: {seen: [near, near, causal]}}
outputs: {y: stack}
""")
    repeat = found["stack"].does
    assert isinstance(repeat, Repeat)
    assert [(run.count, len(run.bodies)) for run in repeat.runs] == [(2, 3), (1, 1)]
    assert len(repeat.bodies) == 2


def test_layer_counts_from_zero_and_if_reads_it() -> None:
    graph = spec("""
blocks:
  layer_block:
    in: {x: B T d}
    nodes:
      norm: {op: layer_norm, in: x, if: layer > 0}
      f: {op: linear, in: norm, dim: d}
    out: f
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  stack: {block: layer_block, repeat: 3}
outputs: {y: stack}
""").graph
    names = [name for name, _ in parameter_paths(graph.body)]
    assert "stack.0.norm.weight" not in names
    assert "stack.1.norm.weight" in names
    repeat = graph.body.node("stack").does
    assert isinstance(repeat, Repeat)
    assert [run.count for run in repeat.runs] == [1, 2]


def test_an_absent_node_inside_an_expression_is_an_error() -> None:
    text = """
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  f: {op: linear, in: e, dim: d, if: n > 5}
  g: e + f
outputs: {g: g}
"""
    assert codes(HEAD + text) == ["absent-node"]


def test_share_ties_the_weight_and_nothing_else() -> None:
    graph = spec("""
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  logits: {op: linear, in: e, share: e}
outputs: {logits: logits}
""").graph
    assert [name for name, _ in parameter_paths(graph.body)] == ["e.weight", "logits.bias"]
    assert graph.body.node("logits").parameters[0].tied == ("e", "weight")
    assert str(graph.body.node("logits").type) == "B T 10"


def test_a_shared_repeat_has_no_index() -> None:
    graph = spec("""
blocks:
  layer_block: {in: {x: B T d}, nodes: {f: {op: linear, in: x, dim: d}}, out: x + f}
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  stack: {block: layer_block, repeat: 5, share: true}
outputs: {y: stack}
""").graph
    assert "stack.f.weight" in [name for name, _ in parameter_paths(graph.body)]


def test_masks_are_an_algebra_and_read_inputs_from_inside_blocks() -> None:
    graph = graphspec.loads(
        HEAD
        + """
  real: bool B T = true
  ids: int B T
""".replace("  ids: int B T\n", "")
        + """
masks: {near: "window(left=n, right=0) & real"}
blocks:
  layer_block:
    in: {x: B T d}
    nodes: {a: {block: std.attention, in: x, heads: heads, mask: near | ~causal}}
    out: x + a
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  stack: {block: layer_block, repeat: 2}
outputs: {y: stack}
"""
    ).graph
    repeat = graph.body.node("stack").does
    assert isinstance(repeat, Repeat)
    inner = repeat.bodies[0].node("a").does
    assert isinstance(inner, Call)
    attend = inner.body.node("attend")
    assert isinstance(attend.does, Attend)
    near = masks.And(masks.Window(left=dim("n"), right=dim(0)), masks.Keys("real"))
    assert attend.does.mask == masks.Or(near, masks.Not(masks.Causal()))
    assert str(attend.input("real")) == "real"


def test_a_mask_of_positions_needs_one_axis() -> None:
    text = (
        HEAD.replace("axes: {B: batch, T: position}", "axes: {B: batch, T: position, S: position}")
        + """
  other: {type: int B S, below: 10}
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  f: {op: embedding, in: other, size: 10, dim: d}
  a: {block: std.attention, in: e, context: f, heads: heads, mask: causal}
outputs: {a: a}
"""
    )
    assert codes(text) == ["shape-mismatch"]


def test_a_prefix_is_of_one_length_in_each_row() -> None:
    text = (
        HEAD.replace("int B T, below: 10", "int B T, below: 10}\n  first: {type: int B")
        + """
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  a: {block: std.attention, in: e, heads: heads, mask: causal | prefix(first)}
outputs: {a: a}
"""
    )
    assert graphspec.loads(text).check() == ()
    assert codes(text.replace("int B}", "int B T}")) == ["shape-mismatch"]


def test_derived_parameters_follow_the_free_ones() -> None:
    text = (
        HEAD.replace("n: 3", "n: 3, wide: 4 * d")
        + """
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  f: {op: linear, dim: wide}
outputs: {f: f}
"""
    )
    assert str(graphspec.loads(text).graph.body.node("f").type) == "B T (4 * d)"
    assert graphspec.loads(text, d=16).graph.sizes["wide"] == 64
    assert str(graphspec.loads(text, wide=7).graph.body.node("f").type) == "B T wide"


def test_an_axis_is_one_alone() -> None:
    """The first of several axes of the size that is named was taken, in silence."""

    def text(columns: str, node: str = "{op: roll, in: picture, axis: W}") -> str:
        return f"""
graphspec: 1
params: {{n: 3, rows: 2, columns: 2}}
axes: {{B: batch, H: {{size: rows * n, role: position}}, W: {{size: {columns} * n, role: position}}}}
inputs: {{x: B (rows * n * {columns} * n) 4}}
nodes:
  picture: {{op: rearrange, in: x, pattern: "B (h w) 4 -> B h w 4", sizes: {{h: rows * n, w: {columns} * n}}}}
  y: {node}
outputs: {{y: y}}
"""

    assert graphspec.loads(text("columns")).graph.body.node("y")
    with pytest.raises(SpecError, match=r"2 axes of `B \(n \* rows\) \(n \* rows\) 4` have the size of `W`"):
        graphspec.loads(text("rows"))
    with pytest.raises(SpecError, match=r"2 axes of .* have the size of `W`"):
        graphspec.loads(text("rows", "{op: pool, in: picture, over: W, kind: max, kernel: 3}"))
    assert graphspec.loads(text("rows", "{op: pool, in: picture, over: [H, W], kind: max, kernel: 3}")).graph


def test_what_has_the_size_of_a_derived_axis_is_called_by_it() -> None:
    def type_of(axes: str) -> str:
        text = f"""
graphspec: 1
params: {{d: 8, image: 32, patch: 4}}
axes: {{B: batch, H: {{size: image, role: position}}, W: {{size: image, role: position}}, {axes}}}
inputs: {{x: B H W d}}
nodes:
  patches: {{op: convolution, in: x, over: [H, W], dim: d, kernel: patch, stride: patch}}
  y: {{op: rearrange, pattern: "B h w d -> B (h w) d"}}
outputs: {{y: y}}
"""
        return str(graphspec.loads(text).graph.body.node("y").type)

    one = "P: {size: (image // patch) ** 2, role: position}"
    assert type_of(one) == "B P d"
    assert type_of(f"{one}, Q: {{size: (image // patch) ** 2, role: position}}") == "B (H * W // patch**2) d"


@pytest.mark.parametrize(
    "axes",
    ["H: {size: (T + 1) // 2, role: position}, S: {size: (H + 1) // 2, role: position}",
     "S: {size: (H + 1) // 2, role: position}, H: {size: (T + 1) // 2, role: position}"],
    ids=["after", "before"],
)  # fmt: skip
def test_a_derived_axis_may_be_derived_from_another(axes: str) -> None:
    found = graphspec.loads(f"""
        graphspec: 1
        params: {{d: 8}}
        axes: {{B: batch, T: position, {axes}}}
        inputs: {{x: B T d, real: bool B S}}
        nodes:
          half: {{op: convolution, in: x, over: T, dim: d, kernel: 3, stride: 2, padding: same}}
          quarter: {{op: convolution, in: half, over: H, dim: d, kernel: 3, stride: 2, padding: same}}
          y: {{op: convolution, in: quarter * real, over: S, dim: d, kernel: 3, padding: same}}
        outputs: {{y: y}}
        contracts: [independent: {{axis: B}}]
    """)
    assert [verdict.status for verdict in found.check()] == ["proved"]


def test_with_spreads_a_map_and_none_takes_it_away() -> None:
    body = """
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  a: {block: std.attention, in: e, heads: heads, rotary: ROTARY}
outputs: {a: a}
"""
    with_rotary = spec(body.replace("ROTARY", "{theta: 500}")).graph.body.node("a").does
    without = spec(body.replace("ROTARY", "none")).graph.body.node("a").does
    assert isinstance(with_rotary, Call)
    assert isinstance(without, Call)
    assert with_rotary.body.has_node("turned_query")
    assert not without.body.has_node("turned_query")


def test_libraries_by_relative_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("""
graphspec: 1
blocks:
  twice: {in: {x: ... c}, nodes: {f: {op: linear, in: x, dim: 2 * c}}, out: f}
""")
    (tmp_path / "spec.yaml").write_text(
        HEAD
        + """
use: {mine: mine.yaml}
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  f: {block: mine.twice}
outputs: {f: f}
"""
    )
    assert str(graphspec.load(tmp_path / "spec.yaml").graph.body.node("f").type) == "B T (2 * d)"


def test_a_block_given_to_a_library_sees_the_names_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("""
graphspec: 1
blocks:
  twice:
    in: {x: ... c}
    params: {inner: block}
    nodes: {first: {block: inner, in: x}, second: {block: inner, in: first}}
    out: second
""")
    (tmp_path / "spec.yaml").write_text(
        HEAD
        + """
use: {mine: mine.yaml}
blocks:
  narrow: {in: {x: B T d}, nodes: {down: {op: linear, in: x, dim: n}, up: {op: linear, dim: d}}, out: up}
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  f: {block: mine.twice, inner: narrow}
outputs: {f: f}
"""
    )
    names = [name for name, _ in parameter_paths(graphspec.load(tmp_path / "spec.yaml").graph.body)]
    assert "f.second.down.weight" in names


def test_init_and_trainable() -> None:
    graph = spec("""
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d, init: normal(0.02 / sqrt(2 * n))}
  f: {op: linear, dim: d, trainable: false}
outputs: {f: f}
init: {"*": normal(0.02)}
""").graph
    first, *_ = graph.body.node("e").parameters
    assert first.init.numbers == pytest.approx((0.02 / 6**0.5,))
    assert first.given
    assert not graph.body.node("f").parameters[0].trainable
    assert graph.init[0].pattern == "*"


def test_several_outputs_and_collected_ones() -> None:
    graph = spec("""
blocks:
  layer_block: {in: {x: B T d}, nodes: {f: {op: linear, in: x, dim: d}}, out: {hidden: x + f, size: "mean(abs(f), d)"}}
nodes:
  e: {op: embedding, in: tokens, size: 10, dim: d}
  stack: {block: layer_block, repeat: n}
outputs: {y: stack, sizes: stack.size}
""").graph
    assert str(graph.body.node("stack").output_type("size")) == "n B T"


def test_equal_patterns_are_equal_runs() -> None:
    assert Run((), 2) == Run((), 2)


def test_a_thousand_layers_are_one_body() -> None:
    root = Path(__file__).parents[2]
    few = graphspec.load(root / "specs/transformer.yaml", layers=2).graph
    many = graphspec.load(root / "specs/transformer.yaml", layers=1000).graph
    assert len(few.bodies()) == len(many.bodies())


def test_a_pattern_that_starts_nothing_is_told_with_the_nearest() -> None:
    text = """
graphspec: 1
axes: {B: batch}
inputs: {x: B 4}
blocks: {b: {in: {z: B 4}, nodes: {up: {op: linear, in: z, dim: 4}}, out: up}}
nodes: {layers: {block: b, in: x, repeat: 2}}
outputs: {y: layers}
init: {"*": zeros, "layer.*": normal(0.02), "layers.*.up": ones, "*.bias": zeros}
"""
    (found,) = graphspec.loads(text).warnings
    assert found.code == "unused-init" and "no tensor starts as `layer.*` says" in found.message
    assert "`layers.*`" in found.help and found.span is not None and found.span.line == 8
