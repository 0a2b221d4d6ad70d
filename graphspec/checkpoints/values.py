"""A checkpoint map as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphspec import expressions as syntax
from graphspec.checkpoints.computed import Step
from graphspec.checkpoints.names import Path, Template
from graphspec.checkpoints.patterns import Pattern
from graphspec.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a map as it stands in the spec. `steps` compute the model's tensor from the file's, as `value` says."""

    text: str
    span: Span
    pattern: Pattern | None = None
    sizes: tuple[tuple[str, syntax.Expression], ...] = ()
    steps: tuple[Step, ...] = ()
    value: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a line says for one element of its sets.

    `templates` are alternatives, best first. `pick` is the place of this rule's tensor among `count` that share one
    tensor of the file.
    """

    line: Line
    path: Path
    templates: tuple[Template, ...]
    pick: int = 0
    count: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """The more specific of two rules has the greater key."""
        return len(self.path.steps), self.path.literals


@dataclass(frozen=True, slots=True)
class Computed:
    """An expression over keys of a configuration: what it says, and the keys that it reads."""

    text: str
    reads: tuple[syntax.Name, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """`{kind: llama3, factor: factor}`: a record whose entries stand in a configuration, beside the word that means it.

    Each entry is computed by the first alternative whose keys are all there; one that is not there and `may` be, is
    left out.
    """

    kind: str
    entries: tuple[tuple[str, tuple[Computed, ...], bool], ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """`theta: [rope.theta, rope_theta]`: where a configuration keeps a parameter.

    `words` are translated; `count`: the parameter is how many entries there are.
    """

    name: str
    keys: tuple[str, ...]
    words: tuple[tuple[str, str | Described], ...]
    count: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Expectation:
    """`hidden_act: silu`: what a configuration must say, if it says anything, for the spec to be its model."""

    key: str
    values: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Alias:
    """`lm_head.weight: wte.weight`: a second name of a tensor, which files may or may not hold.

    `names` and `owners` are the same with and without their optional parts.
    """

    name: str
    owner: str
    names: tuple[str, ...]
    owners: tuple[str, ...]
    span: Span


@dataclass(frozen=True)
class CheckpointMap:
    """How another layout names, joins and turns the tensors of a model."""

    name: str
    span: Span
    config: tuple[Setting, ...]
    expect: tuple[Expectation, ...]
    ignore: tuple[str, ...]
    aliases: tuple[Alias, ...]
    nodes: tuple[Rule, ...]
    blocks: Mapping[str, tuple[Rule, ...]]
    places: Mapping[str, Span]
    """Where the name of each block stands."""
