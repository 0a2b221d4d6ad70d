"""Each pass: what it makes of a graph, and that what it makes is still a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings

import graphspec
from compiler.passes import PIPELINE, Pass, invariants, run
from compiler.passes.alibi_slopes import alibi_slopes
from compiler.passes.drop_unread import drop_unread
from compiler.passes.expose import UnknownValue, expose
from compiler.passes.hoist import hoist
from compiler.passes.input_defaults import input_defaults
from compiler.passes.merge_common import merge_common
from compiler.passes.ready_masks import ready_masks
from compiler.passes.share_rotary import share_rotary
from compiler.target import Target
from graphspec.graph import Graph, Ref
from tests import strategies
from tests.lower.cases import spec
from tests.passes.show import show

CPU, CUDA = Target(device="cpu"), Target(device="cuda")


def graph_of(body: str) -> Graph:
    return graphspec.loads(spec(body)).graph


ATTEND = """
inputs: {q: B T heads e, k: B T kv e, v: B T kv e, real: bool B T = true}
nodes:
  out: {op: attend, query: q, key: k, value: v, mask: "MASK"}
"""


def attend(mask: str) -> Graph:
    return graph_of(ATTEND.replace("MASK", mask))


LAYERS = """
inputs: {x: B T d, real: bool B T = true}
blocks:
  stage:
    in: {y: B T d}
    nodes:
      heads_: {op: heads, in: y, heads: heads}
      turned: {op: rotary, in: heads_}
      attention: {op: attend, query: turned, key: turned, value: heads_, mask: causal & real}
      merged: {op: merge, in: attention}
    out: y + merged
nodes:
  layers: {block: stage, in: x, repeat: n}
  out: {block: stage, in: layers}
"""

FALLING = """
inputs: {x: B T heads (2 * d)}
blocks:
  stage:
    in: {y: B T heads (2 * d), fall: heads T T'}
    nodes: {attention: {op: attend, query: y, key: y, value: y, bias: fall}}
    out: attention
nodes:
  slopes: {op: alibi, over: T, heads: heads}
  scores: {op: alibi, over: T, heads: heads}
  layers: {block: stage, y: x, fall: slopes, repeat: n}
  both: scores + scores
  out: {op: attend, query: layers, key: layers, value: layers, bias: both}
"""

PAIRS: dict[str, tuple[Graph, tuple[Pass, ...], str]] = {
    "what nobody reads": (
        graph_of("inputs: {x: B T d}\nnodes: {a: x * 2, b: {op: linear, in: a, dim: d}, c: sin(x), out: x + 1}\n"),
        (drop_unread,),
        """
case(x):
  a = pointwise[multiply](a=x)
  b = linear(x=a)
  out = pointwise[add](a=x)
  -> out=out
""",
    ),
    "everything": (
        attend("everything"),
        (drop_unread, ready_masks),
        """
case(q, k, v, real?):
  out = attention[everything](query=q, key=k, value=v)
  -> out=out
""",
    ),
    "causal": (
        attend("causal"),
        (drop_unread, ready_masks),
        """
case(q, k, v, real?):
  out = attention[causal](query=q, key=k, value=v)
  -> out=out
""",
    ),
    "padding": (
        attend("real"),
        (drop_unread, ready_masks),
        """
case(q, k, v, real?):
  mask = mask[real](real=real)
  out = attention[real](query=q, key=k, value=v, mask=mask)
  -> out=out
""",
    ),
    "causality and padding": (
        attend("causal & real"),
        (drop_unread, ready_masks),
        """
case(q, k, v, real?):
  position~ = index()
  mask = mask[causal & real](real=real, i=position~, j=position~)
  out = attention[causal & real](query=q, key=k, value=v, mask=mask)
  -> out=out
""",
    ),
    "layers": (
        graph_of(LAYERS),
        (drop_unread, ready_masks, share_rotary, hoist, drop_unread),
        """
stage(y, rotary, mask?):
  heads_ = heads(x=y)
  turned = rotate(x=heads_, table=rotary)
  attention = attention[causal & real](query=turned, key=turned, value=heads_, mask=mask)
  merged = merge(x=attention)
  out = pointwise[add](a=y, b=merged)
  -> out=out
case(x, real?):
  rotary = rotary_table()
  position~ = index()
  real_mask = mask[causal & real](real=real, i=position~, j=position~)
  layers = stage x n(y=x, rotary=rotary, mask=real_mask)
  out = stage(y=layers, rotary=rotary, mask=real_mask)
  -> out=out
""",
    ),
    "scores that fall with the distance": (
        graph_of(FALLING),
        (drop_unread, ready_masks, alibi_slopes),
        """
stage(y, fall):
  attention = attention[everything](query=y, key=y, value=y, slopes=fall)
  -> out=attention
case(x):
  slopes = alibi_slopes()
  scores = alibi()
  layers = stage x n(y=x, fall=slopes)
  both = pointwise[add](a=scores, b=scores)
  out = attention[everything](query=layers, key=layers, value=layers, bias=both)
  -> out=out
""",
    ),
    "defaults": (
        graph_of("inputs: {x: B T d, y: B T d = x, real: bool B T = true}\nnodes: {a: x * real, out: a + y}\n"),
        (input_defaults,),
        """
case(x, y?, real?):
  real~given = given(x=real)
  a = pointwise[multiply](a=x, b=real~given)
  y~given = given(x=y, other=x)
  out = pointwise[add](a=a, b=y~given)
  -> out=out
""",
    ),
    "equal parts": (
        graph_of(
            "inputs: {x: B T d}\nnodes: {out: exp(x + 1) * sin(x + 1) + dropout(x, 0.5) * dropout(x, 0.5)}\n".replace(
                "{out: ", "{out: '"
            ).replace("0.5)}", "0.5)'}")
        ),
        (merge_common,),
        """
case(x):
  out~1 = pointwise[add](a=x)
  out~2 = pointwise[exp](a=out~1)
  out~4 = pointwise[sin](a=out~1)
  out~5 = pointwise[multiply](a=out~2, b=out~4)
  out~6 = dropout(x=x)
  out~7 = dropout(x=x)
  out~8 = pointwise[multiply](a=out~6, b=out~7)
  out = pointwise[add](a=out~5, b=out~8)
  -> out=out
""",
    ),
}


@pytest.mark.parametrize("title", PAIRS)
def test_before_and_after(title: str) -> None:
    graph, passes, after = PAIRS[title]
    assert show(run(graph, CUDA if alibi_slopes in passes else CPU, passes)).strip() == after.strip()


def test_a_value_from_within() -> None:
    exposed = expose(graph_of(LAYERS), ["layers.1.turned"])
    assert show(exposed).splitlines()[-4:] == [
        "case(x, real?):",
        "  layers .turned@1 = stage stage x n(y=x, real=real)",
        "  out = stage(y=layers, real=real)",
        "  -> value_0=layers.turned@1",
    ]
    with pytest.raises(UnknownValue):
        expose(graph_of(LAYERS), ["layers.3.turned"])


@pytest.mark.parametrize("rewrite", PIPELINE, ids=lambda rewrite: rewrite.__name__)
def test_a_pass_done_twice_is_done(rewrite: Pass) -> None:
    graph = run(graph_of(LAYERS), CPU)
    assert show(rewrite(graph, CPU)) == show(graph)


@settings(max_examples=30)
@given(strategies.specs())
def test_nothing_learned_is_lost(random: strategies.RandomSpec) -> None:
    from graphspec.graph import parameter_paths

    graph = graphspec.loads(random.text).graph
    assert dict(parameter_paths(run(graph, CPU).body)) == dict(parameter_paths(graph.body))


# --- the invariants


def broken(change: Callable[[Graph], Graph]) -> Graph:
    return change(graph_of("inputs: {x: B T d}\nnodes: {a: x * 2, out: a + 1}\n"))


def swap(graph: Graph) -> Graph:
    return replace(graph, body=replace(graph.body, nodes=graph.body.nodes[::-1]))


def double(graph: Graph) -> Graph:
    return replace(graph, body=replace(graph.body, nodes=(graph.body.nodes[0], *graph.body.nodes)))


def lose(graph: Graph) -> Graph:
    return replace(graph, body=replace(graph.body, outputs=(("out", Ref("nothing", "")),)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swap, "out reads a at a, which is not there before it"),
        (double, "a is there twice"),
        (lose, "the output out is nothing, which is not there"),
    ],
)
def test_a_broken_graph_names_the_pass(change: Callable[[Graph], Graph], said: str) -> None:
    def careless(graph: Graph, target: Target) -> Graph:
        return broken(change)

    with pytest.raises(invariants.BrokenGraph, match=f"after careless, in case: {said}"):
        run(broken(lambda graph: graph), CPU, (careless,))
