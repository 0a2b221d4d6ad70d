"""The algebra of relations against boolean matrices: what it bounds is always within, and simple cases are exact."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphspec.axes import dim
from graphspec.flow import (
    EVERYWHERE,
    Guard,
    Interval,
    Padding,
    Piece,
    Relation,
    along,
    compose,
    join,
    piece,
    power,
    relation,
    whole,
    within,
)
from tests.flow.brute import matrix, product

SIZE = 6
T = dim("T")
AT = {"T": SIZE}
PADDINGS: tuple[Padding, ...] = (None, "right", "left")

bounds = st.one_of(st.none(), st.integers(-SIZE, SIZE).map(dim), st.integers(-SIZE, 1).map(lambda k: T + k))
intervals = st.builds(Interval, bounds, bounds)
guards = st.frozensets(
    st.builds(
        Guard,
        st.sampled_from(["real", "ids"]),
        st.integers(-1, 1).map(dim),
        st.tuples(st.just(0), st.integers(-1, 1).map(dim)),
    )
    | st.builds(Guard, st.just("real"), st.integers(-1, 1).map(dim)),
    max_size=2,
)
rates = st.sampled_from([Fraction(1), Fraction(1), Fraction(1), Fraction(2), Fraction(1, 2), Fraction(-1), Fraction(0)])


@st.composite
def pieces(draw: st.DrawFn, axes: int = 1) -> Piece | None:
    kept = {axis: draw(rates) for axis in range(axes)}
    absolute = Interval.first(T) & draw(intervals)
    return piece(kept, draw(intervals), absolute, draw(guards), draw(st.booleans()))


def relations(axes: int = 1) -> st.SearchStrategy[Relation]:
    return st.lists(pieces(axes), max_size=3).map(relation)


@st.composite
def tensors(draw: st.DrawFn, padding: Padding) -> dict[str, np.ndarray]:
    if padding is None:
        real = np.array(draw(st.lists(st.booleans(), min_size=SIZE, max_size=SIZE)))
    else:
        real = np.arange(SIZE) < draw(st.integers(0, SIZE))
        real = real[::-1] if padding == "left" else real
    ids = np.array(draw(st.lists(st.integers(0, 1), min_size=SIZE, max_size=SIZE)))
    return {"real": real, "ids": ids}


def dense(found: Relation, *args: Any) -> np.ndarray:
    return matrix(found, (SIZE,), SIZE, *args, lengths=AT) if args else matrix(found, (SIZE,), SIZE, lengths=AT)


def without_documents(found: Relation, padding: Padding) -> bool:
    """That padding stands in one run says nothing of document ids."""
    return padding is None or not any(guard.tensor == "ids" for item in found for guard in item.guards)


# -- bounds -----------------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.data(), st.sampled_from(PADDINGS), relations(), relations())
def test_what_is_composed_is_within_the_composition(
    data: st.DataObject, padding: Padding, hop: Relation, state: Relation
) -> None:
    assume(without_documents((*hop, *state), padding))
    held = data.draw(tensors(padding))
    composed = compose([hop], state, padding)
    exact = product(dense(hop, held, padding), dense(state, held, padding))
    assert not (exact & ~dense(composed, held, padding)).any()


@settings(max_examples=300)
@given(st.data(), st.sampled_from(PADDINGS), st.lists(pieces(), max_size=7))
def test_what_is_joined_is_within_the_join(data: st.DataObject, padding: Padding, parts: list[Piece | None]) -> None:
    kept = [part for part in parts if part]
    assume(without_documents(tuple(kept), padding))
    held = data.draw(tensors(padding))
    joined = join(kept, padding)
    for part in kept:
        assert not (dense((part,), held, padding) & ~dense(joined, held, padding)).any()


@settings(max_examples=200)
@given(st.data(), st.sampled_from(PADDINGS), pieces(), guards)
def test_an_implied_guard_is_true_of_every_pair(
    data: st.DataObject, padding: Padding, item: Piece | None, asked: frozenset[Guard]
) -> None:
    assume(item is not None and without_documents((item,), padding))
    assert item is not None
    held = data.draw(tensors(padding))
    for guard in asked:
        if guard.tensor == "real" and item.implies(guard, padding):
            guarded = Piece(item.rates, item.relative, item.absolute, item.guards | {guard})
            assert (dense((item,), held, padding) == dense((guarded,), held, padding)).all()


@settings(max_examples=100)
@given(relations(), st.integers(1, 9))
def test_powers_hold_all_walks(hop: Relation, times: int) -> None:
    assume(all(not item.guards for item in hop))
    found = power(hop, times, lambda later, earlier: compose([later], earlier))
    walks = np.linalg.matrix_power(dense(hop).astype(object), times) > 0 if hop else dense(hop)
    assert not (walks & ~dense(found)).any()


@settings(max_examples=100)
@given(relations(axes=2), relations(axes=2), relations(axes=2))
def test_two_axes_compose_together(first: Relation, second: Relation, state: Relation) -> None:
    """The middle has two axes, and so has the reader; the source is read along one."""
    assume(all(not item.guards for part in (first, second, state) for item in part))
    n = 3
    at = {"T": n}
    rows = [matrix(part, (n, n), n, lengths=at) for part in (first, second)]
    joint = (rows[0][:, :, None] & rows[1][:, None, :]).reshape(n * n, n * n)
    exact = product(joint, matrix(state, (n, n), n, lengths=at))
    assert not (exact & ~matrix(compose([first, second], state), (n, n), n, lengths=at)).any()


# -- exact cases ------------------------------------------------------------------------------------------------------

simple = st.one_of(
    st.integers(-2, 2).map(lambda k: along(0, T, k, k)),
    st.tuples(st.integers(-2, 0), st.integers(0, 2)).map(lambda ends: along(0, T, *ends)),
    st.just(along(0, T, None, 0)),
    st.just(whole(T)),
    st.integers(0, SIZE - 1).map(lambda k: within(Interval.first(k))),
)


@settings(max_examples=200)
@given(simple, simple)
def test_simple_relations_compose_exactly_away_from_the_ends(hop: Relation, state: Relation) -> None:
    """At the ends a middle may be missing that the bounds do not know of."""
    composed, exact = dense(compose([hop], state)), product(dense(hop), dense(state))
    assert (composed[2:-2, 2:-2] == exact[2:-2, 2:-2]).all()


@given(relations())
def test_the_identity_changes_nothing(found: Relation) -> None:
    unit = along(0, T)
    assume(all(not item.guards for item in found))
    assert (dense(compose([unit], found)) == dense(found)).all()
    assert (dense(compose([found], unit)) == dense(found)).all()


@given(relations(), relations(), relations())
def test_join_has_one_form(a: Relation, b: Relation, c: Relation) -> None:
    assert join((*a, *b)) == join((*b, *a))
    assert join((*a, *a)) == a
    assert join(()) == ()


@given(relations())
def test_nothing_composed_is_nothing(found: Relation) -> None:
    assert compose([found], ()) == () == compose([()], found)


# -- forms ------------------------------------------------------------------------------------------------------------


def test_an_offset_that_is_cut_off_leaves_nothing() -> None:
    """The first part of a concatenation, cut out of it again, reads nothing of the second."""
    second = along(0, T, dim(0) - dim("S"), dim(0) - dim("S"))
    first_part = relation([piece({0: Fraction(1)}, Interval.at(0), Interval.first("S"))])
    second_part = relation([piece({0: Fraction(1)}, Interval.at(dim("S")), Interval(dim("S"), dim("S") + T - 1))])
    assert compose([first_part], second) == ()
    assert compose([second_part], second) == along(0, T)


def test_local_and_pinned_pieces_never_blur() -> None:
    local, pinned = along(0, T, None, 0), within(Interval.first(4))
    both = join((*local, *pinned))
    assert set(both) == {*local, *pinned}
    assert compose([both], both) == both


def test_a_bound_by_the_place_alone_is_no_relation() -> None:
    assert piece({0: Fraction(1)}, EVERYWHERE, Interval.first(T)) == piece({}, EVERYWHERE, Interval.first(T))
    assert piece({0: Fraction(1)}, Interval(None, T), Interval.first(T)) == piece({}, EVERYWHERE, Interval.first(T))
    assert piece({0: Fraction(1)}, Interval.at(3), Interval.first(3)) is None


def test_a_window_grows_by_its_width_in_every_layer() -> None:
    window = along(0, T, -3, 0)
    assert power(window, 10_000, lambda later, earlier: compose([later], earlier)) == along(0, T, -30_000, 0)


def test_places_are_whole() -> None:
    share = Interval(dim(0), dim(1) * Fraction(63, 64))
    assert piece({0: Fraction(1)}, share, Interval.first(T)) == piece(
        {0: Fraction(1)}, Interval.at(0), Interval.first(T)
    )
    found = piece({0: Fraction(1, 4)}, share, Interval.first(T))
    assert found is not None
    assert found.relative == Interval(dim(0), dim(1) * Fraction(3, 4))
    assert (
        piece({0: Fraction(1)}, Interval(dim(1) * Fraction(1, 4), dim(1) * Fraction(1, 2)), Interval.first(T)) is None
    )


def test_too_many_pieces_are_everything() -> None:
    parts = [piece({0: Fraction(rate)}, Interval.at(0), Interval.first(T)) for rate in range(1, 7)]
    (found,) = relation(parts)
    assert not found.rates
    assert found.absolute == Interval.first(T)


def test_incomparable_bounds_become_infinite() -> None:
    hull = Interval.of(0, dim("S")) | Interval.of(0, dim("T"))
    assert hull == Interval.of(0, None)


# -- guards -----------------------------------------------------------------------------------------------------------

REAL = Guard("real", dim(0))
SAME_PLACE = Guard("real", dim(0), (0, dim(0)))


def guarded(found: Relation, *own: Guard) -> Relation:
    return relation(piece(dict(i.rates), i.relative, i.absolute, own, i.control) for i in found)


def test_a_masked_step_after_an_identity_is_masked() -> None:
    (found,) = compose([guarded(whole(T), REAL)], along(0, T))
    assert found.implies(REAL)


def test_a_masked_step_after_an_unmasked_one_is_not() -> None:
    (found,) = compose([guarded(whole(T), REAL)], whole(T))
    assert not found.implies(SAME_PLACE)


def test_an_identity_excuses_padding_only() -> None:
    (found,) = along(0, T)
    assert found.implies(SAME_PLACE)
    assert not found.implies(REAL)


def test_causal_steps_are_guarded_where_padding_stands_right() -> None:
    (causal,) = along(0, T, None, 0)
    assert causal.implies(SAME_PLACE, "right")
    assert not causal.implies(SAME_PLACE)
    assert not causal.implies(SAME_PLACE, "left")
    (pooled,) = compose([guarded(whole(T), REAL)], (causal,), "right")
    assert pooled.implies(REAL, "right")


# -- the check can fail -----------------------------------------------------------------------------------------------


def test_a_composition_without_offsets_would_be_found() -> None:
    hop, state = along(0, T, 1, 1), along(0, T, 2, 2)
    exact = product(dense(hop), dense(state))
    assert (exact & ~dense(along(0, T, 2, 2))).any()
    assert not (exact & ~dense(compose([hop], state))).any()
