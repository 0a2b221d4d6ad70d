"""What a graph means, computed the slow and obvious way: the oracle for everything that is compiled.

It shares nothing with the compiler: axes are matched by name, masks are asked for every pair of positions, and no
kernel is fused. Dropout is that of evaluation: none.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from graphspec import masks as m
from graphspec.axes import Axis, Dim, Number, Sizes, TensorType, unprimed
from graphspec.graph import WEIGHT, Body, Call, Graph, Input, Mixture, Node, Ref, Repeat


def run(graph: Graph, weights: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The outputs of a model on its learned tensors (by their names in the `state_dict`) and inputs."""
    known = graph.known_sizes
    sizes = dict(graph.sizes)
    given = [source for source in graph.body.inputs if source.name in inputs]
    for source in given:
        _measure(source.type, inputs[source.name], sizes)
    for source in given:
        _solve(source.type, inputs[source.name], sizes)
    sizes |= {name: value for name, size in known.derived.items() if (value := size.value(sizes)) is not None}
    model = _Model(sizes, known, weights)
    tensors = dict(inputs)
    for source in graph.body.inputs:
        if source.name not in tensors:
            tensors[source.name] = model.default(source, tensors)
    return dict(zip((name for name, _ in graph.body.outputs), model.body(graph.body, "", tensors), strict=True))


def _measure(kind: TensorType, tensor: Tensor, sizes: dict[str, int]) -> None:
    for size, number in zip(kind.sizes, tensor.shape, strict=True):
        if str(size) not in sizes and str(size).isidentifier():
            sizes[str(size)] = number


def _solve(kind: TensorType, tensor: Tensor, sizes: dict[str, int]) -> None:
    """A symbol that stands in a composite size only: the first number that makes the size right."""
    for size, number in zip(kind.sizes, tensor.shape, strict=True):
        unknown = sorted(size.symbols - sizes.keys())
        if len(unknown) == 1:
            tried = range(number + 1)
            sizes[unknown[0]] = next(n for n in tried if size.value({**sizes, unknown[0]: n}) == number)


@dataclass
class _Model:
    sizes: dict[str, int]
    known: Sizes
    weights: Mapping[str, Tensor]

    def number(self, value: Number | Dim | bool) -> float:
        if isinstance(value, bool):
            return value
        if isinstance(value, Dim):
            found = value.value(self.sizes)
            assert found is not None, value
            return found
        assert value.value is not None
        return value.value

    def whole(self, size: Dim) -> int:
        return int(self.number(size))

    def default(self, source: Input, given: Mapping[str, Tensor]) -> Tensor:
        if isinstance(source.default, str):
            return given[source.default]
        shape = [self.whole(size) for size in source.type.sizes]
        dtype = {"bool": torch.bool, "int": torch.long, "float": torch.get_default_dtype()}[source.type.dtype]
        assert source.default is not None
        return torch.full(shape, source.default, dtype=dtype)

    # -- structure ----------------------------------------------------------------------------------------------------

    def body(self, body: Body, path: str, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        values: dict[tuple[str, str], Tensor] = {(name, ""): tensor for name, tensor in inputs.items()}

        def read(ref: Ref) -> Tensor:
            return values[ref.name, ref.output]

        for node in body.nodes:
            given = {port: read(ref) for port, ref in node.inputs}
            types = {port: body.type_of(ref) for port, ref in node.inputs}
            outputs = self.node(node, f"{path}{node.name}", given, types)
            values[node.name, ""] = outputs[0]
            for value, tensor in zip(node.outputs, outputs, strict=True):
                values[node.name, value.name] = tensor
                assert list(tensor.shape) == [self.whole(size) for size in value.type.sizes], (node.name, tensor.shape)
        return [read(ref) for _, ref in body.outputs]

    def node(self, node: Node, path: str, given: dict[str, Tensor], types: dict[str, TensorType]) -> list[Tensor]:
        match node.does:
            case Mixture() as mixture:
                return [self.mixture(node, mixture, path, given, types)]
            case Call(body):
                return self.body(body, f"{path}.", given)
            case Repeat() as repeat:
                return self.repeat(repeat, path, given)
            case operator:
                found = RULES[operator.op](_At(self, node, path, operator, given, types))
                return list(found) if isinstance(found, tuple) else [found]

    def mixture(
        self, node: Node, mixture: Mixture, path: str, given: dict[str, Tensor], types: dict[str, TensorType]
    ) -> Tensor:
        weight = given.pop(WEIGHT)
        made = [self.body(mixture.body, f"{path}.{at}.", given)[0] for at in range(mixture.count)]
        along = types[WEIGHT].axes[:-1]
        shares = [_spread(weight[..., at], along, node.type.axes, self.known) for at in range(mixture.count)]
        return torch.stack([share * part for share, part in zip(shares, made, strict=True)]).sum(0)

    def repeat(self, repeat: Repeat, path: str, given: dict[str, Tensor]) -> list[Tensor]:
        carried, *_ = given
        others: list[list[Tensor]] = []
        for turn, body in enumerate(repeat.turns()):
            inside = f"{path}." if repeat.shared else f"{path}.{turn}."
            wanted = {source.name: given[source.name] for source in body.inputs}
            first, *rest = self.body(body, inside, wanted)
            given[carried] = first
            others.append(rest)
        return [given[carried], *(torch.stack(column) for column in zip(*others, strict=True))]


@dataclass
class _At:
    model: _Model
    node: Node
    path: str
    does: Any
    given: dict[str, Tensor]
    types: dict[str, TensorType]

    def weight(self, name: str) -> Tensor | None:
        found = next((p for p in self.node.parameters if p.name == name), None)
        if found is None:
            return None
        owner = self.path.rpartition(".")[0]
        own = f"{self.path}.{name}" if name else self.path
        return self.model.weights[".".join(filter(None, (owner, *found.tied))) if found.tied else own]

    def buffer(self, name: str) -> Tensor:
        """A running statistic: as it was kept, or as it starts."""
        (found,) = (p for p in self.node.buffers if p.name == name)
        start = torch.full([self.model.whole(size) for size in found.shape], float(str(found.init) == "ones"))
        return self.model.weights.get(f"{self.path}.{name}", start)

    def place(self, port: str, axis: Dim) -> int:
        return _place(self.types[port].axes, _named(axis), self.model.known)

    def dims(self, port: str, axes: tuple[Dim, ...]) -> list[int]:
        return [-1 - at for at in range(len(axes) or 1)]


def _named(name: Dim) -> Axis:
    """The axis that an attribute names: `T`, or its second occurrence `T'`."""
    size = unprimed(name)
    return Axis(size, primed=size != name)


def _place(axes: tuple[Axis, ...], wanted: Axis, known: Sizes) -> int:
    exact = [at for at, axis in enumerate(axes) if axis == wanted]
    alike = [at for at, a in enumerate(axes) if a.primed == wanted.primed and known.same(a.size, wanted.size)]
    return (exact or alike or [-1])[0]


def _spread(tensor: Tensor, axes: tuple[Axis, ...], result: tuple[Axis, ...], known: Sizes) -> Tensor:
    """The tensor with the axes of `result`, those it lacks being of size 1."""
    left = list(range(len(axes)))
    order: list[int | None] = []
    for wanted in result:
        at = _place(tuple(axes[place] for place in left), wanted, known)
        order.append(left.pop(at) if at >= 0 else None)
    assert not left, (axes, result)
    moved = tensor.permute([place for place in order if place is not None])
    for at, place in enumerate(order):
        if place is None:
            moved = moved.unsqueeze(at)
    return moved


# -- operators --------------------------------------------------------------------------------------------------------


def linear(at: _At) -> Tensor:
    weight, bias = at.weight("weight"), at.weight("bias")
    assert weight is not None
    made = torch.einsum("...n,mn->...m", at.given["x"], weight)
    return made if bias is None else made + bias


def norm(at: _At) -> Tensor:
    x, dims = at.given["x"], at.dims("x", at.does.over)
    if at.does.op == "layer_norm":
        x = x - x.mean(dims, keepdim=True)
    x = x / ((x**2).mean(dims, keepdim=True) + at.model.number(at.does.eps)).sqrt()
    weight, bias = at.weight("weight"), at.weight("bias")
    if weight is not None:
        x = x * (weight + 1 if at.does.weight == "w+1" else weight)
    return x if bias is None else x + bias


def batch_norm(at: _At) -> Tensor:
    """In evaluation: by the statistics that were kept."""
    x = (at.given["x"] - at.buffer("running_mean")) / (at.buffer("running_var") + at.model.number(at.does.eps)).sqrt()
    return _scaled(at, x)


def group_norm(at: _At) -> Tensor:
    """One part of the features after the other, as a layer norm of its own."""
    over = _over(at)
    parts = []
    for part in at.given["x"].chunk(at.model.whole(at.does.groups), -1):
        part = part - part.mean([*over, -1], keepdim=True)
        parts.append(part / ((part**2).mean([*over, -1], keepdim=True) + at.model.number(at.does.eps)).sqrt())
    return _scaled(at, torch.cat(parts, -1))


def _scaled(at: _At, x: Tensor) -> Tensor:
    weight, bias = at.weight("weight"), at.weight("bias")
    if weight is not None:
        x = x * (weight + 1 if at.does.weight == "w+1" else weight)
    return x if bias is None else x + bias


def _over(at: _At) -> list[int]:
    """The places of the axes `over`, each another: by name, else in the order in which they fit."""
    found: list[int] = []
    for wanted in at.does.over:
        axes = at.types["x"].axes
        fitting = [place for place, axis in enumerate(axes) if at.model.known.same(axis.size, wanted)]
        exact = [place for place in fitting if axes[place].size == wanted]
        found.append(next(place for place in exact or fitting if place not in found))
    return found


Reads = list[tuple[int, ...] | None]
"""The places that one window reads, None beyond the ends."""


def _windows(at: _At) -> tuple[Tensor, list[int], list[Reads]]:
    """The input with the axes of the window first; how many windows there are along each; what each of them reads."""
    does, places = at.does, _over(at)
    sizes = [at.given["x"].shape[place] for place in places]
    each = lambda values: [at.model.whole(v) for v in values] * (len(places) if len(values) == 1 else 1)  # noqa: E731
    kernel = each(does.kernel)
    stride = each(does.stride) if does.stride else kernel
    dilation = each(getattr(does, "dilation", (Dim.of_terms({(): Fraction(1)}),)))
    counts = [at.model.whole(at.node.type.axes[place].size) for place in places]
    found: list[Reads] = []
    for out in itertools.product(*map(range, counts)):
        reads: Reads = []
        for tap in itertools.product(*map(range, kernel)):
            spot = [
                out[axis] * stride[axis] + tap[axis] * dilation[axis] - _before(at, axis, dilation[axis], kernel[axis])
                for axis in range(len(places))
            ]
            reads.append(tuple(spot) if all(0 <= j < n for j, n in zip(spot, sizes, strict=True)) else None)
        found.append(reads)
    return at.given["x"].movedim(places, list(range(len(places)))), counts, found


def _before(at: _At, axis: int, dilation: int, kernel: int) -> int:
    padding = at.does.padding
    if isinstance(padding, str):
        return {"valid": 0, "same": dilation * (kernel - 1) // 2, "causal": dilation * (kernel - 1)}[padding]
    return at.model.whole(padding[axis if len(padding) > 1 else 0][0])


def _put_back(at: _At, made: list[Tensor], counts: list[int]) -> Tensor:
    return torch.stack(made).unflatten(0, counts).movedim(list(range(len(counts))), _over(at))


def convolution(at: _At) -> Tensor:
    weight, bias = at.given.pop("weight", at.weight("weight")), at.weight("bias")
    assert weight is not None
    x, counts, windows = _windows(at)
    made = []
    for reads in windows:
        total = torch.zeros(*x.shape[len(counts) : -1], weight.shape[0])
        for tap, spot in enumerate(reads):
            if spot is not None:
                total = total + _mixed(x[spot], weight.flatten(2)[..., tap], at.model.whole(at.does.groups))
        made.append(total if bias is None else total + bias)
    return _put_back(at, made, counts)


def _mixed(x: Tensor, weight: Tensor, groups: int) -> Tensor:
    parts = zip(x.chunk(groups, -1), weight.chunk(groups, 0), strict=True)
    return torch.cat([torch.einsum("...n,mn->...m", part, own) for part, own in parts], -1)


def pool(at: _At) -> Tensor:
    x, counts, windows = _windows(at)
    made = []
    for reads in windows:
        there = torch.stack([x[spot] for spot in reads if spot is not None])
        if at.does.kind == "max":
            made.append(there.amax(0))
        else:
            made.append(there.sum(0) / (len(reads) if at.does.count_padding else len(there)))
    return _put_back(at, made, counts)


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "floor_divide": lambda a, b: torch.div(a, b, rounding_mode="floor"),
    "remainder": lambda a, b: a - b * torch.div(a, b, rounding_mode="floor"),
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "not": lambda a: ~a,
    "negative": lambda a: -a,
    "identity": lambda a: a,
    "minimum": lambda a, b: torch.where(a < b, a, b),
    "maximum": lambda a, b: torch.where(a > b, a, b),
    "where": torch.where,
    "relu": lambda a: torch.where(a > 0, a, 0 * a),
    "relu2": lambda a: torch.where(a > 0, a, 0 * a) ** 2,
    "sigmoid": lambda a: 1 / (1 + torch.exp(-a)),
    "silu": lambda a: a / (1 + torch.exp(-a)),
    "gelu": lambda a: a * (1 + torch.erf(a / math.sqrt(2))) / 2,
    "gelu_tanh": lambda a: a * (1 + torch.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3))) / 2,
    "quick_gelu": lambda a: a / (1 + torch.exp(-1.702 * a)),
    "softplus": lambda a: torch.log(1 + torch.exp(a)),
}
ARITHMETIC = ("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "negative")


def pointwise(at: _At) -> Tensor:
    result = at.node.type
    operands: list[Any] = []
    for argument in at.does.arguments:
        if isinstance(argument, str):
            tensor = _spread(at.given[argument], at.types[argument].axes, result.axes, at.model.known)
            operands.append(tensor.long() if tensor.dtype == torch.bool and at.does.function in ARITHMETIC else tensor)
        else:
            operands.append(torch.tensor(at.model.number(argument)))
    function = FUNCTIONS.get(at.does.function) or getattr(torch, at.does.function)
    made = function(*operands)
    return made.to(torch.get_default_dtype()) if result.dtype == "float" and not made.is_floating_point() else made


def attend(at: _At) -> tuple[Tensor, Tensor]:
    does = at.does
    query, key, value = (at.given[port].movedim(-2, -3) for port in ("query", "key", "value"))
    groups = query.shape[-3] // key.shape[-3]
    key, value = (torch.stack([part] * groups, -3).flatten(-4, -3) for part in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if does.scale is None else at.model.number(does.scale)
    scores = scale * query @ key.mT
    if does.softcap is not None:
        cap = at.model.number(does.softcap)
        scores = cap * torch.tanh(scores / cap)
    if "bias" in at.given:
        *lead, position, head, _ = at.types["query"].axes
        keys = at.types["key"].axes[-3].size
        along = (*lead, head, position, Axis(keys, primed=position.size == keys))
        scores = scores + _spread(at.given["bias"], at.types["bias"].axes, along, at.model.known)
    seen = _visible(at, does.mask).expand(scores.shape)
    weights = torch.zeros_like(scores)
    above = torch.where(seen, scores, -torch.inf).amax(-1, keepdim=True).clamp(min=-1e30).detach()
    if "sink" in at.given:
        above = torch.maximum(above, at.given["sink"][:, None, None]).detach()
    powers = torch.where(seen, torch.exp(torch.where(seen, scores - above, 0.0)), weights)
    total = powers.sum(-1, keepdim=True)
    if "sink" in at.given:
        total = total + torch.exp(at.given["sink"][:, None, None] - above)
    weights = powers / torch.where(total == 0, 1.0, total)
    return (weights @ value).movedim(-3, -2), weights


def concat(at: _At) -> Tensor:
    """Parts are spread over the rows first; the joined axis is the one along which their numbers add up."""
    made = [at.model.whole(size) for size in at.node.type.sizes]
    parts = [part.reshape([1] * (len(made) - part.dim()) + list(part.shape)) for part in at.given.values()]
    named = at.model.whole(at.does.axis)
    fits = [
        place
        for place in range(len(made))
        if sum(part.shape[place] for part in parts) == made[place]
        and named in (made[place], *(part.shape[place] for part in parts))
    ]
    (place,) = fits
    return torch.cat([part.expand([*made[:place], part.shape[place], *made[place + 1 :]]) for part in parts], place)


def pad(at: _At) -> Tensor:
    """The part in the middle, and a constant on either side."""
    x, place = at.given["x"], at.place("x", at.does.axis)
    sides = []
    for size in (at.does.left, at.does.right):
        shape = list(x.shape)
        shape[place] = at.model.whole(size)
        sides.append(torch.full(shape, at.model.number(at.does.value)).to(x.dtype))
    return torch.cat([sides[0], x, sides[1]], place)


def contract(at: _At) -> Tensor:
    """Each factor with all axes, multiplied, then summed over one axis after the other."""
    known = at.model.known
    summed = [_named(name) for name in at.does.over]
    names: dict[str, list[object]] = {}
    for port in ("a", "b"):
        axes = at.types[port].axes
        names[port] = [(known.expand(axis.size), axis.primed) for axis in axes]
        for number, axis in enumerate(summed):
            names[port][_place(axes, axis, known)] = number
    order = list(dict.fromkeys(names["a"] + names["b"]))
    made = torch.ones(())
    for port, own in names.items():
        tensor = at.given[port].permute([own.index(axis) for axis in order if axis in own])
        made = made * tensor[tuple(slice(None) if axis in own else None for axis in order)]
    for number in range(len(summed)):
        made, _ = made.sum(order.index(number)), order.remove(number)
    return made


def scan(at: _At) -> Tensor:
    """One place after the other."""
    axes, known = at.node.type.axes, at.model.known
    place = _place(axes, Axis(at.does.over), known)
    drive, decay = (_spread(at.given[port], at.types[port].axes, axes, known) for port in ("drive", "decay"))
    shape = [at.model.whole(axis.size) for axis in axes]
    drive, decay = drive.expand(shape), decay.expand(shape)
    state = torch.zeros_like(drive.select(place, 0))
    if "start" in at.given:
        state = state + _spread(at.given["start"], at.types["start"].axes, (*axes[:place], *axes[place + 1 :]), known)
    rows: dict[int, Tensor] = {}
    for t in reversed(range(shape[place])) if at.does.reverse else range(shape[place]):
        state = rows[t] = decay.select(place, t) * state + drive.select(place, t)
    return torch.stack([rows[t] for t in range(shape[place])], place)


def one_hot(at: _At) -> Tensor:
    size = at.model.whole(at.does.size)
    rows = torch.cat([torch.eye(size), torch.zeros(1, size)])
    ids = at.given["ids"]
    return rows[torch.where((ids >= 0) & (ids < size), ids, size)]


def alibi(at: _At) -> Tensor:
    heads, length = at.model.whole(at.does.heads), at.model.whole(at.does.over)
    power = 2 ** math.floor(math.log2(heads))
    slopes = [(2 ** (-8 / power)) ** (h + 1) for h in range(power)]
    finer = [(2 ** (-8 / (2 * power))) ** (h + 1) for h in range(2 * power)]
    slopes += finer[::2][: heads - power]
    return torch.tensor([[[-slope * abs(i - j) for j in range(length)] for i in range(length)] for slope in slopes])


def relative_bias(at: _At) -> Tensor:
    table, length, distance = at.weight("weight"), at.model.whole(at.does.over), at.model.whole(at.does.distance)
    both = at.does.direction == "both"

    def bucket(i: int, j: int) -> int:
        count = table.shape[0] // 2 if both else table.shape[0]
        start = count if both and j > i else 0
        apart = abs(i - j) if both else max(i - j, 0)
        single = count // 2
        if apart < single:
            return start + apart
        further = math.log(apart / single) / math.log(distance / single) * (count - single)
        return start + min(count - 1, single + int(further + 1e-6))

    rows = [torch.stack([table[bucket(i, j)] for j in range(length)]) for i in range(length)]
    return torch.stack(rows).movedim(-1, 0)


def _visible(at: _At, mask: m.Mask) -> Tensor:
    """Which key a query sees, along leading axes, heads, queries, keys."""
    match mask:
        case m.And(left, right):
            return _visible(at, left) & _visible(at, right)
        case m.Or(left, right):
            return _visible(at, left) | _visible(at, right)
        case m.Not(inner):
            return ~_visible(at, inner)
        case m.Documents(port):
            return _told(at, port, "query") == _told(at, port, "key")
        case m.Keys(port) | m.Adjacency(port):
            return _told(at, port, "key")
        case m.Prefix(str(port)):
            return torch.arange(at.given["key"].shape[-3]) < _told(at, port, "none")
        case _:
            return _by_position(at, mask)


def _by_position(at: _At, mask: m.Mask) -> Tensor:
    i, j = torch.arange(at.given["query"].shape[-3])[:, None], torch.arange(at.given["key"].shape[-3])[None, :]
    match mask:
        case m.Causal():
            return j <= i
        case m.Window(left, right):
            after = (i - at.model.whole(left) <= j) if left is not None else j >= 0
            return after & (j <= i + at.model.whole(right)) if right is not None else after
        case m.Chunk(size):
            length = at.model.whole(size)
            return i.div(length, rounding_mode="floor") == j.div(length, rounding_mode="floor")
        case m.Dilated(step):
            return (i - j) % at.model.whole(step) == 0
        case m.Prefix(Dim() as size):
            return j < at.model.whole(size)
        case _:
            return j >= 0


def _told(at: _At, port: str, role: str) -> Tensor:
    """A tensor that the mask reads, its position axis being the query's or the key's."""
    query, key = at.types["query"].axes, at.types["key"].axes
    keys = Axis(key[-3].size, primed=query[-3].size == key[-3].size)
    own = list(at.types[port].axes)
    if role == "key":
        own[max(place for place, axis in enumerate(own) if at.model.known.same(axis.size, keys.size))] = keys
    return _spread(at.given[port], tuple(own), (*query[:-3], query[-2], Axis(query[-3].size), keys), at.model.known)


def rotary(at: _At) -> Tensor:
    x, does = at.given["x"], at.does
    dims = x.shape[-1] if does.dims is None else at.model.whole(does.dims)
    half, length = dims // 2, x.shape[-3]
    parts = []
    for pair in range(half):
        a, b = (pair, pair + half) if does.layout == "halves" else (2 * pair, 2 * pair + 1)
        rate, magnitude = _turning(at, pair, dims, length)
        places = at.given["at"].float() if "at" in at.given else torch.arange(length, dtype=torch.float32)
        angle = places * torch.tensor(rate, dtype=torch.float32)
        turned = torch.complex(x[..., a], x[..., b]) * (magnitude * torch.exp(1j * angle)[..., None])
        parts.append((a, turned.real))
        parts.append((b, turned.imag))
    columns = dict(parts) | {at_: x[..., at_] for at_ in range(dims, x.shape[-1])}
    return torch.stack([columns[column] for column in range(x.shape[-1])], -1).to(x.dtype)


def _turning(at: _At, pair: int, dims: int, length: int) -> tuple[float, float]:
    """By how much one pair turns from a position to the next, and by what it is multiplied."""
    theta, scaling = at.model.number(at.does.theta), at.does.scaling
    plain = theta ** (-2 * pair / dims)
    if scaling is None:
        return plain, 1
    told = {name: getattr(scaling, name) for name in scaling.__dataclass_fields__}
    number = {name: at.model.number(value) for name, value in told.items() if isinstance(value, Number)}
    match scaling.kind:
        case "linear":
            return plain / number["factor"], 1
        case "ntk" | "dynamic":
            factor = number["factor"]
            if scaling.kind == "dynamic":
                factor = 1 + factor * (max(1, length / number["original"]) - 1)
            return (theta * factor ** (dims / (dims - 2))) ** (-2 * pair / dims), 1
        case "llama3":
            turns = number["original"] / (2 * math.pi / plain)
            if turns < number["low"]:
                return plain / number["factor"], 1
            if turns > number["high"]:
                return plain, 1
            kept = (turns - number["low"]) / (number["high"] - number["low"])
            return kept * plain + (1 - kept) * plain / number["factor"], 1
        case "yarn":
            ends = []
            for times, rounded in ((number["fast"], math.floor), (number["slow"], math.ceil)):
                end = dims * math.log(number["original"] / (2 * math.pi * times)) / (2 * math.log(theta))
                ends.append(rounded(end) if scaling.truncate else end)
            low, high = max(ends[0], 0), min(ends[1], dims - 1)
            stretched = min(1.0, max(0.0, (pair - low) / (high - low)))
            magnitude = number.get("attention", 0.1 * math.log(number["factor"]) + 1)
            return stretched * plain / number["factor"] + (1 - stretched) * plain, magnitude
        case _:
            factors = scaling.long if length > number["original"] else scaling.short
            return plain / at.model.number(factors[pair]), number["attention"]


def sinusoidal(at: _At) -> Tensor:
    if "at" in at.given:
        known = at.given["at"]
        table = _sinusoids(at, int(known.max()) + 1)
        return table[known]
    return _sinusoids(at, at.model.whole(at.does.over))


def _sinusoids(at: _At, count: int) -> Tensor:
    width = at.model.whole(at.does.dim)
    rows = torch.zeros(count, width, dtype=torch.get_default_dtype())
    for t in range(count):
        for i in range(width // 2):
            angle = t / at.model.number(at.does.theta) ** (2 * i / width)
            sine, cosine = (2 * i, 2 * i + 1) if at.does.layout == "interleaved" else (i, i + width // 2)
            rows[t, sine], rows[t, cosine] = math.sin(angle), math.cos(angle)
    return rows


def learned_position(at: _At) -> Tensor:
    table = at.weight("weight")
    assert table is not None
    ids = at.given["at"] if "at" in at.given else torch.arange(at.model.whole(at.does.over))
    return table[ids + at.model.whole(at.does.offset)]


def reduce(at: _At) -> Tensor:
    x, place = at.given["x"], at.place("x", at.does.over)
    if at.does.cumulative:
        count = x.shape[place]
        spans = [(t, count - t) if at.does.reverse else (0, t + 1) for t in range(count)]
        return torch.stack([_reduced(at, x.narrow(place, *span), place) for span in spans], place)
    return _reduced(at, x, place)


def _reduced(at: _At, x: Tensor, place: int) -> Tensor:
    if at.does.kind in ("max", "min"):
        return getattr(x, f"a{at.does.kind}")(place)
    if at.does.kind == "argmax":
        return x.long().argmax(place) if x.dtype == torch.bool else x.argmax(place)
    made = x.sum(place)
    return made / x.shape[place] if at.does.kind == "mean" else made


def slice_(at: _At) -> Tensor:
    place = at.place("x", at.does.axis)
    start = at.model.whole(at.does.start)
    stop = at.given["x"].shape[place] if at.does.stop is None else at.model.whole(at.does.stop)
    return at.given["x"].narrow(place, start, stop - start)


def split(at: _At) -> tuple[Tensor, ...]:
    place, start, parts = at.place("x", at.does.axis), 0, []
    for _, size in at.does.into:
        x = at.given["x"]
        length = x.shape[place] // len(at.does.into) if size is None else at.model.whole(size)
        parts.append(x.narrow(place, start, length))
        start += length
    return tuple(parts)


def turn(at: _At) -> Tensor:
    """`flip` and `roll`: every place from another."""
    x, place = at.given["x"], at.place("x", at.does.axis)
    count = x.shape[place]
    sources = [
        count - 1 - t if at.does.op == "flip" else (t - at.model.whole(at.does.by)) % count for t in range(count)
    ]
    return torch.stack([x.select(place, source) for source in sources], place)


def rearrange(at: _At) -> Tensor:
    """Every entry by its places along all parts."""
    x, pattern = at.given["x"], at.does.pattern
    cut = x.dim() - len(pattern.before)
    groups = [[size] for size in x.shape[:cut]]
    for axis, size in zip(pattern.before, x.shape[cut:], strict=True):
        found = [dict(at.does.sizes).get(part) if isinstance(part, str) else part for part in axis]
        numbers = [None if part is None else at.model.whole(unprimed(part)) for part in found]
        known = math.prod(number for number in numbers if number is not None)
        groups.append([size // known if number is None else number for number in numbers])
    sizes = [size for group in groups for size in group]
    known = len(sizes)
    new = [dict(at.does.sizes)[part] if isinstance(part, str) else unprimed(part) for part in pattern.new]
    sizes += map(at.model.whole, new)
    after = [[part] for part in range(cut)] + [[cut + part for part in axis] for axis in pattern.after]
    order = [part for axis in after for part in axis]
    numbers = torch.arange(x.numel()).tolist()
    found = []
    for places in itertools.product(*(range(sizes[part]) for part in order)):
        by_part = dict(zip(order, places, strict=True))
        number = 0
        for part, size in enumerate(sizes[:known]):
            number = number * size + by_part[part]
        found.append(numbers[number])
    return x.reshape(-1)[found].reshape([math.prod(sizes[part] for part in axis) for axis in after])


def top(at: _At) -> Tensor:
    """One after the other, the first of the largest that is left."""
    x, place = at.given["x"], at.place("x", at.does.axis)
    where = torch.ones_like(x, dtype=torch.bool)
    if "where" in at.given:
        where = _spread(at.given["where"], at.types["where"].axes, at.types["x"].axes, at.model.known).expand(x.shape)
    rows, left = x.detach().movedim(place, -1), where.movedim(place, -1)
    chosen = torch.zeros_like(rows)
    for row in itertools.product(*(range(size) for size in rows.shape[:-1])):
        candidates = [t for t in range(rows.shape[-1]) if left[row][t]]
        for _ in range(min(at.model.whole(at.does.k), len(candidates))):
            best = max(candidates, key=lambda t: (float(rows[row][t]), -t))
            candidates.remove(best)
            chosen[(*row, best)] = 1
    return chosen.movedim(-1, place)


def gather(at: _At) -> Tensor:
    """Every entry by its places."""
    x, numbers, place = at.given["x"], at.given["at"], at.place("x", at.does.axis)
    axes, taken = at.types["x"].axes, list(at.types["at"].axes)
    others = [axis for spot, axis in enumerate(axes) if spot != place]
    shared = [axis for axis in taken if axis in others]
    own = [axis for axis in taken if axis not in others]
    size = numbers.shape[taken.index(own[0])] if own else 1
    found = torch.zeros([size if spot == place else count for spot, count in enumerate(x.shape)], dtype=torch.long)
    flat = []
    for places in itertools.product(*(range(count) for count in found.shape)):
        at_axis = {axis: places[spot] for spot, axis in enumerate(axes) if spot != place and axis in shared}
        at_axis |= dict.fromkeys(own, places[place])
        source = list(places)
        source[place] = int(numbers[tuple(at_axis[axis] for axis in taken)])
        flat.append(x[tuple(source)])
    made = torch.stack(flat).reshape(found.shape)
    return made if own else made.squeeze(place)


def shift(at: _At) -> Tensor:
    x, place, by = at.given["x"], at.place("x", at.does.axis), at.model.whole(at.does.by)
    columns = []
    for t in range(x.shape[place]):
        inside = 0 <= t - by < x.shape[place]
        columns.append(x.select(place, t - by) if inside else torch.zeros_like(x.select(place, 0)))
    return torch.stack(columns, place)


def cast(at: _At) -> Tensor:
    dtypes = {"bool": torch.bool, "int": torch.long, "float": torch.get_default_dtype()}
    return at.given["x"].to(dtypes[at.does.to])


def free(at: _At) -> Tensor:
    found = at.weight("")
    assert found is not None
    return found


RULES: dict[str, Callable[[_At], Any]] = {
    "linear": linear,
    "embedding": lambda at: at.weight("weight")[at.given["ids"]],
    "parameter": free,
    "layer_norm": norm,
    "rms_norm": norm,
    "batch_norm": batch_norm,
    "group_norm": group_norm,
    "convolution": convolution,
    "pool": pool,
    "pointwise": pointwise,
    "dropout": lambda at: at.given["x"],
    "heads": lambda at: at.given["x"].unflatten(-1, (at.model.whole(at.does.heads), -1)),
    "merge": lambda at: at.given["x"].reshape(*at.given["x"].shape[:-2], -1),
    "attend": attend,
    "rotary": rotary,
    "alibi": alibi,
    "relative_bias": relative_bias,
    "index": lambda at: torch.arange(at.model.whole(at.does.over)),
    "sinusoidal_position": sinusoidal,
    "learned_position": learned_position,
    "reduce": reduce,
    "softmax": lambda at: at.given["x"].softmax(at.place("x", at.does.over)),
    "select": lambda at: at.given["x"].select(at.place("x", at.does.axis), at.model.whole(at.does.at)),
    "slice": slice_,
    "split": split,
    "shift": shift,
    "flip": turn,
    "roll": turn,
    "rearrange": rearrange,
    "top": top,
    "gather": gather,
    "concat": concat,
    "pad": pad,
    "contract": contract,
    "scan": scan,
    "one_hot": one_hot,
    "cast": cast,
    "stop_gradient": lambda at: at.given["x"].detach(),
}
