"""Add what training minimises to the graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from compiler.passes.rewrite import fresh, names
from compiler.target import USAGE, Objective, Target
from graphspec.analysis.contracts import Hop, causality
from graphspec.axes import Axis, Dim, TensorType, dim
from graphspec.diagnostics import Diagnostic, Note, SpecError, suggestion
from graphspec.graph import Body, Graph, Input, Node, Ref, Value
from graphspec.operators import Operator
from graphspec.operators.loss import CTC, CrossEntropy
from graphspec.operators.shape import Slice


def add_objective(graph: Graph, target: Target) -> Graph:
    """Add the output `loss`, the only one if the target wants it so, and labels as an input where there are none.

    Raises `SpecError`.

    Before: logits
    After:  logits, loss = cross_entropy(logits, labels)
    """
    goal = target.goal
    if goal is None:
        if target.returns == "loss":
            raise _refused("unknown-objective", "there is no loss to return without an objective", USAGE)
        return graph
    add = {"next_token": _next_token, "cross_entropy": _cross_entropy, "ctc": _ctc}[goal.kind]
    made = add(graph, goal, _output(graph.body, goal))
    return replace(made, body=replace(made.body, outputs=made.body.outputs[-1:])) if target.returns == "loss" else made


def _next_token(graph: Graph, goal: Objective, output: str) -> Graph:
    """Each position predicts the token after it: the last logits and the first token have no partner."""
    logits = dict(graph.body.outputs)[output]
    given = graph.body.type_of(logits)
    tokens = _tokens(graph.body, goal, given)
    _refuse_if_it_peeks(graph, output, tokens.name)
    axis = tokens.type.sizes[-1]
    made = _Adding(graph)
    shortened = made.add("predicted~", Slice(axis=axis, stop=axis - dim(1)), x=logits)
    following = made.add("following~", Slice(axis=axis, start=dim(1)), x=Ref(tokens.name, ""))
    return made.finish(_cross_entropy_of(goal), logits=shortened, labels=following)


def _cross_entropy(graph: Graph, goal: Objective, output: str) -> Graph:
    """The labels are an input: one that is there, or a new one."""
    logits = dict(graph.body.outputs)[output]
    given = graph.body.type_of(logits)
    made = _Adding(graph)
    taken = names(graph.body)
    name = goal.labels or fresh("labels", taken)
    if name not in taken:
        axes = tuple(Axis(axis.size) for axis in given.axes[:-1])
        made.inputs.append(Input(name, TensorType("int", axes), below=given.sizes[-1]))
    elif name not in {source.name for source in _fitting(graph.body, given)}:
        message = f"`{goal}`: `{name}` is no input of whole numbers along the axes of the output (`{given}`)"
        raise _refused("unknown-objective", message, "give the labels a name that is free")
    return made.finish(_cross_entropy_of(goal), logits=logits, labels=Ref(name, ""))


def _cross_entropy_of(goal: Objective) -> CrossEntropy:
    return CrossEntropy(ignore=goal.ignore, smoothing=goal.smoothing)


def _ctc(graph: Graph, goal: Objective, output: str) -> Graph:
    """The labels are a new input, along an axis of its own: how many there are the frames do not say."""
    logits = dict(graph.body.outputs)[output]
    given = graph.body.type_of(logits)
    if len(given.axes) != 3:
        message = f"`{goal}` needs an output along rows, frames and classes, but `{output}` is `{given}`"
        raise _refused("unknown-objective", message, "name another output")
    made = _Adding(graph)
    classes = made.sizes.value(given.sizes[-1])
    if classes is not None and not 0 <= goal.blank < classes:
        message = f"`{goal}`: `blank` is {goal.blank}, but there are {classes} classes"
        raise _refused("unknown-objective", message, "classes count from 0")
    taken = names(graph.body) | {axis.name for axis in graph.axes}
    name = goal.labels or fresh("labels", taken)
    if name in taken:
        raise _refused("unknown-objective", f"`{goal}`: there is a `{name}` already", "give the labels a free name")
    along = Axis(Dim.symbol(fresh("L", taken)))
    made.inputs.append(Input(name, TensorType("int", (given.axes[0], along)), below=given.sizes[-1]))
    read = {"logits": logits, "labels": Ref(name, "")}
    if goal.lengths:
        read["lengths"] = _lengths(graph.body, goal, given.sizes[0])
    return made.finish(CTC(blank=goal.blank, ignore=goal.ignore), **read)


def _lengths(body: Body, goal: Objective, rows: Dim) -> Ref:
    """How many frames of each row count: an output of the model, or an input."""
    found = {source.name: Ref(source.name, "") for source in body.inputs} | dict(body.outputs)
    fitting = {
        name: ref for name, ref in found.items() if (it := body.type_of(ref)).dtype == "int" and it.sizes == (rows,)
    }
    if goal.lengths not in fitting:
        message = f"`{goal}`: no output or input `{goal.lengths}` holds a whole number for each row"
        raise _refused("unknown-objective", message, suggestion(goal.lengths, fitting, "names"))
    return fitting[goal.lengths]


class _Adding:
    """The model's body while nodes are added at its end."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.body = graph.body
        self.inputs: list[Input] = []
        self.sizes = graph.known_sizes

    def add(self, wanted: str, does: Operator, **read: Ref) -> Ref:
        """Add a node that applies an operator."""
        inputs = (*self.body.inputs, *self.inputs)
        body = replace(self.body, inputs=inputs)
        types = {port: body.type_of(ref) for port, ref in read.items()}
        outputs = tuple(Value(output, kind) for output, kind in does.infer(types, self.sizes))
        name = fresh(wanted, names(body))
        self.body = replace(self.body, nodes=(*self.body.nodes, Node(name, does, tuple(read.items()), outputs)))
        return Ref(name, "")

    def finish(self, does: Operator, **read: Ref) -> Graph:
        """The graph with the loss as its last output; new inputs stand before the optional ones."""
        loss = self.add("loss", does, **read)
        required = [source for source in self.body.inputs if source.default is None]
        optional = [source for source in self.body.inputs if source.default is not None]
        taken = {name for name, _ in self.body.outputs}
        outputs = (*self.body.outputs, (fresh("loss", taken), loss))
        body = replace(self.body, inputs=(*required, *self.inputs, *optional), outputs=outputs)
        return replace(self.graph, body=body)


# -- which output, which input ----------------------------------------------------------------------------------------


def _output(body: Body, goal: Objective) -> str:
    """The output that the objective is about: the one that it names, else the only one of numbers."""
    known = [name for name, ref in body.outputs if body.type_of(ref).dtype == "float"]
    if goal.output and goal.output not in known:
        help = suggestion(goal.output, known, "outputs")
        raise _refused("unknown-objective", f"`{goal}`: there is no output `{goal.output}`", help)
    if not goal.output and len(known) != 1:
        help = f"name one: `{goal.kind}({known[0] if known else 'logits'})`"
        raise _refused("unknown-objective", f"`{goal}` could be about any of {len(known)} outputs", help)
    return goal.output or known[0]


def _tokens(body: Body, goal: Objective, logits: TensorType) -> Input:
    """The tokens to predict: the input that the objective names, else the only one with the axes of the output."""
    fitting = {source.name: source for source in _fitting(body, logits)}
    if goal.labels:
        if goal.labels not in fitting:
            message = (
                f"`{goal}`: no input `{goal.labels}` holds whole numbers along the axes of the output (`{logits}`)"
            )
            raise _refused("unknown-objective", message, suggestion(goal.labels, fitting, "inputs"))
        return fitting[goal.labels]
    if len(fitting) != 1:
        message = f"`{goal}` needs one input of whole numbers along the axes of the output (`{logits}`)"
        raise _refused("unknown-objective", message, suggestion("", fitting, "inputs"))
    return next(iter(fitting.values()))


def _fitting(body: Body, logits: TensorType) -> Iterator[Input]:
    sizes: tuple[Dim, ...] = logits.sizes[:-1]
    return (source for source in body.inputs if source.type.dtype == "int" and source.type.sizes == sizes)


# -- causality --------------------------------------------------------------------------------------------------------


def _refuse_if_it_peeks(graph: Graph, output: str, tokens: str) -> None:
    """Raise `SpecError` if the output at a position reads later tokens: it would be trained to copy them."""
    verdict = causality(graph, output, tokens)
    if verdict.status != "refuted":
        return
    notes = tuple(_note(hop) for hop in verdict.moves)
    message = f"`{output}` reads later positions of `{tokens}`, so that to predict the next one is to copy it"
    help = "mask the attentions on the path with `causal`, or choose `cross_entropy`"
    raise SpecError([Diagnostic("objective-not-causal", message, graph.body.span, notes=notes, help=help)])


def _note(hop: Hop) -> Note:
    why = f" ({hop.why})" if hop.why else ""
    return Note(f"`{hop.node}`: {hop.does}{why}", hop.span)


def _refused(code: str, message: str, help: str) -> SpecError:
    return SpecError([Diagnostic(code, message, help=help)])
