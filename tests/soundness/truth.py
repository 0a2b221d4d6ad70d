"""What truly holds of a spec at one size: boolean matrices by the structure of every operator, entry by entry.

Independent of the analysis: masks are asked for every pair, tensors that they read hold what a world says, and features
are followed one by one. Something is read if, in some world, the entries along a way from it are not known to be zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from graphspec import masks as m
from graphspec.axes import Axis, Dim, Sizes, TensorType
from graphspec.graph import Body, Call, Graph, Node, Ref, Repeat
from tests.reference import FUNCTIONS, _place, _spread
from tests.soundness.worlds import MEMORY, World

WORLD, SOURCE = Axis(Dim.symbol("world_")), Axis(Dim.symbol("source_"))


@dataclass(frozen=True)
class Known:
    """A value in all worlds: which tokens each entry reads, where it is zero, and its numbers where no token or weight
    has a part in them. The first axis is the world; of `reads`, the last one is the token's place."""

    reads: Tensor
    zero: Tensor
    number: Tensor | None = None

    def moved(self, change: Callable[[Tensor], Tensor]) -> Known:
        """The same change of where entries are."""
        number = None if self.number is None else change(self.number)
        return Known(change(self.reads), change(self.zero), number)

    def settled(self) -> Known:
        return replace(self, reads=self.reads & ~self.zero[..., None])


@dataclass(frozen=True)
class Truth:
    """One graph at one length."""

    graph: Graph
    length: int
    given: World

    @property
    def count(self) -> int:
        return len(self.given["tokens"])

    @property
    def sizes(self) -> dict[str, int]:
        return {**self.graph.sizes, "B": 1, "T": self.length, "S": MEMORY}

    @property
    def known(self) -> Sizes:
        return Sizes(self.graph.sizes, {})

    def whole(self, size: Dim) -> int:
        found = size.value(self.sizes)
        assert found is not None
        return found

    def shape(self, kind: TensorType) -> list[int]:
        return [self.count, *(self.whole(size) for size in kind.sizes)]

    def reads(self) -> Tensor:
        """Worlds, output positions (one if pooled), places of tokens."""
        inputs = {source.name: self._input(source.name, source.type) for source in self.graph.body.inputs}
        (output,) = self.body(self.graph.body, inputs)
        found = output.reads.any(-2)[:, 0]
        return found if found.ndim == 3 else found[:, None]

    def _input(self, name: str, kind: TensorType) -> Known:
        tensor = self.given[name][:, None]
        reads = torch.zeros(*tensor.shape, self.length, dtype=torch.bool)
        if name == "tokens":
            return Known(reads | torch.eye(self.length, dtype=torch.bool), torch.zeros(tensor.shape, dtype=torch.bool))
        if name == "memory":
            return Known(reads, torch.zeros(tensor.shape, dtype=torch.bool))
        return Known(reads, tensor == 0, tensor)

    def nothing(self, kind: TensorType) -> Known:
        shape = self.shape(kind)
        return Known(torch.zeros(*shape, self.length, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool))

    # -- structure ----------------------------------------------------------------------------------------------------

    def body(self, body: Body, inputs: Mapping[str, Known]) -> list[Known]:
        values: dict[Ref, Known] = {Ref(name, ""): value for name, value in inputs.items()}
        for node in body.nodes:
            given = {port: values[ref] for port, ref in node.inputs}
            types = {port: body.type_of(ref) for port, ref in node.inputs}
            outputs = self.node(node, given, types)
            values[Ref(node.name, "")] = outputs[0]
            values |= {Ref(node.name, value.name): made for value, made in zip(node.outputs, outputs, strict=False)}
        return [values[ref] for _, ref in body.outputs if ref in values]

    def node(self, node: Node, given: dict[str, Known], types: dict[str, TensorType]) -> list[Known]:
        match node.does:
            case Call(body):
                return self.body(body, self._arguments(body, given))
            case Repeat() as repeat:
                carried = next(iter(given))
                for body in repeat.turns():
                    given = {**given, carried: self.body(body, self._arguments(body, given))[0]}
                return [given[carried]]
            case operator:
                made = RULES[operator.op](At(self, node, operator, given, types))
                return [each.settled() for each in (made if isinstance(made, list) else [made])]

    def _arguments(self, body: Body, given: Mapping[str, Known]) -> dict[str, Known]:
        return {source.name: given.get(source.name) or given[str(source.default)] for source in body.inputs}


@dataclass(frozen=True)
class At:
    """One use of an operator."""

    truth: Truth
    node: Node
    does: Any
    given: dict[str, Known]
    types: dict[str, TensorType]

    @property
    def made(self) -> TensorType:
        return self.node.outputs[0].type

    @property
    def x(self) -> Known:
        return next(iter(self.given.values()))

    @property
    def kind(self) -> TensorType:
        return next(iter(self.types.values()))

    def dim(self, axis: Dim) -> int:
        """Where the first port has an axis, the world's counted."""
        return 1 + _place(self.kind.axes, Axis(axis), self.truth.known)

    def over(self, axes: Sequence[Dim]) -> list[int]:
        return [self.dim(axis) for axis in axes] or [len(self.kind.axes)]


# -- operators --------------------------------------------------------------------------------------------------------


def mixed(at: At, dims: Sequence[int], keeps_zero: bool = False) -> Known:
    """Everything along some axes, in every place of them."""
    reads, zero = at.x.reads, at.x.zero
    for dim in dims:
        reads = reads.any(dim, keepdim=True).expand(reads.shape)
        zero = zero.all(dim, keepdim=True).expand(zero.shape)
    return Known(reads, zero if keeps_zero else torch.zeros_like(zero))


def linear(at: At) -> Known:
    shape = at.truth.shape(at.made)
    reads = at.x.reads.any(-2, keepdim=True).expand(*shape, -1)
    zero = at.x.zero.all(-1, keepdim=True).expand(shape)
    return Known(reads, zero if not at.does.bias else torch.zeros_like(zero))


def embedding(at: At) -> Known:
    shape = at.truth.shape(at.made)
    return Known(at.x.reads[..., None, :].expand(*shape, -1), torch.zeros(shape, dtype=torch.bool))


def learned_position(at: At) -> Known:
    return embedding(at) if at.given else at.truth.nothing(at.made)


def index(at: At) -> Known:
    made = at.truth.nothing(at.made)
    number = torch.arange(at.truth.length).expand(made.zero.shape)
    return Known(made.reads, number == 0, number)


def norm(at: At) -> Known:
    return mixed(at, at.over(at.does.over), not getattr(at.does, "bias", False))


def softmax(at: At) -> Known:
    return mixed(at, at.over((at.does.over,)))


def reduce(at: At) -> Known:
    if at.does.cumulative:
        return accumulated(at)
    (dim,) = at.over((at.does.over,))
    if at.x.number is None:
        return Known(at.x.reads.any(dim), at.x.zero.all(dim))
    numbers = at.x.number
    made = {
        "sum": lambda: numbers.long().sum(dim) if numbers.dtype == torch.bool else numbers.sum(dim),
        "mean": lambda: numbers.double().mean(dim),
        "max": lambda: numbers.amax(dim),
        "min": lambda: numbers.amin(dim),
        "argmax": lambda: numbers.long().argmax(dim),
    }[at.does.kind]()
    return Known(at.x.reads.any(dim), made == 0, made)


def select(at: At) -> Known:
    (dim,), place = at.over((at.does.axis,)), at.truth.whole(at.does.at)
    return at.x.moved(lambda tensor: tensor.select(dim, place))


def slice_(at: At) -> Known:
    (dim,), start = at.over((at.does.axis,)), at.truth.whole(at.does.start)
    stop = at.x.zero.shape[dim] if at.does.stop is None else at.truth.whole(at.does.stop)
    return at.x.moved(lambda tensor: tensor.narrow(dim, start, stop - start))


def shift(at: At) -> Known:
    (dim,), by = at.over((at.does.axis,)), at.truth.whole(at.does.by)
    places = torch.arange(at.x.zero.shape[dim]) - by
    inside = (places >= 0) & (places < len(places))
    made = at.x.moved(lambda tensor: tensor.index_select(dim, places.clamp(0, len(places) - 1)))
    edge = ~inside.reshape([-1 if axis == dim else 1 for axis in range(made.zero.ndim)])
    return Known(made.reads, made.zero | edge, None if made.number is None else made.number * ~edge)


def concat(at: At) -> Known:
    (dim,), parts = at.over((at.does.axis,)), list(at.given.values())
    numbers = [part.number for part in parts if part.number is not None]
    return Known(
        torch.cat([part.reads for part in parts], dim),
        torch.cat([part.zero for part in parts], dim),
        torch.cat(numbers, dim) if len(numbers) == len(parts) else None,
    )


def cast(at: At) -> Known:
    dtypes = {"bool": torch.bool, "int": torch.long, "float": torch.float64}
    return replace(at.x, number=None if at.x.number is None else at.x.number.to(dtypes[at.does.to]))


def heads(at: At) -> Known:
    shape = at.truth.shape(at.made)
    return Known(at.x.reads.reshape(*shape, -1), at.x.zero.reshape(shape))


def rotary(at: At) -> Known:
    """Pairs of features read each other."""
    width = at.x.zero.shape[-1]
    half, places = width // 2, torch.arange(width)
    other = (places + half) % width if at.does.layout == "halves" else places ^ 1
    return Known(at.x.reads | at.x.reads[..., other, :], at.x.zero & at.x.zero[..., other])


def pointwise(at: At) -> Known:
    arguments = [_argument(at, argument) for argument in at.does.arguments]
    function = at.does.function
    if all(argument.number is not None for argument in arguments):
        return _computed(function, arguments)
    reads, zero = [argument.reads for argument in arguments], [argument.zero for argument in arguments]
    all_reads, none = torch.stack(reads).any(0), torch.zeros_like(zero[0])
    match function:
        case "multiply" | "and":
            return Known(all_reads, torch.stack(zero).any(0))
        case "divide":
            return Known(all_reads, zero[0])
        case "add" | "subtract" | "minimum" | "maximum" | "or":
            return Known(all_reads, torch.stack(zero).all(0))
        case "where":
            return _picked(arguments)
        case (
            "abs"
            | "sqrt"
            | "sin"
            | "tanh"
            | "relu"
            | "relu2"
            | "gelu"
            | "gelu_tanh"
            | "quick_gelu"
            | "silu"
            | "identity"
        ):
            return Known(all_reads, zero[0])
        case _:
            return Known(all_reads, none)


def _argument(at: At, argument: Any) -> Known:
    shape = at.truth.shape(at.made)
    if isinstance(argument, str):
        axes, made = at.types[argument].axes, at.made.axes
        given, known = at.given[argument], at.truth.known
        zero = _spread(given.zero, (WORLD, *axes), (WORLD, *made), known).expand(shape)
        reads = _spread(given.reads, (WORLD, *axes, SOURCE), (WORLD, *made, SOURCE), known).expand(*shape, -1)
        if given.number is None:
            return Known(reads, zero)
        return Known(reads, zero, _spread(given.number, (WORLD, *axes), (WORLD, *made), known).expand(shape))
    value = argument if isinstance(argument, bool) else at.truth.whole(argument) if isinstance(argument, Dim) else None
    number = torch.tensor(_number(at, argument) if value is None else value).expand(shape)
    return Known(torch.zeros(*shape, at.truth.length, dtype=torch.bool), number == 0, number)


def _number(at: At, argument: Any) -> float:
    """A number in which sizes may have a part: any but zero will do."""
    return 1.5 if argument.value is None else argument.value


def _computed(function: str, arguments: Sequence[Known]) -> Known:
    numbers = [argument.number for argument in arguments]
    made = FUNCTIONS[function](*numbers)
    return Known(torch.stack([argument.reads for argument in arguments]).any(0), made == 0, made)


def _picked(arguments: Sequence[Known]) -> Known:
    condition, chosen, other = arguments
    if condition.number is None:
        return Known(condition.reads | chosen.reads | other.reads, chosen.zero & other.zero)
    picks = condition.number.bool()
    reads = torch.where(picks[..., None], chosen.reads, other.reads)
    return Known(reads, torch.where(picks, chosen.zero, other.zero))


# -- attention --------------------------------------------------------------------------------------------------------


def attend(at: At) -> Known:
    query, key, value = (at.given[name] for name in ("query", "key", "value"))
    told = {port: _told(at, port) for port in m.ports(at.does.mask)}
    queries, keys = query.zero.shape[2], key.zero.shape[2]
    shown = _visible(at, at.does.mask, told, queries, keys)
    group = query.zero.shape[3] // key.zero.shape[3]
    scores = query.reads.any(-2) | _summed(shown, key.reads.any(-2), group)
    choice = (shown.sum(-1) >= 2)[:, :, :, None, None]
    flips = torch.zeros_like(scores)
    for port in told:
        flips = flips | _flipping(at, port, told, queries, keys)[:, :, :, None]
    reads = _summed(shown, value.reads, group) | ((scores & choice) | flips)[..., None, :]
    zero = ~_summed(shown, ~value.zero[..., None], group)[..., 0]
    return Known(reads, zero)


def _summed(shown: Tensor, reads: Tensor, group: int) -> Tensor:
    """World, batch, key, group of heads, … → the same by query and head."""
    rest = reads.shape[3:]
    made = torch.bmm(shown.flatten(0, 1).float(), reads.flatten(0, 1).flatten(2).float()) > 0
    return made.reshape(*shown.shape[:3], *rest).repeat_interleave(group, 3)


def _told(at: At, port: str) -> Tensor:
    """What a tensor holds; where tokens have a part in it, anything."""
    given = at.given[port]
    if given.number is not None:
        return given.number
    draw = torch.Generator().manual_seed(len(given.zero))
    made = torch.rand(given.zero.shape, generator=draw) < 0.6
    return made if at.types[port].dtype == "bool" else made.long()


def _visible(at: At, mask: m.Mask, told: Mapping[str, Tensor], queries: int, keys: int) -> Tensor:
    """World, batch, query, key."""
    i, j = torch.arange(queries)[:, None], torch.arange(keys)[None, :]

    def seen(mask: m.Mask) -> Tensor:
        match mask:
            case m.And(left, right):
                return seen(left) & seen(right)
            case m.Or(left, right):
                return seen(left) | seen(right)
            case m.Not(inner):
                return ~seen(inner)
            case m.Keys(port):
                return told[port][:, :, None, :] & (i >= 0)
            case m.Documents(port):
                return told[port][:, :, :, None] == told[port][:, :, None, :]
            case m.Adjacency(port):
                return told[port]
            case _:
                return _positions(at, mask, i, j).expand(at.truth.count, 1, queries, keys)

    return seen(mask)


def _positions(at: At, mask: m.Mask, i: Tensor, j: Tensor) -> Tensor:
    whole = at.truth.whole
    match mask:
        case m.Causal():
            return j <= i
        case m.Window(left, right):
            after = (j >= i - whole(left)) if left is not None else (j >= 0) & (i >= 0)
            return after & (j <= i + whole(right)) if right is not None else after
        case m.Chunk(size):
            return i // whole(size) == j // whole(size)
        case m.Dilated(step):
            return (i - j) % whole(step) == 0
        case m.Prefix(Dim() as size):
            return (j < whole(size)) & (i >= 0)
        case _:
            return (j >= 0) & (i >= 0)


def _flipping(at: At, port: str, told: Mapping[str, Tensor], queries: int, keys: int) -> Tensor:
    """World, batch, query, token: the tokens by which an entry that the mask reads can change what a query sees."""
    given, found = at.given[port], None
    kind, own = at.types[port], told[port]
    if kind.dtype == "bool" and own.ndim == 3:
        for place in range(keys):
            other = own.clone()
            other[:, :, place] = ~other[:, :, place]
            flips = (_visible(at, at.does.mask, told, queries, keys) ^ _visible(at, at.does.mask, {**told, port: other}, queries, keys)).any(-1)  # fmt: skip
            reads = flips[..., None] & given.reads[:, :, place][:, :, None, :]
            found = reads if found is None else found | reads
        assert found is not None
        return found
    everything = given.reads.flatten(2, -2).any(2)
    return everything[:, :, None, :].expand(-1, -1, queries, -1)


def windowed(at: At) -> Known:
    """Places around each, by kernel, dilation and padding."""
    ((dim),) = [1 + place for place, axis in enumerate(at.kind.axes) if str(axis.size) == "T"]
    kernel = at.truth.whole(at.does.kernel[0])
    dilations = getattr(at.does, "dilation", ())
    step = at.truth.whole(dilations[0]) if dilations else 1
    before = _before(at, (kernel - 1) * step)
    length, reads = at.truth.length, torch.zeros_like(at.x.reads)
    for tap in range(kernel):
        places = torch.arange(length) + tap * step - before
        inside = (places >= 0) & (places < length)
        part = at.x.reads.index_select(dim, places.clamp(0, length - 1))
        reads = reads | (part & inside.reshape([-1 if axis == dim else 1 for axis in range(part.ndim)]))
    if at.does.op == "convolution":
        reads = reads.any(-2, keepdim=True).expand(*at.truth.shape(at.made), -1)
    return Known(reads, torch.zeros(at.truth.shape(at.made), dtype=torch.bool))


def _before(at: At, reach: int) -> int:
    padding = at.does.padding
    if isinstance(padding, str):
        return reach if padding == "causal" else reach // 2
    return at.truth.whole(padding[0][0])


def accumulated(at: At) -> Known:
    (dim,) = at.over((at.does.over,))

    def sum_up(tensor: Tensor) -> Tensor:
        turned = tensor.flip(dim) if at.does.reverse else tensor
        made = turned.long().cumsum(dim) > 0
        return made.flip(dim) if at.does.reverse else made

    return Known(sum_up(at.x.reads), ~sum_up(~at.x.zero))


def split(at: At) -> list[Known]:
    (dim,) = at.over((at.does.axis,))
    sizes = [at.truth.shape(value.type)[dim] for value in at.node.outputs]
    parts = zip(at.x.reads.split(sizes, dim), at.x.zero.split(sizes, dim), strict=True)
    return [Known(reads, zero) for reads, zero in parts]


RULES: dict[str, Callable[[At], Known | list[Known]]] = {
    "linear": linear,
    "embedding": embedding,
    "learned_position": learned_position,
    "sinusoidal_position": lambda at: at.truth.nothing(at.made),
    "parameter": lambda at: at.truth.nothing(at.made),
    "index": index,
    "layer_norm": norm,
    "rms_norm": norm,
    "softmax": softmax,
    "reduce": reduce,
    "select": select,
    "slice": slice_,
    "shift": shift,
    "concat": concat,
    "cast": cast,
    "heads": heads,
    "merge": heads,
    "rotary": rotary,
    "pointwise": pointwise,
    "dropout": lambda at: at.x,
    "stop_gradient": lambda at: at.x,
    "attend": attend,
    "convolution": windowed,
    "pool": windowed,
    "split": split,
    "top": lambda at: mixed(at, at.over((at.does.axis,))),
    "flip": lambda at: at.x.moved(lambda tensor: tensor.flip(at.over((at.does.axis,))[0])),
}
