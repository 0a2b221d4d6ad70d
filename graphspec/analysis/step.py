"""A training step on paper: forward as the emitted code runs, backward as automatic differentiation does, in bytes.

Names of a block's code hold their values until it returns; what a backward pass reads again is held until then
(`Operator.saved`); gradients come as their operators are reached from the end, and are given back once used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphspec.analysis.experts import chosen
from graphspec.analysis.facts import Amount, Book, Facts
from graphspec.analysis.ledger import Ledger, Storage, hold
from graphspec.axes import TensorType
from graphspec.graph import Body, Call, Graph, Mixture, Node, Parameter, Ref, Repeat
from graphspec.operators import Operator
from graphspec.operators.attention import Attend
from graphspec.operators.contract import Contract
from graphspec.operators.convolution import Convolution
from graphspec.operators.linear import Linear
from graphspec.operators.loss import CrossEntropy
from graphspec.operators.pointwise import Pointwise

FP32, INT64 = 4, 8
LOW = {"bf16": 2, "fp16": 2}
"""Bytes of an element where autocast computes in it."""

PRODUCTS = (Linear, Attend, Convolution, Contract)
"""What autocast computes low."""

PLACES = 6 * INT64
"""Bytes of whole numbers that say where an expert's positions are, for each of them."""

AGAIN = "turns computed again"
"""What keeps the inputs of these."""

Values = dict[Ref, Storage]


@dataclass(eq=False, slots=True)
class Did:
    """An operator that ran: what backward finds of it."""

    op: str
    reads: tuple[Storage, ...]
    gave: Storage
    saved: tuple[Storage, ...]
    learns: tuple[tuple[str, int], ...]
    passes: bool
    moment: int


@dataclass(eq=False, slots=True)
class Turn:
    """A turn of a repeat of which only the inputs were kept: backward computes it again."""

    body: Body
    given: dict[str, Storage]
    gave: tuple[Storage, ...]
    path: str


@dataclass
class Step:
    """One step of one graph at some sizes; `run` fills the ledger."""

    graph: Graph
    sizes: Mapping[str, int]
    precision: str = "fp32"
    device: str = "cpu"
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.book = Book(self.graph, self.sizes, self.device)
        self.low = LOW.get(self.precision, FP32)
        self.tape: list[Did | Turn] = []
        self.casts: dict[str, Storage] = {}
        self.gradients: dict[Storage, Storage] = {}
        self.learned: set[str] = set()
        self.share = 1.0
        self._last: dict[Body, dict[str, int]] = {}

    def run(self) -> dict[str, int]:
        """Forward and backward. Returns the bytes that each operator keeps from the one to the other."""
        given: dict[str, Storage] = {}
        for it in self.graph.body.inputs:
            there = it.default is None
            given[it.name] = self.ledger.allocate(self.own(it.type)) if there else Storage(0, 1, False)
        outputs = self.forward(self.graph.body, given, "")
        for output in outputs[:-1]:
            self.ledger.drop(output)
        for cast in self.casts.values():
            self.ledger.drop(cast)
        self.gradients[outputs[-1]] = self.ledger.allocate(FP32)
        kept = self._kept()
        self.backward(self.tape)
        return kept

    def _kept(self) -> dict[str, int]:
        """What is kept for the backward pass, under the operator that keeps it first; the most first."""
        found: Counter[str] = Counter()
        seen: set[Storage] = set()
        for done in self.tape:
            name, kept = (done.op, done.saved) if isinstance(done, Did) else (AGAIN, tuple(done.given.values()))
            for storage in (it for it in kept if it not in seen):
                seen.add(storage)
                found[name] += storage.bytes
        return {name: bytes for name, bytes in found.most_common() if bytes}

    def bytes(self, given: Amount, item: int = FP32) -> int:
        """Of a tensor; those of real numbers have elements of `item` bytes."""
        each = {"int": INT64, "bool": 1}.get(given.dtype, item)
        return int(given.count * each * self.share)

    def own(self, given: TensorType) -> int:
        """Bytes of a tensor in fp32."""
        return self.bytes(self.book.amount(given))

    # -- forward -------------------------------------------------------------------------------------------------------

    def forward(self, body: Body, given: Mapping[str, Storage], path: str) -> list[Storage]:
        """The outputs, each with a holder for whoever called."""
        values: Values = {Ref(name, ""): storage for name, storage in given.items()}
        mine: dict[str, list[Storage]] = {}
        last = self._last_readers(body)
        for at, node in enumerate(body.nodes):
            if node.name not in last:  # it is there for its tensors alone
                continue
            made = self.node(node, body, values, f"{path}{node.name}")
            mine[node.name] = made
            for value, storage in zip(node.outputs, made, strict=True):
                values[Ref(node.name, value.name)] = storage
            values[Ref(node.name, "")] = made[0]
            for name in [it for it in mine if "~" in it and last.get(it, at) <= at]:
                for storage in mine.pop(name):
                    self.ledger.drop(storage)
        outputs = [hold(values[ref]) for _, ref in body.outputs]
        for held in mine.values():
            for storage in held:
                self.ledger.drop(storage)
        return outputs

    def _last_readers(self, body: Body) -> dict[str, int]:
        """Where each value is read for the last time: nameless ones live no longer."""
        if body not in self._last:
            end = len(body.nodes)
            found = {ref.name: at for at, node in enumerate(body.nodes) for _, ref in node.inputs}
            self._last[body] = found | {ref.name: end for _, ref in body.outputs}
        return self._last[body]

    def node(self, node: Node, body: Body, values: Values, path: str) -> list[Storage]:
        given = {port: values[ref] for port, ref in node.inputs}
        match node.does:
            case Mixture(inner) as mixture:
                return self._experts(node, inner, given, path, self.book.number(chosen(node, mixture, body)))
            case Call(inner):
                return self.forward(inner, given, f"{path}.")
            case Repeat() as repeat:
                return self._repeat(node, repeat, given, path)
            case operator:
                return self._operate(node, operator, given, body, path)

    def _experts(self, node: Node, inner: Body, given: Mapping[str, Storage], path: str, count: int) -> list[Storage]:
        """All experts together compute each position as often as it chooses: what they read is picked out for them."""
        before, self.share = self.share, self.share * count
        picked = {it.name: self.ledger.allocate(self.own(it.type), given[it.name].item) for it in inner.inputs}
        for name, storage in picked.items():
            storage.learns = given[name].learns
        made = self.forward(inner, picked, f"{path}.")
        places = int(PLACES * self.own(node.type) / FP32 / self.book.number(node.type.sizes[-1]))
        self.share = before
        result = self.ledger.allocate(self.own(node.type), learns=made[0].learns)
        saved = (*made, *picked.values(), self.ledger.allocate(places))
        for name, storage in picked.items():
            if storage.learns:
                self.tape.append(Did("mixture", (given[name],), storage, (), (), False, 0))
        self.tape.append(Did("mixture", tuple(made), result, saved, (), False, 0))
        return [result]

    def _repeat(self, node: Node, repeat: Repeat, given: dict[str, Storage], path: str) -> list[Storage]:
        """What a turn gives first is held until the next one has returned; other outputs until they are stacked."""
        first = node.inputs[0][0]
        carried = hold(given[first])
        gathered: dict[str, list[Storage]] = {}
        for turn, inner in enumerate(repeat.turns()):
            inside = {it.name: carried if it.name == first else given[it.name] for it in inner.inputs}
            place = f"{path}." if repeat.shared else f"{path}.{turn}."
            made = self.turn(inner, inside, place, again=turn < repeat.recomputed)
            self.ledger.drop(carried)
            carried, *others = made
            for (name, _), storage in zip(inner.outputs[1:], others, strict=True):
                gathered.setdefault(name, []).append(storage)
        stacked = [self.ledger.allocate(self.own(value.type)) for value in node.outputs[1:]]
        for storage in (it for parts in gathered.values() for it in parts):
            self.ledger.drop(storage)
        return [carried, *stacked]

    def turn(self, inner: Body, given: dict[str, Storage], path: str, *, again: bool) -> list[Storage]:
        """One turn; computed `again` in the backward pass if so asked, so that its inputs alone are kept."""
        if not again:
            return self.forward(inner, given, path)
        tape, self.tape = self.tape, []
        outputs = self.forward(inner, given, path)
        self._forget(self.tape)
        self.tape = tape
        for storage in given.values():
            hold(storage)
        for output in outputs:
            output.learns = True
        tape.append(Turn(inner, given, tuple(outputs), path))
        return outputs

    def _forget(self, tape: Sequence[Did | Turn]) -> None:
        for done in tape:
            for storage in done.saved if isinstance(done, Did) else done.given.values():
                self.ledger.drop(storage)

    # -- one operator --------------------------------------------------------------------------------------------------

    def _operate(self, node: Node, does: Operator, given: dict[str, Storage], body: Body, path: str) -> list[Storage]:
        facts = self.book.of(node, does, body)
        learned = tuple((self._name(parameter, path), count) for parameter, count in facts.learns)
        learns = bool(learned) or any(it.learns for it in given.values())
        made = self._made(does, given, facts, learns)
        if learns and node.type.dtype == "float":
            self._record(node, does, given, facts, made, learned)
        return made

    def _name(self, parameter: Parameter, path: str) -> str:
        """Under which a gradient is added up: that of the owner, for a tensor that is tied."""
        owner = path.rpartition(".")[0]
        return ".".join((owner, *parameter.tied)) if parameter.tied else f"{path}.{parameter.name}"

    def _made(self, does: Operator, given: dict[str, Storage], facts: Facts, learns: bool) -> list[Storage]:
        """The results; the weights of an attention are not made, unless it keeps them."""
        item = self._item(does, given)
        if isinstance(does, CrossEntropy):
            self._shift(given["logits"], facts.reads["logits"])
        if does.view and given:
            base = next(iter(given.values()))
            return [hold(base) for _ in facts.gives]
        real = facts.gives[:1] if isinstance(does, Attend) else facts.gives
        made = [self.ledger.allocate(self.bytes(it, item), item, learns and it.dtype == "float") for it in real]
        return made + [Storage(0, item, False) for _ in facts.gives[len(real) :]]

    def _shift(self, logits: Storage, numbers: int) -> None:
        """Logits without the last position are copied to lie together, and turned to fp32 if they are not."""
        moved = numbers * logits.item if numbers * logits.item < logits.bytes else 0
        self.ledger.touch(moved + numbers * FP32 * (1 + (logits.item < FP32)))

    def _item(self, does: Operator, given: Mapping[str, Storage]) -> int:
        """Bytes of an element of the result: products are low under autocast, all else is as wide as what it reads."""
        if isinstance(does, PRODUCTS):
            return self.low
        if isinstance(does, CrossEntropy):
            return FP32
        if self.device == "cuda" and does.family == "norm":
            return FP32
        return max((it.item for it in given.values() if it.learns), default=FP32)

    def _record(
        self,
        node: Node,
        does: Operator,
        given: dict[str, Storage],
        facts: Facts,
        made: list[Storage],
        learned: tuple[tuple[str, int], ...],
    ) -> None:
        """Keep what the backward pass needs."""
        learning = frozenset(port for port, value in given.items() if value.learns)
        needs = self.book.needs(facts, node, does, learning)
        values = given | {it.name: storage for it, storage in zip(node.outputs, made, strict=True)}
        ports = [port for port in needs.ports if port in values]
        saved = [self._kept_value(does, values[port], facts.reads.get(port, 0)) for port in ports]
        own = needs.elements * made[0].item + needs.numbers * FP32 + needs.truths
        if own:
            saved.append(self.ledger.allocate(int(own * self.share)))
        saved += self._cast_weights(does, learned)
        if needs.at_once:
            self._learn(learned)
            learned = ()
        self.ledger.touch(needs.passing * FP32)
        reads = tuple(it for it in given.values() if it.learns)
        passes = isinstance(does, Pointwise) and does.passes
        self.tape.append(Did(does.op, reads, made[0], tuple(saved), learned, passes, needs.moment * FP32))

    def _kept_value(self, does: Operator, value: Storage, count: int) -> Storage:
        """The value itself, or for a product under autocast a copy in its type."""
        if isinstance(does, PRODUCTS) and value.item > self.low:
            return self.ledger.allocate(int(count * self.low * self.share), self.low)
        return hold(value)

    def _cast_weights(self, does: Operator, learned: tuple[tuple[str, int], ...]) -> list[Storage]:
        """Matrices in the type of autocast, made once for a pass."""
        if self.low == FP32 or not isinstance(does, Linear | Convolution):
            return []
        name, size = learned[0]
        if name not in self.casts:
            self.casts[name] = self.ledger.allocate(size * self.low, self.low)
        return [hold(self.casts[name])]

    # -- backward ------------------------------------------------------------------------------------------------------

    def backward(self, tape: Sequence[Did | Turn]) -> None:
        for done in reversed(tape):
            if isinstance(done, Turn):
                self._again(done)
            else:
                self._differentiate(done)

    def _again(self, turn: Turn) -> None:
        """Compute a turn again, and go back through it."""
        tape, self.tape = self.tape, []
        outputs = self.forward(turn.body, turn.given, turn.path)
        for old, new in zip(turn.gave, outputs, strict=True):
            if old in self.gradients:
                self.gradients[new] = self.gradients.pop(old)
            self.ledger.drop(new)
        inside, self.tape = self.tape, tape
        self.backward(inside)
        for storage in turn.given.values():
            self.ledger.drop(storage)

    def _differentiate(self, done: Did) -> None:
        gradient = self.gradients.get(done.gave)
        if gradient is not None:
            self.ledger.touch(done.moment)
            own = done.gave in done.reads
            for storage in dict.fromkeys(done.reads):
                if not own:
                    self._flow(storage, gradient, done)
            self._learn(done.learns)
            if not own:
                self.ledger.drop(self.gradients.pop(done.gave))
        for storage in done.saved:
            self.ledger.drop(storage)

    def _learn(self, learned: Sequence[tuple[str, int]]) -> None:
        """Gradients of learned tensors: they stay, and further ones are added to them."""
        for name, count in learned:
            if name in self.learned:
                self.ledger.touch(count * FP32)
            else:
                self.learned.add(name)
                self.ledger.allocate(count * FP32)

    def _flow(self, storage: Storage, gradient: Storage, done: Did) -> None:
        """The gradient of an operand, added to what other readers gave."""
        before = self.gradients.get(storage)
        passes = done.passes and storage.bytes == gradient.bytes
        if before is None:
            self.gradients[storage] = hold(gradient) if passes else self.ledger.allocate(storage.bytes)
        elif before.holders == 1:
            self.ledger.touch(0 if passes else storage.bytes)
        else:
            if not passes:
                self.ledger.touch(2 * storage.bytes)
            self.ledger.drop(before)
            self.gradients[storage] = self.ledger.allocate(storage.bytes)
