"""The public surface: small, documented, and changed only on purpose."""

import inspect

import pytest

import compiler
import graphspec
import graphspec.operators
from compiler.target import Target

LANGUAGE = ["Diagnostic", "Spec", "SpecError", "__version__", "diff", "load", "loads"]
OPERATORS = ["Initialiser", "Mismatch", "Operator", "Registration", "Signature", "Weight", "operator", "register"]
BACKEND = ["Target", "compile", "load", "register"]


def test_the_names_are_these() -> None:
    assert sorted(graphspec.__all__) == sorted(LANGUAGE)
    assert sorted(compiler.__all__) == BACKEND


def test_what_an_operator_of_ones_own_is_written_with() -> None:
    assert set(OPERATORS) <= set(graphspec.operators.__all__)
    assert all(inspect.getdoc(getattr(graphspec.operators, name)) for name in OPERATORS)
    assert list(inspect.signature(graphspec.operators.register).parameters) == ["operator"]
    assert list(inspect.signature(compiler.register).parameters) == ["operator", "lowering"]


def test_the_signatures_are_these() -> None:
    assert list(inspect.signature(graphspec.load).parameters) == ["path", "overrides"]
    assert list(inspect.signature(graphspec.diff).parameters) == ["before", "after", "overrides"]
    assert list(inspect.signature(graphspec.loads).parameters) == ["text", "overrides"]
    assert list(inspect.signature(graphspec.Spec.check).parameters) == ["self"]
    assert list(inspect.signature(graphspec.Spec.reach).parameters) == ["self", "output", "input", "axis"]
    assert list(inspect.signature(graphspec.Spec.mask).parameters) == ["self", "name", "sizes"]
    assert list(inspect.signature(graphspec.Spec.render).parameters) == ["self", "path", "options"]
    assert list(inspect.signature(compiler.load).parameters) == ["spec", "checkpoint", "map", "target", "device"]
    taken = ["spec", "target", "seed", "device", "compile", "backend"]
    assert list(inspect.signature(compiler.compile).parameters) == taken
    assert {"device", "precision", "objective", "fusion"} <= set(inspect.signature(Target).parameters)


@pytest.mark.parametrize("name", [*LANGUAGE[:3], *LANGUAGE[4:]])
def test_everything_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(graphspec, name))


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute `compil`"):
        _ = compiler.compil
