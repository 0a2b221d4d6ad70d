"""Every operator that a spec can name: the language's own, and those that were registered from Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType

from graphspec.diagnostics import Diagnostic, SpecError, suggestion
from graphspec.operators.declare import Operator
from graphspec.operators.signature import Port, Signature

_NAME = re.compile(r"[^\W\d]\w*")
_KINDS = ("size", "number", "flag", "word", "axes")
"""Of the attributes that an operator of one's own may have."""


class Registration:
    """What was registered, until `forget`; or, as a context manager, until the end of its block."""

    def __init__(self, *forget: Callable[[], object]) -> None:
        self._forget = forget

    def forget(self) -> None:
        """Take it back. Models that were compiled before still run."""
        for forget in self._forget:
            forget()

    def __enter__(self) -> Registration:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.forget()


class Registry(Mapping[str, type[Operator]]):
    """The operators by their names; `custom` are those that were registered."""

    def __init__(self, own: Iterable[type[Operator]]) -> None:
        self._own = {operator.op: operator for operator in own}
        self.custom: dict[str, type[Operator]] = {}

    def __getitem__(self, name: str) -> type[Operator]:
        return self._own[name] if name in self._own else self.custom[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._own, *self.custom))

    def __len__(self) -> int:
        return len(self._own) + len(self.custom)

    def register(self, operator: type[Operator]) -> Registration:
        """Let specs name an operator of one's own, declared with `@operator`.

        It needs a shape rule (`signature`, or `infer` where that cannot say it). Without a `flow` contracts through it
        are unknown. The same class, defined again, takes the place of the first. Raises `SpecError`: `bad-operator`,
        `operator-taken`.
        """
        self.check(operator)
        self.custom[operator.op] = operator
        return Registration(lambda: self._remove(operator))

    def check(self, operator: type[Operator]) -> None:
        """Raise `SpecError` with what stands against registering an operator."""
        for faults in (_faults, self._clashes):
            found = tuple(faults(operator))
            if found:
                raise SpecError(found)

    def _clashes(self, operator: type[Operator]) -> Iterator[Diagnostic]:
        other = self.get(operator.op)
        if other is None or _path(other) == _path(operator):
            return
        whose = f"from `{other.__module__}`" if operator.op in self.custom else "of the language"
        message = f"there is an operator `{operator.op}` already, {whose}"
        yield Diagnostic("operator-taken", message, help="choose another name")

    def _remove(self, operator: type[Operator]) -> None:
        if self.custom.get(operator.op) is operator:
            del self.custom[operator.op]


def _path(operator: type[Operator]) -> tuple[str, str]:
    return operator.__module__, operator.__qualname__


# -- what is wrong with a declaration ---------------------------------------------------------------------------------


def _faults(operator: object) -> Iterator[Diagnostic]:
    if not (isinstance(operator, type) and issubclass(operator, Operator) and "op" in vars(operator)):
        help = "write `@operator(name, family=…)` above a class that inherits from `Operator`"
        name = operator.__name__ if isinstance(operator, type) else str(operator)
        yield Diagnostic("bad-operator", f"`{name}` is no operator", help=help)
        return
    if not _NAME.fullmatch(operator.op):
        help = "use letters, digits and `_`, beginning with a letter"
        yield Diagnostic("bad-operator", f"`{operator.op}` is no name for an operator", help=help)
    signature = getattr(operator, "signature", None)
    if not isinstance(signature, Signature) or not signature.outputs:
        help = 'write `signature = Signature("x: ... n -> y: ... n")`'
        yield Diagnostic("bad-operator", f"`{operator.op}` has no shape rule", help=help)
        return
    yield from _unbound(operator)
    for attribute in operator.attributes:
        if attribute.kind not in _KINDS:
            message = f"`{attribute.name}` of `{operator.op}` is of a kind that only the language's own operators have"
            yield Diagnostic("bad-operator", message, help=f"its kind may be one of: {', '.join(_KINDS)}")


def _unbound(operator: type[Operator]) -> Iterator[Diagnostic]:
    """Words of outputs and learned tensors that neither an input nor an attribute binds."""
    bound = words_of(operator.signature.inputs) | {a.name for a in operator.attributes if a.kind in ("size", "axes")}
    wanted: set[str] = set()
    if operator.infer is Operator.infer:
        wanted |= words_of(operator.signature.outputs)
    if operator.shapes is Operator.shapes:
        wanted |= {word for weight in operator.weights for word in _words(weight.shape)}
    for word in sorted(wanted - bound):
        help = suggestion(word, bound, "words")
        yield Diagnostic("bad-operator", f"nothing at the inputs of `{operator.op}` says what `{word}` is", help=help)


def words_of(ports: Iterable[Port]) -> set[str]:
    """The variables in the types of ports, `...` included."""
    return {word for port in ports for axis in port.axes for word in _words(axis)}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\.\.\.|[^\W\d]\w*", text))
