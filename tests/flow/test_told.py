"""What masks read, in replays: a refutation shows one world, in which every tensor holds one thing."""

from __future__ import annotations

import numpy as np
import pytest

import graphspec
from graphspec.analysis.contracts import Verdict, verdicts
from graphspec.axes import Dim, dim
from graphspec.flow import Fact
from graphspec.operators.told import ALIKE, APART, Read, Told
from tests.flow.models import CAUSAL, PADDING, decoder, verdict

LEFT = "ignores_padding: {output: y, input: x, where: real, side: left}"
ISOLATES = "isolates: {output: y, input: x, documents: ids}"
USES = "uses: {output: y, input: x}"


def asked(contract: str, *nodes: str) -> Verdict:
    """The verdict on a model of which the embedding `e` is given, and the node `y` is the output."""
    lines = [
        "graphspec: 1",
        "params: {d: 8, heads: 2, vocab: 11}",
        "axes: {B: batch, T: position}",
        "inputs:",
        "  x: {type: int B T, below: vocab}",
        "  real: bool B T = true",
        "  ids: int B T = 0",
        "nodes:",
        "  e: {op: embedding, in: x, size: vocab, dim: d}",
        *(f"  {node}" for node in nodes),
        "outputs: {y: y}",
        f"contracts: [{contract}]",
    ]
    (found,) = verdicts(graphspec.loads("\n".join(lines) + "\n").graph)
    return found


def attention(mask: str, of: str = "e") -> str:
    return f'{{block: std.attention, in: {of}, heads: heads, mask: "{mask}"}}'


# -- what a mask shows where a tensor is held -------------------------------------------------------------------------


def test_a_held_tensor_hides_what_it_says_is_padding() -> None:
    """Key 0 would be shown by `real` alone, which is false there; keys two before the reader are shown, padded or not."""
    found = asked(LEFT, f"y: {attention('(real | (dilated(2) & window(right=0))) & causal')}")
    assert found.status == "refuted"
    (hop,) = (hop for hop in found.path if hop.moves)
    assert (hop.reader[0] - hop.read[0]) % 2 == 0


def test_only_what_is_shown_beside_padding_refutes() -> None:
    """All keys that are not real are hidden: the disjunction only repeats it."""
    assert asked(PADDING, f"y: {attention('(real & causal) | (real & ~causal)')}").status != "refuted"


@pytest.mark.parametrize(("mask", "status"), [("~real", "unknown"), ("~real | documents(ids)", "refuted")])
def test_a_mask_and_a_product_agree_on_what_is_real(mask: str, status: str) -> None:
    """What only a key that is not real would show is zero, where all is multiplied by what is real."""
    assert asked(CAUSAL, "n: e * real", f"y: {attention(mask, 'n')}").status == status


def test_what_is_known_of_no_input_refutes_nothing() -> None:
    """The places are never below 0, so that no key is ever shown."""
    never = ("i: {op: index, over: T}", "never: i < 0", f"y: {attention('never')}")
    assert asked(CAUSAL, *never).status == "unknown"
    assert asked(CAUSAL, "some: x > 3", f"y: {attention('some')}").status == "refuted"


LEARNED = (
    "one: {op: select, in: e, axis: T, at: 0}",
    "rows: {op: parameter, shape: [3, d]}",
    "first: 0 * one + rows",
    'zeros: {op: cast, in: "0 * sum(first, d)", to: int}',
    "long: {op: concat, a: first, b: e, axis: 3}",
    "own: {op: concat, a: zeros, b: ids, axis: 3}",
)
CUT = "y: {op: slice, in: seen, axis: T + 3, start: 3}"


def test_documents_of_more_than_the_sequence() -> None:
    """Tokens before the sequence are of document 0: the ids are joined like the keys, and still tell documents apart."""
    keeps = asked(ISOLATES, *LEARNED, f"seen: {attention('documents(own)', 'long')}", CUT)
    assert keeps.status != "refuted"
    breaks = asked(ISOLATES, *LEARNED, f"seen: {attention('~documents(own)', 'long')}", CUT)
    assert breaks.status == "refuted"


# -- operands that are switched off -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "status"),
    [
        ("where(real, 0.5, e) * real", "unknown"),
        ("where(real, 0.5, e) * 2", "proved"),
        ("where(real, e, 0.5) * real", "proved"),
        ("e * (x > 3)", "proved"),
    ],
)
def test_what_is_switched_off_is_not_used(node: str, status: str) -> None:
    assert asked(USES, f"y: {node}").status == status


def test_a_factor_that_a_held_tensor_decides_refutes_nothing() -> None:
    """Only document 0 is other than zero: the next place's entry, of another document, is not."""
    nodes = ("n: e * (ids == 0)", "m: {op: shift, in: n, axis: T, by: -1}", "y: m * (ids != 0)")
    assert asked(ISOLATES, *nodes[:2], "y: m * 1").status != "refuted"
    assert asked(ISOLATES, "m: {op: shift, in: e, axis: T, by: -1}", "y: m * 1").status == "refuted"


# -- why it is open ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "nodes", "reason"),
    [
        (
            CAUSAL,
            ("i: {op: index, over: T}", "never: i < 0", f"y: {attention('never')}"),
            "whether `y[t]` reads `x[t + 1]` depends on what the mask shows at `y`",
        ),
        (
            USES,
            ("y: where(real, 0.5, e) * real",),
            "whether `y` reads `x` at `T` = 0 depends on what is zero at `y`",
        ),
        (
            PADDING,
            ("m: e + mean(e, B)", f"y: {attention('real', 'm')}"),
            "rows of `real` are mixed along `B` at `m`",
        ),
        (
            CAUSAL,
            (
                'same: {block: std.attention, in: e, heads: heads, mask: "causal & ~causal"}',
                'mean: "mean(same, T)"',
                "y: e + mean",
            ),
            "whether `y` depends on the length of `T` is not known at `mean`",
        ),
    ],
    ids=["mask", "zero", "rows", "length"],
)
def test_an_open_verdict_names_the_node_that_stopped_the_proof(
    contract: str, nodes: tuple[str, ...], reason: str
) -> None:
    found = asked(contract, *nodes)
    assert (found.status, found.reason) == ("unknown", reason)


# -- constants --------------------------------------------------------------------------------------------------------


def test_a_mean_of_constants_does_not_depend_on_their_number() -> None:
    first = 'first: {block: std.attention, in: late, heads: heads, mask: "real & prefix(2)"}'
    more = ("late: {op: shift, in: e, axis: T, by: 2}", first)
    assert verdict(decoder(PADDING, mask="real", more=more, after="mean(first, T)")).status != "refuted"
    assert verdict(decoder(PADDING, mask="real", more=more, after="mean(body, T)")).status == "refuted"


def test_a_maximum_does_not_count() -> None:
    """What padding adds are zeros, of queries that see no key: the last real query is one already."""
    nodes = ('later: {block: std.attention, in: e, heads: heads, mask: "real & ~causal", bias: false}',)
    assert asked(PADDING, *nodes, 'y: "max(later, T)"').status != "refuted"
    assert asked(PADDING, *nodes, 'y: "mean(later, T)"').status == "refuted"


# -- by number --------------------------------------------------------------------------------------------------------


def number(size: Dim) -> int:
    found = size.value({"T": 4})
    assert found is not None
    assert found >= 0
    return found


def plain(kind: str, offset: int = 0) -> Fact:
    return Fact(kind, "real", 0, dim(offset), dim("T"))  # type: ignore[arg-type]


HELD = np.array([True, True, False, False])


def test_entries_are_held_assumed_or_not_known() -> None:
    known, free = Read("p", 0, frozenset({plain("real"), plain("value")})), Read("p", 0)
    told = Told(True, ("real", HELD))
    assert told.keys(known, 4, number).sure.tolist() == HELD.tolist()
    assert told.keys(free, 4, number).sure.all()
    assert not APART.keys(free, 4, number).may.any()
    stuck = Told(True, None, {free: np.array([True, False, True, False])})
    truth = stuck.keys(free, 4, number)
    assert (truth.sure.tolist(), truth.may.all()) == ([True, False, True, False], True)


def test_a_tensor_that_was_moved_is_known_within_its_ends() -> None:
    later = Read("p", 0, frozenset({plain("value", -1)}))
    told = Told(True, ("real", HELD), {later: np.zeros(4, dtype=bool)})
    truth = told.keys(later, 4, number)
    assert truth.sure.tolist() == [False, True, True, False]
    assert truth.may.tolist() == [True, True, True, False]


def test_entries_of_documents_are_alike_where_that_is_known() -> None:
    ids = Read("p", 0, frozenset({Fact("value", "ids", 0, dim(0), dim("T"))}))
    i, j = np.indices((4, 4))
    held = Told(True, ("ids", np.array([0, 0, 1, 0])))
    assert held.same(ids, i, j, 4, number).sure[0].tolist() == [True, True, False, True]
    assert ALIKE.same(ids, i, j, 4, number).sure.all()
    assert (APART.same(ids, i, j, 4, number).may == np.eye(4, dtype=bool)).all()
    stuck = Told(True, None, {ids: np.zeros(4, dtype=bool)})
    truth = stuck.same(ids, i, j, 4, number)
    assert (truth.sure == np.eye(4, dtype=bool)).all()
    assert truth.may.all()
