"""What a spec can be taught: which input is fed what, read off its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.train.recipe import TaskName
from compiler.train.vocabulary import OWN, Labels, Marks, Vocabulary
from graphspec.axes import Dim, TensorType
from graphspec.diagnostics import Note, Report, Span
from graphspec.graph import Graph, Input


@dataclass(frozen=True)
class Feed:
    """An input of tokens, and the optional input that says which of them are real (None: the spec has none)."""

    name: str
    real: str | None
    below: Dim
    marks: Marks = OWN


@dataclass(frozen=True)
class Task:
    """How a spec is taught. `source`: what it reads; `target`: what it continues, for sequence to sequence.

    `choices` is the size of the output's last axis: how many tokens or labels it chooses among.
    """

    name: TaskName
    source: Feed
    target: Feed | None
    output: str
    choices: Dim

    @property
    def labelled(self) -> bool:
        """Whether the wanted output is labels rather than tokens."""
        return self.name in ("classification", "labelling")

    @property
    def wanted(self) -> Feed:
        """The input whose tokens are foretold."""
        return self.target or self.source

    def marked(self, vocabularies: Mapping[str, Vocabulary | Labels]) -> Task:
        """The task with the marks of its vocabularies, where they are known."""

        def feed(it: Feed) -> Feed:
            known = vocabularies.get(str(it.below))
            return replace(it, marks=known.marks) if isinstance(known, Vocabulary) else it

        return replace(self, source=feed(self.source), target=feed(self.target) if self.target else None)

    @property
    def feeds(self) -> tuple[Feed, ...]:
        return (self.source, self.target) if self.target else (self.source,)


def output_size(task: Task) -> Dim:
    """What the wanted output is numbered by."""
    return task.choices if task.labelled else task.wanted.below


def numbered(task: Task) -> dict[str, Dim]:
    """The sizes that bound what is read and answered, by the names of their vocabularies."""
    wanted = output_size(task)
    return {str(feed.below): feed.below for feed in task.feeds} | {str(wanted): wanted}


def candidates(graph: Graph) -> tuple[Task, ...]:
    """Every task that the spec's inputs and outputs allow, the likeliest first."""
    needed = [it for it in graph.body.inputs if it.default is None]
    tokens = [it for it in needed if _is_tokens(it)]
    if len(tokens) != len(needed):
        return ()
    found: list[Task] = []
    for name, ref in graph.body.outputs:
        found += _for_output(graph, tokens, name, graph.body.type_of(ref))
    return tuple(found)


def _is_tokens(it: Input) -> bool:
    return it.type.dtype == "int" and it.below is not None


def _for_output(graph: Graph, tokens: list[Input], name: str, type: TensorType) -> Iterator[Task]:
    *along, choices = type.sizes or (Dim(()),)
    roles = [graph.role(size) for size in type.sizes]
    if type.dtype != "float" or roles[-1:] != ["feature"]:
        return
    read = [it for it in tokens if list(it.type.sizes) == along]
    others = [it for it in tokens if it not in read]
    feeds = {it.name: _feed(graph, it) for it in tokens}
    if roles == ["batch", "position", "feature"] and len(read) == 1:
        source = feeds[read[0].name]
        if len(others) == 1:
            yield Task("seq2seq", feeds[others[0].name], source, name, choices)
        elif not others:
            names: tuple[TaskName, ...] = ("language_model", "labelling")
            likely = names if choices == source.below else names[::-1]
            yield from (Task(it, source, None, name, choices) for it in likely)
    elif roles == ["batch", "feature"] and len(tokens) == 1:
        yield Task("classification", feeds[tokens[0].name], None, name, choices)


def _feed(graph: Graph, tokens: Input) -> Feed:
    """The input with its padding mask: an optional boolean input along the same axes."""
    assert tokens.below is not None, "only inputs with a bound are tokens"
    real = [
        it.name
        for it in graph.body.inputs
        if it.type.dtype == "bool" and it.type.axes == tokens.type.axes and it.default is True
    ]
    return Feed(tokens.name, real[0] if len(real) == 1 else None, tokens.below)


def choose(graph: Graph, wanted: TaskName | None, report: Report, asked: Span | None) -> Task | None:
    """The wanted task, else the likeliest. Reports why there is none."""
    found = candidates(graph)
    for task in found:
        if wanted in (None, task.name):
            return task
    notes = [Note(f"input `{it.name}` is {it.type}{_lack(it)}", it.span) for it in graph.body.inputs]
    notes += [Note(f"output `{name}` is {graph.body.type_of(ref)}") for name, ref in graph.body.outputs]
    if found:
        possible = " or ".join(f"`{name}`" for name in dict.fromkeys(task.name for task in found))
        message = f"`{graph.name}` cannot be taught `{wanted}`"
        report.error("wrong-task", message, asked, notes=notes, help=f"say {possible}")
    else:
        help = "tokens come in as `{type: int B T, below: vocab}`, choices go out along the last axis of a float output"
        message = f"`{graph.name}` fits no task that can be learnt from files"
        report.error("no-task", message, asked, notes=notes, help=help)
    return None


def _lack(it: Input) -> str:
    """Why no file can give a required input."""
    if it.default is not None or _is_tokens(it):
        return ""
    return " without `below`, so no tokens" if it.type.dtype == "int" else ", and files give tokens alone"
