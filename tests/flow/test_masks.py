"""The flow of masks against their truth, pair by pair, whatever the tensors that they read hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphspec.axes import Dim, dim
from graphspec.flow import Fact, Guard, Interval, along, piece, relation
from graphspec.masks import (
    Adjacency,
    And,
    Causal,
    Chunk,
    Dilated,
    Documents,
    Everything,
    Keys,
    Mask,
    Not,
    Or,
    Prefix,
    Window,
    atoms,
)
from graphspec.operators.mask_flow import Keyed
from graphspec.operators.mask_truth import Chooses, Flips, Grid, Seen
from graphspec.operators.told import ALIKE, APART
from tests.flow.brute import matrix, truth

SIZE = 6
sizes = st.integers(0, 4).map(dim)
positive = st.integers(1, 4).map(dim)
position_atoms = st.one_of(
    st.just(Everything()),
    st.just(Causal()),
    st.builds(Window, st.none() | sizes, st.none() | sizes),
    st.builds(Chunk, positive),
    st.builds(Prefix, positive),
    st.builds(Dilated, positive),
)
data_atoms = st.sampled_from([Documents("ids"), Adjacency("edges"), Keys("real"), Keys("other"), Prefix("count")])


def expressions(leaves: st.SearchStrategy[Mask]) -> st.SearchStrategy[Mask]:
    return st.recursive(
        leaves,
        lambda inner: st.builds(Not, inner) | st.builds(And, inner, inner) | st.builds(Or, inner, inner),
        max_leaves=5,
    )


masks = expressions(position_atoms | data_atoms)
tensors = st.fixed_dictionaries(
    {
        "ids": st.lists(st.integers(0, 2), min_size=SIZE, max_size=SIZE).map(np.array),
        "real": st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array),
        "other": st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array),
        "edges": st.lists(st.booleans(), min_size=SIZE**2, max_size=SIZE**2).map(
            lambda v: np.array(v).reshape(SIZE, SIZE)
        ),
        "count": st.integers(0, SIZE).map(np.array),
    }
)
FACTS = {
    "ids": frozenset({Fact("same", "ids", 1, dim(0), dim("T"))}),
    "real": frozenset({Fact("real", "real", 1, dim(0), dim("T"))}),
}
AT = {"T": SIZE}


def number(size: Dim) -> int:
    found = size.value(AT)
    assert found is not None
    return found


def keyed() -> Keyed:
    return Keyed(0, dim("T"), lambda size: size, FACTS)


def pictured(mask: Mask, held: dict[str, np.ndarray]) -> np.ndarray:
    return np.array([[truth(mask, i, j, number, held) for j in range(SIZE)] for i in range(SIZE)])


@settings(max_examples=400)
@given(masks, tensors)
def test_a_mask_is_true_only_where_it_may_be(mask: Mask, held: dict[str, np.ndarray]) -> None:
    bound = matrix(keyed().may(mask), (SIZE,), SIZE, held, lengths=AT)
    assert not (pictured(mask, held) & ~bound).any()


@settings(max_examples=200)
@given(masks, tensors, st.sampled_from(["real", "other", "ids", "edges"]), st.data())
def test_an_outcome_changes_only_where_the_mask_is_sensitive(
    mask: Mask, held: dict[str, np.ndarray], port: str, data: st.DataObject
) -> None:
    changed = {**held, port: data.draw(tensors)[port]}
    moved = pictured(mask, held) != pictured(mask, changed)
    reading = [atom for atom in dict.fromkeys(atoms(mask)) if port in str(atom)]
    bounds = [matrix(_unguarded(keyed().sens(atom, mask)), (SIZE,), SIZE, lengths=AT) for atom in reading]
    assert not (moved & ~np.any([np.zeros((SIZE, SIZE), bool), *bounds], axis=0)).any()


def _unguarded(found: tuple) -> tuple:
    """Which pairs are read does not depend on what the tensors hold."""
    return relation(piece(dict(i.rates), i.relative, i.absolute) for i in found)


@settings(max_examples=200)
@given(expressions(st.sampled_from([Everything(), Causal(), Window(dim(2), dim(1)), Prefix(dim(3))])))
def test_terms_are_exact_before_they_are_joined(mask: Mask) -> None:
    """Each conjunction of plain position atoms is an interval of offsets and one of places, with nothing lost."""
    terms = keyed()._terms(mask, True)  # pyright: ignore[reportPrivateUsage]
    parts = [relation([piece({0: 1}, t.relative, t.absolute & Interval.first("T"))]) for t in terms]  # type: ignore[dict-item]
    found = [matrix(part, (SIZE,), SIZE, lengths=AT) for part in parts]
    assert (np.any([np.zeros((SIZE, SIZE), bool), *found], axis=0) == pictured(mask, {})).all()


@settings(max_examples=200)
@given(masks)
def test_the_truth_used_in_replays_is_the_truth(mask: Mask) -> None:
    for data in (True, False):
        ids = np.zeros(SIZE, int) if data else np.arange(SIZE)
        edges, real = np.full((SIZE, SIZE), data), np.full(SIZE, data)
        held = {"ids": ids, "edges": edges, "real": real, "other": real, "count": np.array(SIZE if data else 0)}
        found = Grid(SIZE, SIZE, number, ALIKE if data else APART, {}).truth(mask)
        assert (found.sure == pictured(mask, held)).all()
        assert (found.may == found.sure).all()


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (Causal(), along(0, "T", None, 0)),
        (And(Causal(), Window(dim(3), None)), along(0, "T", -3, 0)),
        (And(Causal(), Not(Causal())), ()),
        (And(Keys("other"), Not(Keys("other"))), ()),
        (Not(Not(Causal())), along(0, "T", None, 0)),
        (Not(Or(Not(Causal()), Not(Window(dim(3), None)))), along(0, "T", -3, 0)),
        (Not(Everything()), ()),
    ],
    ids=str,
)
def test_where_a_mask_can_be_true(mask: Mask, expected: object) -> None:
    assert keyed().may(mask) == expected


def test_padding_and_documents_guard() -> None:
    (found,) = keyed().may(And(Keys("real"), Documents("ids")))
    assert found.guards == {Guard("real", dim(0)), Guard("ids", dim(0), (0, dim(0)))}


def test_a_negated_padding_mask_guards_nothing() -> None:
    (found,) = keyed().may(Not(Keys("real")))
    assert found.guards == frozenset()


def test_either_of_two_masks_guards_nothing() -> None:
    (found,) = keyed().may(Or(Keys("real"), Keys("other")))
    assert found.guards == frozenset()


def test_a_mask_of_very_many_terms_is_everywhere() -> None:
    mask: Mask = Causal()
    for k in range(40):
        mask = And(mask, Or(Window(dim(k), None), Prefix(dim(k + 1))))
    assert keyed().may(mask)


def test_a_lone_key_gives_no_choice() -> None:
    """Where one key is seen, its weight is 1 whatever it holds: query and key are not read, the value is."""
    own = And(Causal(), Window(dim(0), None))
    assert not Chooses(own, 0, dim("T")).matrix(SIZE, SIZE, number, ALIKE).any()
    assert not Seen(own, 0, least=2).matrix(SIZE, SIZE, number, ALIKE).any()
    assert (Seen(own, 0).matrix(SIZE, SIZE, number, ALIKE) == np.eye(SIZE, dtype=bool)).all()


def test_a_tensor_is_read_where_its_atom_decides() -> None:
    flips = Flips(And(Causal(), Keys("real")), Keys("real"), 0).matrix(SIZE, SIZE, number, ALIKE)
    assert (flips == np.tri(SIZE, dtype=bool)).all()


# -- the check can fail -----------------------------------------------------------------------------------------------


def test_a_complemented_bound_would_be_found() -> None:
    """`~chunk(2)` is not outside the bound of `chunk(2)`: neighbours may lie in different chunks."""
    wrong = ~matrix(keyed().may(Chunk(dim(2))), (SIZE,), SIZE, lengths=AT)
    assert (pictured(Not(Chunk(dim(2))), {}) & ~wrong).any()
