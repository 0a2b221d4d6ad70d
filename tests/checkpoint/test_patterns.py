"""Patterns against a slow reading of them, number by number; and `load` of a spec whose sizes differ."""

from __future__ import annotations

import json
from itertools import pairwise, product
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import compiler
import graphspec
from compiler.checkpoint.moves import join, take
from graphspec.checkpoints.layout import FileTensor, Use
from graphspec.checkpoints.patterns import Pattern, cut_out, parse_pattern
from graphspec.checkpoints.values import Line
from graphspec.graph import NOWHERE
from tests.checkpoint.models import BODY, HEAD, MAP, saved
from tests.checkpoint.test_files import theirs

Groups = tuple[tuple[str, ...], ...]


def slowly(whole: Tensor, pattern: Pattern, sizes: dict[str, int], part: int) -> Tensor:
    """The part of a tensor that a pattern means, one number after the other; the set's axis is `part`."""
    names = [name for group in pattern.without_index() for name in group]
    shape = [int(torch.tensor([sizes[name] for name in group]).prod()) for group in pattern.without_index()]
    found = torch.empty(shape)
    for places in product(*(range(sizes[name]) for name in names)):
        at = dict(zip(names, places, strict=True)) | {"part": part}
        target = [flat(group, at, sizes) for group in pattern.without_index()]
        found[tuple(target)] = whole[tuple(flat(group, at, sizes) for group in pattern.left)]
    return found


def flat(group: tuple[str, ...], at: dict[str, int], sizes: dict[str, int]) -> int:
    place = 0
    for name in group:
        place = place * sizes[name] + at[name]
    return place


@st.composite
def patterns(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """A pattern with up to four axes and the axis of a set, and the sizes of all."""
    names = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    left = draw(grouped([*names, "part"]))
    right = draw(grouped(names))
    sizes = {name: draw(st.integers(1, 3)) for name in [*names, "part"]}
    return f"{text(left)} -> part {text(right)}", sizes


@st.composite
def grouped(draw: st.DrawFn, names: list[str]) -> Groups:
    order = draw(st.permutations(names))
    cuts = [0, *sorted(draw(st.sets(st.integers(1, len(names)))) - {len(names)}), len(names)]
    return tuple(tuple(order[a:b]) for a, b in pairwise(cuts))


def text(groups: Groups) -> str:
    return " ".join(group[0] if len(group) == 1 else f"({' '.join(group)})" for group in groups)


@given(patterns())
@settings(max_examples=60)
def test_a_pattern_means_what_it_says_and_can_be_undone(drawn: tuple[str, dict[str, int]]) -> None:
    written, sizes = drawn
    pattern, count = parse_pattern(written), sizes["part"]
    whole_shape = [int(torch.tensor([sizes[name] for name in group]).prod()) for group in pattern.left]
    whole = torch.arange(float(torch.tensor(whole_shape).prod())).reshape(whole_shape)
    wanted = [slowly(whole, pattern, sizes, part) for part in range(count)]
    shapes = [tuple(tensor.shape) for tensor in wanted]
    known = {name: size for name, size in sizes.items() if name != "part"}
    pieces = [cut_out(pattern, shapes[0], known, {"part": part}, shapes) for part in range(count)]
    line = Line("", NOWHERE)
    uses = tuple(Use(str(at), shapes[0], (("t",),), False, piece, line) for at, piece in enumerate(pieces))
    tensor = FileTensor(("t",), tuple(size or 0 for size in pieces[0].view), tuple(whole_shape), uses)
    found = [take(whole, tensor, piece) for piece in pieces]
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert torch.equal(join(list(zip(found, pieces, strict=True)), tensor), whole)


CONFIGURED = MAP.replace("    nodes:", "    config: {d: width, n: {from: depth, words: {few: 2}}}\n    nodes:")


@pytest.mark.parametrize(("config", "fault"), [({"width": 4, "depth": "few"}, ""), ({"width": 4, "depth": 3}, "depth")])
def test_a_loaded_spec_must_have_the_sizes_of_the_checkpoint(
    config: dict[str, object], fault: str, tmp_path: Path
) -> None:
    saved(theirs(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    spec = graphspec.loads(HEAD + BODY + CONFIGURED)
    if not fault:
        compiler.load(spec, tmp_path, map="theirs")
        return
    with pytest.raises(graphspec.SpecError, match="config-value") as caught:
        compiler.load(spec, tmp_path, map="theirs")
    assert "`n` is 2 in the spec, but 3" in caught.value.diagnostics[0].message
    assert "n=3" in caught.value.diagnostics[0].help
