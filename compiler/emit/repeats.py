"""Repeated blocks: a list of modules, and the loop that goes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from compiler.lower.code import Code, atom, call
from compiler.lower.lines import Line
from compiler.passes.expose import turn_output
from graphspec.axes import Dim, Sizes, dim
from graphspec.graph import Body, Node, Repeat, Run

if TYPE_CHECKING:
    from compiler.emit.classes import BodyWriter


def make_turns(repeat: Repeat, classes: Mapping[Body, str], size: Callable[[Dim], Code], sizes: Sizes) -> Code:
    """The modules of all turns; a single one if all turns share it."""
    names = [classes[body] for body in repeat.bodies]
    if repeat.shared:
        return call(names[0])
    if len(set(names)) == 1:
        return call("nn.ModuleList", f"{names[0]}() for _ in range({size(repeat.times)})")
    parts = [_run([classes[body] for body in run.bodies], _count(repeat, run, size, sizes)) for run in repeat.runs]
    if len(parts) == 1 and repeat.runs[0].count > 1:
        return call("nn.ModuleList", parts[0])
    items = [part if run.count == 1 else f"*({part})" for run, part in zip(repeat.runs, parts, strict=True)]
    return call("nn.ModuleList", f"[{', '.join(items)}]")


def _run(names: list[str], count: Code) -> str:
    if count.text == "1":
        return ", ".join(f"{name}()" for name in names)
    if len(set(names)) == 1 and len(names) == 1:
        return f"{names[0]}() for _ in range({count})"
    return f"layer() for _ in range({count}) for layer in ({', '.join(names)})"


def _count(repeat: Repeat, run: Run, size: Callable[[Dim], Code], sizes: Sizes) -> Code:
    """How often a pattern is gone through, in the spec's names if it is the only one that is repeated."""
    others = sum(other.count * len(other.bodies) for other in repeat.runs if other is not run)
    alone = all(other.count == 1 for other in repeat.runs if other is not run)
    if run.count == 1 or not alone:
        return atom(str(run.count))
    exact = sizes.quotient(repeat.times - others, dim(len(run.bodies)))
    return size(exact) if exact is not None and sizes.value(exact) == run.count else atom(str(run.count))


def run_turns(writer: BodyWriter, node: Node, repeat: Repeat, path: Code, carried: Code) -> None:
    """The loop: what a turn gives first, the next one reads first; other outputs are gathered, and stacked."""
    variable = writer.names.local(node.name)
    outputs = dict.fromkeys(name for body in repeat.bodies for name, _ in body.outputs[1:])
    gathered = {name: writer.names.local(f"{node.name}_{name.rstrip('@')}_turns") for name in outputs}
    lines = [Line(f"{variable} = ", carried), *(Line(f"{name} = []") for name in gathered.values())]
    writer.state.lines += lines
    writer.bind(node, node.outputs[0].name, atom(variable))
    _loop(writer, node, repeat, path, variable, gathered)
    for value in node.outputs[1:]:
        name, turn = turn_output(value.name)
        if turn is None:
            stacked = writer.names.local(writer.output_name(node, name))
            writer.state.lines.append(Line(f"{stacked} = ", call("torch.stack", gathered[name]), str(value.type)))
            writer.bind(node, value.name, atom(stacked))
        else:
            place = sum(name in dict(body.outputs) for body in list(repeat.turns())[:turn])
            writer.bind(node, value.name, atom(f"{gathered[name]}[{place}]"))


def _loop(
    writer: BodyWriter, node: Node, repeat: Repeat, path: Code, variable: str, gathered: Mapping[str, str]
) -> None:
    """One loop; two where the first turns are computed again in the backward pass, and the others are not."""
    layer = path.text if repeat.shared else writer.names.take("layer", "turn")
    parts = {name: writer.names.take(turns.removesuffix("s")) for name, turns in gathered.items()}
    for again, head in _heads(writer, repeat, path, layer):
        branches: dict[str, tuple[Line, ...]] = {}
        for body in repeat.bodies:
            given = [name for name, _ in body.outputs[1:]]
            start = f"{', '.join([variable, *(parts[name] for name in given)])} = "
            arguments = writer.arguments(node, body, atom(variable))
            made = call(writer.unit.use("checkpoint"), layer, *arguments) if again else call(layer, *arguments)
            appended = (Line(f"{gathered[name]}.append({parts[name]})", depth=1) for name in given)
            branches[writer.unit.classes[body]] = (Line(start, made, writer.note(node.type), 1), *appended)
        writer.state.lines.append(Line(head))
        if len(set(branches.values())) == 1:
            writer.state.lines += next(iter(branches.values()))
        else:
            writer.state.lines += _by_class(layer, branches)
    writer.names.taken -= {layer, *parts.values()} if not repeat.shared else set(parts.values())


def _heads(writer: BodyWriter, repeat: Repeat, path: Code, layer: str) -> Iterator[tuple[bool, str]]:
    """The heads of the loops, and whether the turns in them are computed again in the backward pass."""
    split = repeat.recomputed
    if split in (0, repeat.count):
        whole = f"for _ in range({writer.size(repeat.times)}):" if repeat.shared else f"for {layer} in {path}:"
        yield split > 0, whole
    elif repeat.shared:
        yield True, f"for _ in range({split}):"
        yield False, f"for _ in range({split}, {writer.size(repeat.times)}):"
    else:
        yield True, f"for {layer} in {path}[:{split}]:"
        yield False, f"for {layer} in {path}[{split}:]:"


def _by_class(layer: str, branches: Mapping[str, tuple[Line, ...]]) -> list[Line]:
    """Blocks that take or give different things: each class is called in its own way."""
    lines: list[Line] = []
    last = len(branches) - 1
    for at, (name, inside) in enumerate(branches.items()):
        test = f"isinstance({layer}, {name}):"
        lines.append(Line("else:" if at == last else f"elif {test}" if at else f"if {test}", depth=1))
        lines += [replace(line, depth=2) for line in inside]
    return lines
