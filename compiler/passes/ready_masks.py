"""Make the masks of attentions ready for their kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from compiler.passes.internal import Attention, MaskTensor
from compiler.passes.kernels import Choice, choose_kernels, packed
from compiler.passes.rewrite import fresh, names, within
from compiler.target import Target
from graphspec.axes import Axis, Sizes, dim
from graphspec.graph import Body, Call, Graph, Node, Ref, Repeat, Value
from graphspec.masks import (
    Adjacency,
    Causal,
    Chunk,
    Dilated,
    Documents,
    Everything,
    Keys,
    Mask,
    Prefix,
    Window,
    atoms,
    both,
    conjuncts,
    ports,
)
from graphspec.operators.attention import Attend
from graphspec.operators.position import Index

KEPT = ("query", "key", "value", "bias", "sink")


def ready_masks(graph: Graph, target: Target) -> Graph:
    """Choose each attention's kernel, and give it its mask as that takes it.

    That is nothing, causality, a tensor, blocks, or bounds of documents.

    Before: attend(q, k, v, mask=causal & real)
    After:  mask = mask_tensor(causal & real); attention(q, k, v, mask)

    Raises `SpecError`: `kernel-not-exact`.
    """
    choices = choose_kernels(graph, target)
    sizes = graph.known_sizes

    @cache
    def ready(body: Body, optional: frozenset[str]) -> Body:
        nodes: list[Node] = []
        taken = names(body)
        for node in body.nodes:
            if isinstance(node.does, Attend):
                made = _ready(node, node.does, choices[body, node.name], body, optional, sizes, taken)
                taken |= {new.name for new in made}
                nodes += made
            elif isinstance(node.does, Call | Repeat):
                passed = frozenset(port for port, ref in node.inputs if ref.name in optional)
                nodes.append(within(node, lambda inner, passed=passed: ready(inner, passed)))
            else:
                nodes.append(node)
        return replace(body, nodes=tuple(nodes))

    may_be_none = frozenset(source.name for source in graph.body.inputs if source.default is True)
    return replace(graph, body=ready(graph.body, may_be_none))


def _ready(
    node: Node,
    attend: Attend,
    choice: Choice,
    body: Body,
    optional: frozenset[str],
    sizes: Sizes,
    taken: set[str],
) -> list[Node]:
    """The nodes that take the place of one attention."""
    kept = [(port, ref) for port, ref in node.inputs if port in KEPT]
    mask, tensor_only = attend.mask, choice.kernel != "sdpa" or len(kept) > 3
    by_itself = isinstance(mask, Everything) or (isinstance(mask, Causal) and not tensor_only)
    made: list[Node] = []
    causal = isinstance(mask, Causal) and by_itself
    if choice.kernel in ("flex", "varlen") and not by_itself:
        form = _blocks if choice.kernel == "flex" else _bounds
        made = [form(node, mask, body, sizes, taken)]
        kept.append(("mask", Ref(made[-1].name, "")))
    elif not by_itself:
        made = _tensor(node, mask, body, optional, sizes, taken, tensor_only)
        tensor = made[-1].does
        assert isinstance(tensor, MaskTensor)
        causal = tensor.may_be_none and any(isinstance(part, Causal) for part in conjuncts(mask))
        kept.append(("mask", Ref(made[-1].name, "")))
    numbers = {"scale": attend.scale, "softcap": attend.softcap, "dropout": attend.dropout}
    does = Attention(mask=mask, choice=choice, causal=causal, **numbers)
    return [*made, replace(node, does=does, inputs=tuple(kept))]


def _blocks(node: Node, mask: Mask, body: Body, sizes: Sizes, taken: set[str]) -> Node:
    """The block mask of a mask; it asks for pairs of positions by itself."""
    query, key = (body.type_of(_ref(node, port)) for port in ("query", "key"))
    q, k = query.axes[-3], key.axes[-3]
    read = tuple((port, _ref(node, port)) for port in ports(mask))
    every = [axis for _, ref in read for axis in body.type_of(ref).axes]
    batch, heads = (
        axis if any(sizes.same(axis.size, other.size) for other in every) else _ONE
        for axis in (query.axes[0], query.axes[-2])
    )
    along = (batch, heads, q, Axis(k.size, primed=q.size == k.size))
    does = MaskTensor(mask=mask, along=along, query=q.size, key=k.size, form="blocks")
    return _made(node, does, read, body, sizes, taken)


def _bounds(node: Node, mask: Mask, body: Body, sizes: Sizes, taken: set[str]) -> Node:
    """Where the documents of a mask begin; the same for all windows in them."""
    found = packed(mask)
    assert found is not None, f"{mask} is not of documents"
    documents, _ = found
    read = ((documents.ids, _ref(node, documents.ids)),)
    batch, positions = body.type_of(_ref(node, "query")).axes[:2]
    size = positions.size
    along = (batch, _ONE, positions, Axis(size, primed=True))
    does = MaskTensor(mask=documents, along=along, query=size, key=size, form="bounds")
    return _made(node, does, read, body, sizes, taken)


def _made(
    node: Node, does: MaskTensor, read: Sequence[tuple[str, Ref]], body: Body, sizes: Sizes, taken: set[str]
) -> Node:
    """The node of a mask; that of the only attention of a body needs no other name, but bounds are no mask."""
    alone = sum(isinstance(other.does, Attend) for other in body.nodes) == 1
    plain = alone and does.form != "bounds"
    name = fresh("mask" if plain else does.wish(dict(read)), taken)
    outputs = tuple(Value(output, kind) for output, kind in does.infer({}, sizes))
    return Node(name, does, tuple(read), outputs, span=node.span)


def _tensor(
    node: Node, mask: Mask, body: Body, optional: frozenset[str], sizes: Sizes, taken: set[str], tensor_only: bool
) -> list[Node]:
    """The tensor of a mask, after the positions that it compares."""
    query, key = (body.type_of(_ref(node, port)) for port in ("query", "key"))
    q, k = query.axes[-3], key.axes[-3]
    read = [(port, _ref(node, port)) for port in ports(mask)]
    positions = _positions(mask, k, sizes, taken)
    read += [(port, Ref(index.name, "")) for port, index in positions.items()]
    maybe = _optional_port(mask, {port for port, ref in read if ref.name in optional})
    without = _without(mask, maybe, tensor_only) if maybe else None
    types = {port: body.type_of(_ref(node, port)).axes for port in ports(mask)}
    rows = _rows(mask, q, k, types, sizes)
    along = _along((*query.axes[:-3], query.axes[-2]), rows, k, types, sizes)
    does = MaskTensor(mask=mask, along=along, query=rows.size, key=k.size, optional=maybe, without=without)
    unique = {index.name: index for index in positions.values()}
    return [*unique.values(), _made(node, does, read, body, sizes, taken)]


def _ref(node: Node, port: str) -> Ref:
    ref = node.input(port)
    assert ref is not None, f"{node.name} has nothing at {port}"
    return ref


def _positions(mask: Mask, key: Axis, sizes: Sizes, taken: set[str]) -> dict[str, Node]:
    """The indices that the mask compares: of the queries at `i`, of the keys at `j`; they lie along one axis."""
    kinds = [type(atom) for atom in atoms(mask)]
    if not {Causal, Window, Chunk, Dilated, Prefix, Everything} & set(kinds):
        return {}
    keys = _index(key, sizes, taken)
    if not {Causal, Window, Chunk, Dilated} & set(kinds):
        return {"j": keys}
    return {"i": keys, "j": keys}


def _index(axis: Axis, sizes: Sizes, taken: set[str]) -> Node:
    does = Index(over=axis.size)
    outputs = tuple(Value(output, kind) for output, kind in does.infer({}, sizes))
    return Node(fresh("position~", taken), does, (), outputs)


def _optional_port(mask: Mask, candidates: set[str]) -> str:
    """The one tensor that may be None: a mask of keys that must hold in any case, read nowhere else."""
    if len(candidates) != 1:
        return ""
    (port,) = candidates
    alone = [part for part in conjuncts(mask) if port in ports(part)] == [Keys(port)]
    return port if alone else ""


def _without(mask: Mask, port: str, tensor_only: bool) -> Mask | None:
    """What is left of the mask when nothing is given at `port`; None if that takes no tensor."""
    rest: Mask = Everything()
    for part in conjuncts(mask):
        rest = both(rest, part) if part != Keys(port) else rest
    return None if isinstance(rest, Everything) or (isinstance(rest, Causal) and not tensor_only) else rest


_ONE = Axis(dim(1))


def _rows(mask: Mask, query: Axis, key: Axis, types: dict[str, tuple[Axis, ...]], sizes: Sizes) -> Axis:
    """The mask's axis of queries; of size 1 if it is the same for all of them."""
    kinds = {type(atom) for atom in atoms(mask)}
    aligned = sizes.same(query.size, key.size)
    apart = not aligned and any(sizes.same(axis.size, query.size) for axes in types.values() for axis in axes)
    compared = kinds & {Causal, Window, Chunk, Dilated, Documents, Adjacency}
    return query if compared or apart else _ONE


def _along(
    leading: Sequence[Axis], rows: Axis, key: Axis, types: dict[str, tuple[Axis, ...]], sizes: Sizes
) -> tuple[Axis, ...]:
    """The axes of the mask as the kernels want them: leading ones, heads, queries, keys; 1 where they lack."""
    every = [axis for axes in types.values() for axis in axes]
    present = [axis if any(sizes.same(axis.size, other.size) for other in every) else _ONE for axis in leading]
    along = [*present, rows, Axis(key.size, primed=rows.size == key.size)]
    while len(along) > 2 and along[0] == _ONE:
        along.pop(0)
    return tuple(along)
