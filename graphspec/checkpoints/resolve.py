"""A graph and a map → for every tensor of the model, the names it has in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from graphspec.checkpoints.arithmetic import evaluate
from graphspec.checkpoints.names import Index, Template
from graphspec.checkpoints.values import CheckpointMap, Line, Rule
from graphspec.diagnostics import Note, Report, suggestion
from graphspec.document import Document
from graphspec.graph import Body, Call, Graph, Mixture, Parameter, Repeat, inner_bodies

MAX_ALTERNATIVES = 256
Step = str | int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A learned tensor: its path, and the bodies that begin along it, by the number of steps before them."""

    path: tuple[Step, ...]
    parameter: Parameter
    bodies: tuple[tuple[int, Body], ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.path))


@dataclass(frozen=True, slots=True)
class Found:
    """A tensor with the rule that names it: alternatives `(prefix, template, suffix)`, best first."""

    path: str
    shape: tuple[int, ...]
    rule: Rule
    names: tuple[tuple[str, Template, str], ...]
    indices: tuple[tuple[str, int], ...]

    @property
    def line(self) -> Line:
        return self.rule.line

    def fill(self, option: int, **more: int) -> str:
        """The name of one alternative. Raises `ValueError`."""
        prefix, template, suffix = self.names[option]
        return f"{prefix}{template.fill(dict(self.indices) | more)}{suffix}"


def tensors(body: Body, every_turn: bool) -> Iterator[Tensor]:
    """The learned tensors of a body, those tied to another left out; of equal turns all, or only the first."""
    for path, parameter, bodies in _walk(body, (), ((0, body),), every_turn):
        yield Tensor(path, parameter, bodies)


_Walk = Iterator[tuple[tuple[Step, ...], Parameter, tuple[tuple[int, Body], ...]]]


def _walk(body: Body, path: tuple[Step, ...], bodies: tuple[tuple[int, Body], ...], every_turn: bool) -> _Walk:
    for node in body.nodes:
        here = (*path, node.name)
        match node.does:
            case Mixture(inner) as mixture:
                for index in range(mixture.count if every_turn else 1):
                    yield from _walk(inner, (*here, index), (*bodies, (len(here) + 1, inner)), every_turn)
            case Call(inner):
                yield from _walk(inner, here, (*bodies, (len(here), inner)), every_turn)
            case Repeat(shared=True) as repeat:
                inner = repeat.bodies[0]
                yield from _walk(inner, here, (*bodies, (len(here), inner)), every_turn)
            case Repeat() as repeat:
                for turn, inner in _turns(repeat, every_turn):
                    yield from _walk(inner, (*here, turn), (*bodies, (len(here) + 1, inner)), every_turn)
            case _:
                yield from (((*here, p.name) if p.name else here, p, bodies) for p in node.tensors)


def _turns(repeat: Repeat, every: bool) -> Iterable[tuple[int, Body]]:
    if every:
        return enumerate(repeat.turns())
    first: dict[Body, int] = {}
    start = 0
    for run in repeat.runs:
        for place, body in enumerate(run.bodies):
            first.setdefault(body, start + place)
        start += run.count * len(run.bodies)
    return [(turn, body) for body, turn in first.items()]


class Resolver:
    """Finds the rule of every tensor; reports tensors without one, and rules that contradict each other."""

    def __init__(self, graph: Graph, given: CheckpointMap, report: Report) -> None:
        self.graph, self.map, self.report = graph, given, report
        self.used: set[Rule] = set()
        self.sizes = graph.known_sizes

    def resolve(self, every_turn: bool = True) -> list[Found]:
        found = (self.tensor(tensor) for tensor in tensors(self.graph.body, every_turn))
        return [each for each in found if each is not None]

    @cached_property
    def needs_every_turn(self) -> bool:
        """Whether a line names a turn by its number, so that one turn does not stand for all."""
        rules = [*self.map.nodes, *(rule for block in self.map.blocks.values() for rule in block)]
        return any(isinstance(step, str) and step.isdigit() for rule in rules for step in rule.path.steps)

    def tensor(self, tensor: Tensor) -> Found | None:
        names: tuple[tuple[str, Template, str], ...] = (("", Template(()), ""),)
        indices: dict[str, int] = {}
        boundaries, at = dict(tensor.bodies), 0
        before: Rule | None = None
        while True:
            rule, found = self.best(tensor, at, boundaries[at])
            if rule is None:
                return None
            self.used.add(rule)
            indices |= found
            at += len(rule.path.steps)
            names = self.joined(names, before or rule, rule, indices)
            before = rule
            if at not in boundaries:
                return self.finished(tensor, at, rule, names, indices)
            if rule.line.pattern is not None:
                message = f"`{rule.line.text}` is a block: only a node's own tensors can be rearranged"
                self.report.error("bad-pattern", message, rule.line.span, help="give its nodes lines of their own")
                return None

    def best(self, tensor: Tensor, at: int, body: Body) -> tuple[Rule | None, dict[str, int]]:
        """The most specific rule for the rest of a path, and its indices."""
        top = body is self.graph.body
        rules = self.map.nodes if top else self.map.blocks.get(body.block, ())
        matches = [(rule, found) for rule in rules if (found := rule.path.match(tensor.path[at:])) is not None]
        if not matches:
            self.report_unmapped(tensor, at, "nodes" if top else body.block)
            return None, {}
        rule, found = max(matches, key=lambda match: match[0].key)
        for other, _ in matches:
            if other is not rule and other.key == rule.key:
                notes = [Note("the first", rule.line.span)]
                message = f"two lines name `{_generic(tensor)}`"
                self.report.error("map-conflict", message, other.line.span, notes=notes, help="remove one of them")
        return rule, found

    def report_unmapped(self, tensor: Tensor, at: int, where: str) -> None:
        rest = ".".join(map(str, tensor.path[at:]))
        section = "nodes" if where == "nodes" else f"blocks: {where}"
        help = f"add a line for `{rest}` under `{section}:`"
        message = f"the map `{self.map.name}` has no line for `{_generic(tensor)}`"
        self.report.error("unmapped-parameter", message, self.map.span, help=help)

    def joined(
        self, names: tuple[tuple[str, Template, str], ...], before: Rule, rule: Rule, indices: Mapping[str, int]
    ) -> tuple[tuple[str, Template, str], ...]:
        """Every name so far, which the rule `before` gave, followed by every name of the rule."""
        heads = [prefix + self.filled(template, indices, before) for prefix, template, _ in names]
        heads = [f"{head}." if head else "" for head in heads]
        if len(heads) * len(rule.templates) > MAX_ALTERNATIVES:
            message = f"there are more than {MAX_ALTERNATIVES} names to try for each tensor"
            self.report.error("bad-map-name", message, rule.line.span, help="say fewer alternatives along the path")
            heads = heads[:1]
        return tuple((head, template, "") for head in heads for template in rule.templates)

    def filled(self, template: Template, indices: Mapping[str, int], rule: Rule) -> str:
        try:
            return template.fill({**self.graph.sizes, **indices})
        except ValueError as error:
            self.report.error("bad-map-name", str(error), rule.line.span, help="an index is bound on the left: `{i}`")
            return "?"

    def finished(
        self,
        tensor: Tensor,
        at: int,
        rule: Rule,
        names: tuple[tuple[str, Template, str], ...],
        indices: Mapping[str, int],
    ) -> Found | None:
        rest = tensor.path[at:]
        if len(rest) > 1 or (rest and isinstance(rest[0], int)):
            message = f"`{rule.line.text}` is repeated, and the line does not say where the number of the turn stands"
            help = "write `layers.{i}: model.layers.{i}`"
            self.report.error("map-index", message, rule.line.span, help=help)
            return None
        suffix = f".{rest[0]}" if rest else ""
        shape = tuple(self.sizes.value(size) or 0 for size in tensor.parameter.shape)
        named = tuple((head, template, suffix) for head, template, _ in names)
        known = self.graph.sizes if rule.line.pattern is None else {}  # else a name may number what is stacked
        return Found(str(tensor), shape, rule, named, tuple({**known, **indices}.items()))

    def known_sizes(self, found: Found) -> dict[str, int]:
        """What the names of a pattern stand for."""
        known = dict(self.graph.sizes)
        for name, expression in found.line.sizes:
            try:
                known[name] = evaluate(expression, known | dict(found.indices))
            except ValueError as error:
                self.report.error("map-size", f"`{name}`: {error}", found.line.span, help="name parameters of the spec")
        return known


def _generic(tensor: Tensor) -> str:
    return ".".join("{i}" if isinstance(step, int) else step for step in tensor.path)


# -- what a map says without effect ------------------------------------------------------------------------------------


def check_map(graph: Graph, document: Document, given: CheckpointMap, report: Report) -> None:
    """Report what a map gets wrong about the model, whatever the file: each distinct turn is looked at once."""
    from graphspec.checkpoints.layout import check_pieces

    resolver = Resolver(graph, given, report)
    found = resolver.resolve(resolver.needs_every_turn)
    bodies = {body.block: body for body in graph.bodies()}
    for block, place in given.places.items():
        if block not in bodies and block not in document.blocks:
            report.error("unknown-block", f"there is no block `{block}`", place, help=suggestion(block, bodies))
    _check_rules(given.nodes, [graph.body], set(document.nodes), resolver.used, report)
    for block, rules in given.blocks.items():
        variants = [body for body in graph.bodies() if body.block == block and body is not graph.body]
        written = set(document.blocks[block].nodes) if block in document.blocks else set[str]()
        if variants:
            _check_rules(rules, variants, written, resolver.used, report)
    if not report.failed:
        check_pieces(resolver, found)


def _check_rules(
    rules: Iterable[Rule], variants: list[Body], written: set[str], used: set[Rule], report: Report
) -> None:
    lines: dict[Line, list[Rule]] = {}
    for rule in rules:
        lines.setdefault(rule.line, []).append(rule)
    for line, own in lines.items():
        idle = [rule for rule in own if rule not in used]
        problems = [problem for rule in idle if (problem := _unknown_step(rule, variants, written))]
        for step, help in dict(problems).items():
            report.error("unknown-name", f"there is no `{step}` here", line.span, help=help)
        absent = any(str(rule.path.steps[0]) in written for rule in own)
        if len(idle) == len(own) and not problems and not _is_absent(own, variants, absent):
            help = "remove it: other lines name these tensors, or the node learns nothing"
            report.error("map-without-effect", f"`{line.text}` names no tensor of its own", line.span, help=help)


def _is_absent(rules: list[Rule], variants: list[Body], written: bool) -> bool:
    """Whether a line names a node that the spec has, but not with these parameters."""
    return written and not any(body.has_node(str(rule.path.steps[0])) for rule in rules for body in variants)


def _unknown_step(rule: Rule, variants: list[Body], written: set[str]) -> tuple[str, str] | None:
    """The first step of a path that no variant of the block has, with the nearest one that there is."""
    bodies = variants
    for place, step in enumerate(rule.path.steps):
        if isinstance(step, Index) or step.isdigit():
            continue
        known = {node.name for body in bodies for node in body.nodes if not node.anonymous}
        if step not in known:
            if place == 0 and step in written:
                return None
            own = _tensor_names(rule, place, variants) if not bodies else known
            return None if step in own else (step, suggestion(step, own))
        bodies = [inner for body in bodies if body.has_node(step) for inner in inner_bodies(body.node(step))]
    return None


def _tensor_names(rule: Rule, place: int, variants: list[Body]) -> set[str]:
    """The tensors of the node that the steps before `place` lead to."""
    bodies = variants
    for step in rule.path.steps[: place - 1]:
        if isinstance(step, str) and not step.isdigit():
            bodies = [inner for body in bodies if body.has_node(step) for inner in inner_bodies(body.node(step))]
    node = str(rule.path.steps[place - 1])
    return {
        p.name
        for body in bodies
        if body.has_node(node)
        for p in (*body.node(node).parameters, *body.node(node).buffers)
    }
