"""What the classes are called: after their block, or after where they stand if a block has several."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.lower.names import Namer, camel_case
from compiler.lower.unit import RUNTIME
from graphspec.graph import Body, Graph, inner_bodies

Path = tuple[str, ...]


def class_names(graph: Graph, groups: Mapping[Body, Body]) -> dict[Body, str]:
    """A name for each body; `groups` says which bodies have equal code: they share their name."""
    namer = Namer(RUNTIME)
    names = {graph.body: namer.title(camel_case(graph.name), f"{camel_case(graph.name)}Model")}
    paths = first_paths(graph.body)
    kinds = [body for body in dict.fromkeys(groups.values()) if body is not graph.body]
    for body in kinds:
        rivals = [other for other in kinds if other.block == body.block]
        plain = camel_case(body.block.rpartition(".")[2])
        wish = plain if len(rivals) == 1 else _by_place(body, rivals, paths, plain)
        names[body] = namer.title(wish, wish if wish.endswith("Block") or len(rivals) > 1 else f"{wish}Block")
    return {body: names[kind] for body, kind in groups.items()} | {graph.body: names[graph.body]}


def first_paths(body: Body) -> dict[Body, Path]:
    """Where each body stands first: the names of the nodes on the way to it."""
    found: dict[Body, Path] = {}

    def walk(inside: Body, path: Path) -> None:
        for node in inside.nodes:
            for inner in inner_bodies(node):
                if inner not in found:
                    found[inner] = (*path, node.name)
                    walk(inner, (*path, node.name))

    walk(body, ())
    return found


def _by_place(body: Body, rivals: list[Body], paths: Mapping[Body, Path], plain: str) -> str:
    """The shortest end of its path, but at least two names, that tells a body from its rivals."""
    path = paths[body]
    others = [paths[other] for other in rivals if other is not body]
    for length in range(2, len(path) + 1):
        if all(other[-length:] != path[-length:] for other in others):
            return _joined(path[-length:], plain)
    return _joined(path[-2:], plain)


def _joined(path: Path, plain: str) -> str:
    name = "".join(camel_case(part) for part in path)
    return name if name.endswith(plain) else f"{name}{plain}"
