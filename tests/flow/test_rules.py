"""The flow rules of single operators: every one is stated, and those that only move entries are exact."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from graphspec.axes import Axis, Dim, Number, Sizes, TensorType, dim
from graphspec.flow import Fact, Guard, Interval, Length, along, compose, within
from graphspec.masks import Causal, Keys, Mask
from graphspec.operators import OPERATORS, Operator
from graphspec.operators.attention import Attend, Heads, Merge
from graphspec.operators.choice import Top
from graphspec.operators.flow_rules import Effect, Unknown, Use, effect_of
from graphspec.operators.linear import Linear
from graphspec.operators.loss import CTC, CrossEntropy
from graphspec.operators.pointwise import Pointwise
from graphspec.operators.reduce import Reduce
from graphspec.operators.shape import Concat, Select, Shift, Slice, Split
from tests.flow.brute import matrix

SIZES = Sizes({"heads": 2, "d": 6}, {})


def tensor(*sizes: int | str | Dim, dtype: str = "float") -> TensorType:
    return TensorType(dtype, tuple(Axis(dim(size)) for size in sizes))  # pyright: ignore[reportArgumentType]


def use(operator: Operator, facts: dict[str, frozenset[Fact]] | None = None, **inputs: TensorType) -> Use:
    outputs = tuple(found for _, found in operator.infer(inputs, SIZES))
    return Use(operator, inputs, outputs, SIZES, facts or {})


def effect(operator: Operator, facts: dict[str, frozenset[Fact]] | None = None, **inputs: TensorType) -> Effect:
    return effect_of(use(operator, facts, **inputs), 0)


# -- every operator has a rule ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", [*OPERATORS.values(), Pointwise, CrossEntropy, CTC], ids=lambda cls: cls.op)
def test_every_operator_states_its_rule(operator: type[Operator]) -> None:
    stated = [cls for cls in inspect.getmro(operator) if cls is not Operator and "flow" in vars(cls)]
    assert stated
    assert not isinstance(operator.flow, Unknown)


def test_an_operator_without_a_rule_is_unknown() -> None:
    """All of everything, and nothing of it for sure."""

    class Custom(Linear):
        flow = Unknown()

    found = effect(Custom(dim=dim("d")), x=tensor("B", "T", "d"))
    assert not found.stated
    assert [axis for hop in found.hops for axis in hop.axes] == [within(Interval.first(dim(n))) for n in ("B", "T", 6)]
    assert found.marks.uses_length({"T"})
    assert found.marks.order({"T"}) == "absolute"


# -- operators that move entries --------------------------------------------------------------------------------------

MOVES: list[tuple[Operator, list[tuple[int, ...]]]] = [
    (Heads(heads=dim("heads")), [(3, 6)]),
    (Merge(), [(3, 2, 4)]),
    (Select(axis=dim(5), at=dim(2)), [(2, 5)]),
    (Select(axis=dim(5), at=dim(-2)), [(2, 5)]),
    (Slice(axis=dim(5), start=dim(1), stop=dim(4)), [(2, 5)]),
    (Shift(axis=dim(5), by=dim(2)), [(2, 5)]),
    (Shift(axis=dim(5), by=dim(-1)), [(5, 2)]),
    (Concat(axis=dim(3)), [(2, 3), (2, 4), (2, 1)]),
    (Concat(axis=dim(2)), [(2, 3), (1, 3)]),
]


def moved(operator: Operator, parts: list[np.ndarray]) -> np.ndarray:
    """The operator on the numbers of entries, -1 where nothing is read."""
    (first, *_) = parts
    match operator:
        case Heads():
            return first.reshape(*first.shape[:-1], 2, -1)
        case Merge():
            return first.reshape(*first.shape[:-2], -1)
        case Select(axis=axis, at=at):
            return first.take(int(str(at)), axis=first.shape.index(int(str(axis))))
        case Slice(start=start, stop=stop):
            return first[:, int(str(start)) : int(str(stop))]
        case Shift(axis=axis, by=by):
            place, step = first.shape.index(int(str(axis))), int(str(by))
            rolled = np.roll(first, step, place)
            lost = range(step) if step > 0 else range(first.shape[place] + step, first.shape[place])
            rolled[tuple(list(lost) if at == place else slice(None) for at in range(first.ndim))] = -1
            return rolled
        case Concat(axis=axis):
            return np.concatenate(parts, first.shape.index(int(str(axis))))
        case _:
            raise AssertionError(operator)


@pytest.mark.parametrize(("operator", "shapes"), MOVES, ids=lambda value: str(value)[:40])
def test_moves_are_exact(operator: Operator, shapes: list[tuple[int, ...]]) -> None:
    """Each axis of each input is read just where the entries come from."""
    ports = dict(
        zip("abc" if isinstance(operator, Concat) else "x", (tensor(*shape) for shape in shapes), strict=False)
    )
    found = effect(operator, **ports)
    start = 0
    for hop, shape in zip(found.hops, shapes, strict=True):
        numbers = np.arange(math.prod(shape)).reshape(shape)
        start = 10_000  # other parts are far away
        parts = [numbers if other is shape else np.full(other, start) for other in shapes]
        result = moved(operator, parts)
        joint = np.ones((result.size, numbers.size), dtype=bool)
        for axis, size in enumerate(shape):
            places = np.indices(shape)[axis].reshape(-1)
            joint &= matrix(hop.axes[axis], result.shape, size)[:, places]
        expected = result.reshape(-1, 1) == np.arange(numbers.size)
        assert not (expected & ~joint).any()
        if not isinstance(operator, Merge):  # the two factors of a merged axis are followed apart
            assert (expected == joint).all()


def test_a_split_undoes_a_merge_of_whole_rows() -> None:
    """Along the axis of rows: `n·c + k` over `c` lies in row `n` or, for the bound, just below."""
    split = effect(Heads(heads=dim("heads")), x=tensor(6)).hops[0]
    merged = effect(Merge(), x=tensor(2, 3)).hops[0]
    (found,) = compose(split.axes, merged.axes[0])
    assert dict(found.rates)[0] == 1


# -- lengths, guards and facts ----------------------------------------------------------------------------------------


def real(axis: int = 1, size: str = "T") -> dict[str, frozenset[Fact]]:
    return {"x": frozenset({Fact("real", "real", axis, dim(0), dim(size), frozenset({"B"}))})}


def test_a_number_that_depends_on_a_length_marks_it() -> None:
    root = Number(None, "sqrt(T)", frozenset({"T"}))
    scaled = Pointwise(function="multiply", arguments=("a", root))
    assert effect(scaled, a=tensor("B", "T")).marks.lengths == {Length("T")}
    sized = Pointwise(function="divide", arguments=("a", dim("T")))
    assert effect(sized, a=tensor("B", "T")).marks.lengths == {Length("T")}


def test_a_sum_does_not_count_what_is_zero() -> None:
    summed, mean = (Reduce(over=dim("T"), kind=kind) for kind in ("sum", "mean"))  # type: ignore[arg-type]
    given = tensor("B", "T", "d")
    assert effect(summed, x=given).marks.lengths == {Length("T")}
    assert effect(summed, real(), x=given).marks.lengths == {Length("T", frozenset({"real"}))}
    assert effect(mean, real(), x=given).marks.lengths == {Length("T")}
    assert not effect(summed, real(), x=given).marks.uses_length({"T"}, masked_by="real")


def test_a_product_with_what_is_real_is_guarded_and_zero_at_padding() -> None:
    product = Pointwise(function="multiply", arguments=("a", "b"))
    facts = {"b": frozenset({Fact("real", "real", 1, dim(0), dim("T"), frozenset({"B"}))})}
    found = effect(product, facts, a=tensor("B", "T", "d"), b=tensor("B", "T", dtype="bool"))
    assert found.hops[0].axes[1][0].implies(Guard("real", dim(0)))
    assert not found.hops[1].axes[1][0].implies(Guard("real", dim(0)))
    assert found.facts == facts["b"]


@pytest.mark.parametrize(
    ("function", "known"),
    [("add", False), ("subtract", False), ("divide", True), ("minimum", False), ("where", False), ("power", False)],
)
def test_what_is_known_of_one_operand(function: str, known: bool) -> None:
    ports = ("a", "b", "c") if function == "where" else ("a", "b")
    kinds = {port: tensor("B", "T", dtype="bool" if function == "where" and port == "a" else "float") for port in ports}
    facts = {"a": frozenset({Fact("real", "real", 1, dim(0), dim("T"), frozenset({"B"}))})}
    found = effect(Pointwise(function=function, arguments=ports), facts, **kinds)
    assert bool(found.facts) == known


def test_a_broadcast_operand_is_the_same_along_the_axis_that_it_lacks() -> None:
    found = effect(Pointwise(function="add", arguments=("a", "b")), a=tensor("B", "T", "d"), b=tensor("T"))
    (row,) = found.hops[1].axes
    assert dict(row[0].rates) == {1: 1}


def test_a_longer_mask_tells_of_the_part_that_is_real() -> None:
    """A class token before the keys: their mask with one more true entry says the same, one place later."""
    facts = {"b": frozenset({Fact("real", "real", 1, dim(0), dim("T"), frozenset({"B"}))})}
    parts = {"a": tensor("B", 1, dtype="bool"), "b": tensor("B", "T", dtype="bool")}
    (found,) = effect(Concat(axis=dim(1)), facts, **parts).facts
    assert (found.axis, found.offset) == (1, dim(-1))


def test_a_part_of_a_mask_tells_nothing_of_the_rest() -> None:
    facts = {"b": frozenset({Fact("real", "real", 1, dim(1), dim("T") + 1, frozenset({"B"}))})}
    parts = {"a": tensor("B", 1, dtype="bool"), "b": tensor("B", "T", dtype="bool")}
    assert not effect(Concat(axis=dim(1)), facts, **parts).facts


def test_a_cumulative_sum_tells_its_edge_from_padding_unless_that_is_zero() -> None:
    given = tensor("B", "T", "d")
    forward, backward = (Reduce(over=dim("T"), kind="sum", cumulative=True, reverse=way) for way in (False, True))
    assert effect(forward, x=given).marks.order({"T"}) == "absolute"
    assert effect(forward, real(), x=given).marks.order({"T"}, "real") == "shift"
    assert effect(forward, real(), x=given).marks.order({"T"}, "other") == "absolute"
    assert not effect(forward, x=given).marks.uses_length({"T"})
    assert effect(backward, x=given).marks.uses_length({"T"})
    assert not effect(backward, real(), x=given).marks.uses_length({"T"}, masked_by="real")
    highest = Reduce(over=dim("T"), kind="max", cumulative=True)
    assert effect(highest, real(), x=given).marks.order({"T"}, "real") == "absolute"


def test_only_candidates_are_compared() -> None:
    facts = {"where": real()["x"]}
    given, where = tensor("B", "T", "d"), tensor("B", "T", dtype="bool")
    found = effect(Top(k=dim(2), axis=dim("T")), facts, x=given, where=where)
    (row,) = found.hops[0].axes[1]
    assert row.implies(Guard("real", dim(0)))
    assert found.facts == facts["where"]
    assert all(item.control for axis in found.hops[1].axes for item in axis)
    assert not found.marks.uses_length({"T"}, masked_by="real")
    assert effect(Top(k=dim(2), axis=dim("T")), x=given).marks.uses_length({"T"})


def test_a_choice_of_experts_leaves_positions_alone() -> None:
    found = effect(Top(k=dim(2), axis=dim("d")), x=tensor("B", "T", "d"))
    assert found.hops[0].axes[1] == along(1, "T")
    assert found.marks.order({"T"}) == "none"


def test_parts_lie_at_their_offsets() -> None:
    split = use(Split(axis=dim("T"), into=(("a", dim(2)), ("b", dim("T") - 2))), x=tensor("B", "T"))
    offsets = [effect_of(split, output).hops[0].axes[1][0].relative.point for output in (0, 1)]
    assert offsets == [dim(0), dim(2)]


# -- attention --------------------------------------------------------------------------------------------------------


def attention(mask: Mask, output: int = 0, kv: int | str = "heads", **more: TensorType) -> Effect:
    query, key = tensor("B", "T", "heads", 3), tensor("B", "T", kv, 3)
    given = use(Attend(mask=mask), query=query, key=key, value=key, **more)
    return effect_of(given, output)


def test_weights_read_queries_and_keys_but_no_values() -> None:
    found = attention(Causal(), output=1)
    assert sorted(hop.port for hop in found.hops) == ["key", "query"]
    (causal,) = next(hop for hop in found.hops if hop.port == "key").axes[1]
    assert dict(causal.rates) == {2: 1}  # `B heads T T'`: along the queries
    assert causal.relative == Interval.of(None, 0)


def test_query_heads_share_a_key_head() -> None:
    found = attention(Causal(), kv=1)
    (group,) = next(hop for hop in found.hops if hop.port == "key").axes[2]
    assert (matrix((group,), (2, 2, 2, 3), 1)).all()


def test_what_the_mask_reads_is_control() -> None:
    found = attention(Keys("real"), real=tensor("B", "T", dtype="bool"))
    (hop,) = (hop for hop in found.hops if hop.port == "real")
    assert all(item.control for axis in hop.axes for item in axis)
    assert hop.why == "through the mask"


def test_a_mask_that_is_never_true_reads_nothing() -> None:
    from graphspec.masks import And, Not

    assert attention(And(Causal(), Not(Causal()))) == Effect()
