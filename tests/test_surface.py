"""The public surface: small, documented, and changed only on purpose."""

import inspect

import pytest

import compiler
import graphspec
from compiler.target import Target

LANGUAGE = ["Diagnostic", "Spec", "SpecError", "__version__", "load", "loads"]
BACKEND = ["Target", "compile"]


def test_the_names_are_these() -> None:
    assert sorted(graphspec.__all__) == sorted(LANGUAGE)
    assert sorted(compiler.__all__) == BACKEND


def test_the_signatures_are_these() -> None:
    assert list(inspect.signature(graphspec.load).parameters) == ["path", "overrides"]
    assert list(inspect.signature(graphspec.loads).parameters) == ["text", "overrides"]
    assert list(inspect.signature(graphspec.Spec.check).parameters) == ["self"]
    assert list(inspect.signature(graphspec.Spec.render).parameters) == ["self", "path", "options"]
    assert list(inspect.signature(compiler.compile).parameters) == ["spec", "target", "seed", "device"]
    assert {"device", "precision", "objective", "fusion"} <= set(inspect.signature(Target).parameters)


@pytest.mark.parametrize("name", [*LANGUAGE[:3], *LANGUAGE[4:]])
def test_everything_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(graphspec, name))


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute `compil`"):
        _ = compiler.compil
