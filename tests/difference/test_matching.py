"""Which node is taken for which."""

from __future__ import annotations

import graphspec
from graphspec.difference.matching import Matcher
from tests.difference.edits import ROOT, bare, chain, edited, lines, rewritten


def names(before: str, after: str) -> dict[str, str]:
    """The nodes that have another name now."""
    left, right = chain(before).graph.body, chain(after).graph.body
    found = Matcher().names(left, right)
    return {old: new for old, new in found.items() if old != new}


def test_by_what_it_does_and_what_it_reads() -> None:
    before = "a: {op: linear, in: x, dim: d}\nb: {op: layer_norm, in: a}\ny: b + x"
    after = "first: {op: linear, in: x, dim: d}\nsecond: {op: layer_norm, in: first}\ny: second + x"
    assert names(before, after) == {"a": "first", "b": "second"}


def test_a_chain_of_new_names_is_followed_to_its_end() -> None:
    before = (
        "\n".join(f"a{i}: {{op: linear, in: {f'a{i - 1}' if i else 'x'}, dim: d}}" for i in range(30)) + "\ny: a29 + x"
    )
    after = before.replace("a", "b").replace("{op: lineb", "{op: linea").replace("bin", "ain")
    after = after.replace("opbrt", "oper")
    assert names(before, after) == {f"a{i}": f"b{i}" for i in range(30)}


def test_of_two_alike_the_one_with_the_likelier_name() -> None:
    before = "gate: {op: linear, in: x, dim: d}\nup: {op: linear, in: x, dim: d}\ny: gate * up"
    after = "w_up: {op: linear, in: x, dim: d}\nw_gate: {op: linear, in: x, dim: d}\ny: w_gate * w_up"
    assert names(before, after) == {"gate": "w_gate", "up": "w_up"}


def test_names_that_went_to_another_node() -> None:
    """`a` is called `b` now, and the name `a` is that of something new that does something else."""
    before = "a: {op: linear, in: x, dim: d}\ny: a + x"
    after = "a: {op: layer_norm, in: x}\nb: {op: linear, in: a, dim: d}\ny: b + x"
    assert names(before, after) == {"a": "b"}
    assert lines(rewritten(before, after)) == ["+ a", "~ b was a x: x → a"]


def test_what_has_nothing_in_common_is_not_matched() -> None:
    found = rewritten("a: {op: linear, in: x, dim: d}\ny: a + x", "b: {op: layer_norm, in: x}\ny: b + x")
    assert lines(found) == ["- a", "+ b", "~ y : a + x → b + x"]


def test_a_block_of_another_name_and_around_it_other_things() -> None:
    after = edited(
        ("layers: {block: part, repeat: depth}", "pre: {op: layer_norm}\n  stack: {block: part, repeat: depth}")
    )
    found = graphspec.diff(edited(), after)
    assert [change for change in lines(found) if "layers" in change] == ["~ stack was layers x: embedding → pre"]


def test_matching_is_the_same_each_time() -> None:
    paths = ("specs/encoders/bert.yaml", "specs/encoder_decoder/bart.yaml")
    specs = [graphspec.load(ROOT / path) for path in paths]
    assert str(bare(*specs)) == str(bare(*specs))
