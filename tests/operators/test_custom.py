"""Operators of one's own: registered, checked, compiled, taken back."""

from __future__ import annotations

import copy
import pickle
import textwrap
from collections.abc import Iterator

import pytest
import torch

import compiler
import graphspec
from compiler.emit import emit
from compiler.lower.custom import FOREIGN
from compiler.target import Target
from compiler.verify import verify
from graphspec.analysis.contracts import verdicts
from graphspec.operators import OPERATORS, Operator, Signature, operator, register
from graphspec.render.canonical import to_text
from tests.operators import custom

CPU = Target(device="cpu")


def spec(*nodes: str, out: str = "y", contracts: str = "[]") -> str:
    head = """
        graphspec: 1
        name: small
        params: {d: 8}
        axes: {B: batch, T: position}
        inputs: {x: B T d}
        nodes:
    """
    lines = [textwrap.dedent(head).strip(), *(f"  {node}" for node in nodes)]
    return "\n".join([*lines, f"outputs: {{out: {out}}}", f"contracts: {contracts}", ""])


SNAKE = spec("y: {op: snake, in: x, strength: 0.5}", contracts="[{causal: {output: out, input: x}}]")


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    yield
    assert OPERATORS.custom == {}
    assert FOREIGN == {}


# -- registering ------------------------------------------------------------------------------------------------------


def test_a_spec_can_name_it_as_long_as_it_is_registered() -> None:
    with register(custom.Snake):
        assert [found.status for found in graphspec.loads(SNAKE).check()] == ["proved"]
    with pytest.raises(graphspec.SpecError, match="there is no operator `snake`"):
        graphspec.loads(SNAKE)


def test_registering_again_replaces_and_the_old_one_cannot_take_it_back() -> None:
    first = register(custom.Snake)
    second = register(custom.Snake)
    second.forget()
    first.forget()
    first.forget()


def test_names_are_taken_once() -> None:
    @operator("linear", family="linear")
    class Mine(Operator):
        signature = Signature("x: ... n -> y: ... n")

    @operator("snake", family="linear")
    class Other(Operator):
        signature = Signature("x: ... n -> y: ... n")

    with pytest.raises(graphspec.SpecError, match=r"operator-taken.*`linear` already, of the language"):
        register(Mine)
    with (
        register(custom.Snake),
        pytest.raises(graphspec.SpecError, match=r"operator-taken.*`snake` already, from `tests"),
    ):
        register(Other)


def test_a_shape_rule_is_required() -> None:
    @operator("shapeless", family="linear")
    class Shapeless(Operator):
        pass

    @operator("loose", family="linear")
    class Loose(Operator):
        signature = Signature("x: ... n -> y: ... m")

    class Undeclared(custom.Snake):
        pass

    for cls, text in ((Shapeless, "has no shape rule"), (Loose, "says what `m` is"), (Undeclared, "is no operator")):
        with pytest.raises(graphspec.SpecError, match=rf"bad-operator.*{text}"):
            register(cls)


def test_without_a_flow_rule_contracts_are_unknown_and_name_it() -> None:
    text = spec("y: {op: everything, in: x}", contracts="[{causal: {output: out, input: x}}]")
    with register(custom.Everything):
        (found,) = verdicts(graphspec.loads(text).graph)
    assert found.status == "unknown"
    assert "`everything`" in found.reason
    assert "`y`" in found.reason


def test_canonical_text_reads_back() -> None:
    with register(custom.Snake):
        text = to_text(graphspec.loads(SNAKE).graph)
        assert to_text(graphspec.loads(text).graph) == text


# -- lowerings --------------------------------------------------------------------------------------------------------


def test_a_function_is_called_by_its_name() -> None:
    with compiler.register(custom.Snake, custom.snake):
        source = emit(graphspec.loads(SNAKE).graph, CPU)
        model = compiler.compile(graphspec.loads(SNAKE), CPU)
    assert "from tests.operators.custom import snake\n" in source
    assert "return snake(x, strength=0.5, alpha=self.y.alpha)  # B T d" in source
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(model(x), x + 0.5 * x.sin() ** 2)
    assert list(model.state_dict()) == ["y.alpha"]


def test_a_class_of_modules_holds_the_tensors() -> None:
    with compiler.register(custom.Snake, custom.SnakeModule):
        model = compiler.compile(graphspec.loads(SNAKE), CPU)
    assert "self.y = SnakeModule(strength=0.5, n=D)" in model.source
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(model(x), x + 0.5 * x.sin() ** 2)


@pytest.mark.parametrize("lowering", [custom.snake, custom.SnakeModule])
def test_models_are_copied_and_pickled(lowering: type) -> None:
    with compiler.register(custom.Snake, lowering):
        model = compiler.compile(graphspec.loads(SNAKE), CPU)
        x = torch.randn(2, 3, 8)
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
            torch.testing.assert_close(other(x), model(x))
            torch.testing.assert_close(other.capture("y", x=x)["y"], model(x))


def test_a_function_that_is_defined_anew_is_the_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook: the emitted source is the same, what it imports is not."""

    def snake(x: torch.Tensor, *, strength: float, alpha: torch.Tensor) -> torch.Tensor:
        return x * 0

    x = torch.randn(2, 3, 8)
    with compiler.register(custom.Snake, custom.snake):
        before = compiler.compile(graphspec.loads(SNAKE), CPU)
    expected = before(x)
    snake.__module__, snake.__qualname__ = custom.__name__, "snake"
    monkeypatch.setattr(custom, "snake", snake)
    with compiler.register(custom.Snake, snake):
        after = compiler.compile(graphspec.loads(SNAKE), CPU)
    assert after.source == before.source
    assert (after(x) == 0).all()
    torch.testing.assert_close(before(x), expected)


def test_two_operators_may_be_one_function() -> None:
    text = spec("a: {op: blend, in: x}", "y: {op: everything, in: a}")
    with compiler.register(custom.WrongBlend, custom.blend), compiler.register(custom.Everything, custom.blend):
        source = emit(graphspec.loads(text).graph, CPU)
    assert source.count("import blend\n") == 1


def test_everything_that_an_operator_can_have() -> None:
    text = spec(
        "w: 2 * x", "p: {op: parts, x: x, weight: w, over: [T, d], how: squared}", "y: p + p.rest", "mean: 3 * y"
    )
    with compiler.register(custom.Parts, custom.parts):
        model = compiler.compile(graphspec.loads(text), CPU)
    call = 'parts(x, weight=w, over=(-2, -1), how="squared", keep=True, limit=None, span=D, n=D)'
    assert call in model.source.replace("\n", "").replace("            ", "").replace("        ", "")
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(model(x), x)


def test_tensors_are_shared_with_a_function_and_not_with_a_module() -> None:
    text = spec("a: {op: scale, in: x}", "y: {op: scale, in: a, share: a}")
    with compiler.register(custom.Scale, custom.scale):
        model = compiler.compile(graphspec.loads(text), CPU)
        assert list(model.state_dict()) == ["a.weight"]
        assert "scale(a, weight=self.a.weight)" in model.source
    with (
        compiler.register(custom.Scale, custom.ScaleModule),
        pytest.raises(graphspec.SpecError, match=r"bad-lowering.*`y` shares a tensor"),
    ):
        compiler.compile(graphspec.loads(text), CPU)


def test_a_name_that_the_file_has_already_gets_another() -> None:
    text = spec("snake: {op: snake, in: x}", "y: 2 * snake")
    with compiler.register(custom.Snake, custom.snake):
        model = compiler.compile(graphspec.loads(text), CPU)
    assert "snake_ = snake(x, strength=1.0, alpha=self.snake.alpha)" in model.source
    assert model(torch.ones(1, 1, 8)).shape == (1, 1, 8)


def test_without_a_lowering_compiling_says_so() -> None:
    with register(custom.Snake), pytest.raises(graphspec.SpecError) as caught:
        emit(graphspec.loads(SNAKE).graph, CPU)
    (found,) = caught.value.diagnostics
    assert (found.code, str(found.span)) == ("no-lowering", "<text>:7:3")
    assert "compiler.register" in found.help


def test_lowerings_that_cannot_be_are_refused() -> None:
    def inner(x: object, *, strength: object, alpha: object) -> object:
        return x

    def check(cls: type[Operator], lowering: object, text: str) -> None:
        with pytest.raises(graphspec.SpecError, match=rf"bad-lowering.*{text}"):
            compiler.register(cls, lowering)  # type: ignore[arg-type]

    check(custom.Snake, inner, "cannot import")
    check(custom.Snake, lambda x: x, "cannot import")
    check(custom.Snake, custom.everything, "does not take `strength`, an attribute")
    check(custom.Everything, custom.snake, "needs `strength`, which `everything` does not have")
    check(custom.Everything, "snake", "cannot import")


@pytest.mark.parametrize(
    ("lowering", "text"), [(custom.WithBuffer, "buffer `table`"), (custom.OtherShape, r"shape \(9,\), where \(8,\)")]
)
def test_modules_hold_what_is_declared(lowering: type, text: str) -> None:
    with (
        compiler.register(custom.Snake, lowering),
        pytest.raises(graphspec.SpecError, match=rf"bad-lowering.*{text}"),
    ):
        compiler.compile(graphspec.loads(SNAKE), CPU)


# -- what a flow rule claims ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "node", "verdict", "statuses"),
    [
        (custom.WrongBlend, "y: {op: blend, in: x}", "proved", {"violated"}),
        (custom.RightBlend, "y: {op: blend_right, in: x, over: [T]}", "refuted", {"agrees"}),
    ],
)
def test_a_wrong_flow_rule_is_caught_by_probing(
    cls: type[Operator], node: str, verdict: str, statuses: set[str]
) -> None:
    text = spec(node, contracts="[{causal: {output: out, input: x}}]")
    with compiler.register(cls, custom.blend):
        findings = verify(graphspec.loads(text), seeds=1).findings
    assert {(found.verdict, found.status) for found in findings} == {(verdict, status) for status in statuses}
