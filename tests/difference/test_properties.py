"""What holds of the difference of any two models."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings

import graphspec
from graphspec.difference.picture import picture
from graphspec.graph import parameter_paths
from graphspec.render import RenderOptions
from tests.difference.edits import bare
from tests.strategies import RandomSpec, specs


@settings(max_examples=8)
@given(specs(), specs())
def test_of_two_random_models(one: RandomSpec, other: RandomSpec) -> None:
    before, after = graphspec.loads(one.text), graphspec.loads(other.text)
    there, back = bare(before, after), bare(after, before)
    assert there.same == back.same
    assert bool(there.nodes) == there.body.differs
    names = (
        {name for name, _ in parameter_paths(before.graph.body)},
        {name for name, _ in parameter_paths(after.graph.body)},
    )
    assert there.weights.count("kept", "renamed", "reshaped", "gone") == len(names[0])
    assert there.weights.count("kept", "renamed", "reshaped", "new") == len(names[1])
    json.dumps(there.as_dict())
    assert str(there)
    picture(there, RenderOptions())


@settings(max_examples=8)
@given(specs())
def test_of_a_random_model_and_itself(one: RandomSpec) -> None:
    found = bare(graphspec.loads(one.text), graphspec.loads(one.text))
    assert found.same
    assert found.weights.load
    assert Counter(found.bill.parameters).most_common(1)[0][1] == 2
