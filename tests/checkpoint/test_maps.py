"""What a map gets wrong is found when the spec is read, at its place, with the nearest name."""

from __future__ import annotations

import pytest

import graphspec
from graphspec import SpecError
from graphspec.checkpoints import configured, listed
from graphspec.diagnostics import Diagnostic, Report
from tests.checkpoint.models import BODY, HEAD, MAP


def problem(old: str, new: str, code: str) -> Diagnostic:
    assert old in MAP
    with pytest.raises(SpecError) as caught:
        graphspec.loads(HEAD + BODY + MAP.replace(old, new))
    found = [it for it in caught.value.diagnostics if it.code == code]
    assert found, caught.value
    return found[0]


def marked(found: Diagnostic) -> str:
    """The text at the place of a diagnostic."""
    assert found.span is not None
    line = found.span.file.line(found.span.line)
    return line[found.span.column - 1 : found.span.end_column - 1]


@pytest.mark.parametrize(
    ("old", "new", "code", "at", "said"),
    [
        ("first: front", "frist: front", "unknown-name", "frist", "did you mean `first`"),
        ("first: front", "first.wieght: front", "unknown-name", "first.wieght", "did you mean `weight`"),
        ("{up,down}", "{up,dwon}", "unknown-name", '"{up,dwon}"', "did you mean `down`"),
        ("blocks: {pair", "blocks: {piar", "unknown-block", "piar", "did you mean `pair`"),
        ("    nodes:", "    ndoes:", "unknown-key", "ndoes", "did you mean `nodes`"),
        ("front,", "{from: front, rearange: a b -> b a},", "unknown-key", "rearange", "did you mean `rearrange`"),
        ("front,", "{rearrange: a b -> b a},", "missing-key", "{rearrange: a b -> b a}", "add `from"),
        ("front,", "{from: f, rearrange: a b -> b c},", "bad-pattern", "a b -> b c", "axes of the left one"),
        ("front,", "{from: f, rearrange: a b},", "bad-pattern", "a b", "two sides"),
        ("front,", "{from: f, rearrange: (a (b) -> a b},", "bad-pattern", "(a (b) -> a b", "axes are names"),
        ("front,", "{from: f, rearrange: a a -> a},", "bad-pattern", "a a -> a", "stands twice"),
        ("front,", "{from: f, rearrange: a b -> a},", "map-size", "first", "only 1"),
        ("front,", "{from: f, rearrange: z b a -> b a},", "map-size", "first", "index of the line"),
        ("front,", "{from: f, rearrange: (a r) b -> (a r) b, sizes: {a: d + z}},", "map-size", "first", "no `z`"),
        ("front,", "{from: f, rearrange: (g a) b -> (g a) b, sizes: {g: 3}},", "map-size", "first", "is 4"),
        ("front,", "{from: f, rearrange: a b -> b a, sizes: [3]},", "wrong-form", "[3]", "a map of sizes"),
        ("front,", "[],", "wrong-form", "[]", "at least one"),
        ("front,", "{a: {b: 3}},", "unknown-key", "a", "`from`"),
        ("front,", "[{a: b}],", "wrong-form", "{a: b}", "expected a name"),
        ("h.{i}", "h.{i + }", "bad-map-name", "", "expression ends"),
        ("h.{i}", "h.{i / 2}", "bad-map-name", '"layers.{i}"', "whole numbers"),
        ("h.{i}", "(a)?" * 9 + "h.{i}", "bad-map-name", "", "512 names"),
        ('"h.{i}"', '["' + "(a)?" * 8 + 'h.{i}", other]', "bad-map-name", "", "more than 256"),
        ("h.{i}", "h.(a", "bad-map-name", "(", "optional parts"),
        ('"layers.{i}":', '"layers.{i + 1}":', "bad-map-name", "layers.{i + 1}", "arithmetic on the right"),
        ('"layers.{i}":', '"layers..{i}":', "bad-map-name", "layers..{i}", "between two dots"),
        ('"layers.{i}": "h.{i}"', '"layers.{i}": {from: "h.{i}", rearrange: a b -> b a}', "bad-pattern", "", "is a block"),
        ("blocks: {pair: {", "blocks: {pair: {other: a, ", "unknown-name", "other", ""),
    ],
)  # fmt: skip
def test_a_fault_has_its_place(old: str, new: str, code: str, at: str, said: str) -> None:
    found = problem(old, new, code)
    assert not at or marked(found) == at
    assert said in f"{found.message} {found.help}"


def test_all_faults_are_found_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        graphspec.loads(HEAD + BODY + MAP.replace("first: front", "frist: front").replace("{up,down}", "{up,dwon}"))
    codes = [found.code for found in caught.value.diagnostics]
    assert codes.count("unknown-name") == 2
    assert codes.count("unmapped-parameter") == 4


def test_a_line_for_a_node_that_is_not_there_now() -> None:
    """`if` takes a node away, and its line with it; without a model that has it, no line is needed."""
    text = HEAD.replace("heads: 2", "heads: 2, extra: 1") + BODY + MAP
    text = text.replace(
        "layers: {block", "more: {op: linear, if: extra == 1, in: first, dim: d}, layers: {in: more, block"
    )
    text = text.replace("first: front", "first: front, more: more")
    assert graphspec.loads(text).checkpoints
    assert graphspec.loads(text, extra=0).checkpoints


def test_a_library_has_no_maps(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "blocks.yaml").write_text("graphspec: 1\nblocks: {b: {in: {x: ... d}, out: x}}" + MAP, encoding="utf-8")
    (folder / "spec.yaml").write_text(
        "graphspec: 1\nuse: {l: blocks.yaml}\naxes: {B: batch}\ninputs: {x: B 4}\n"
        "nodes: {y: {block: l.b, in: x}}\noutputs: {y: y}\n",
        encoding="utf-8",
    )
    with pytest.raises(SpecError, match="not-a-library"):
        graphspec.load(folder / "spec.yaml")


def test_depth_costs_nothing() -> None:
    """A map is checked once for equal turns."""
    from graphspec.checkpoints.resolve import tensors

    graph = graphspec.loads((HEAD + BODY + MAP).replace("n: 2", "n: 100000")).graph
    assert len(list(tensors(graph.body, every_turn=False))) == 6


# -- sizes from a configuration ----------------------------------------------------------------------------------------

CONFIG = MAP.replace(
    "    nodes:",
    "    config:\n      d: [hidden.size, width]\n      n: [depth, none]\n"
    "      heads: {from: heads, words: {few: 2, none: 1}}\n    expect: {kind: [a, b], flag: false}\n    nodes:",
)


def sizes(**config: object) -> tuple[dict[str, object], list[Diagnostic]]:
    report = Report()
    given = graphspec.loads(HEAD + BODY + CONFIG).checkpoints["theirs"]
    return dict(configured(given, config, "config.json", report)), list(report.diagnostics)


def test_keys_in_turn_and_within_others() -> None:
    assert sizes(hidden={"size": 8}, width=9, depth=3, heads=4) == ({"d": 8, "n": 3, "heads": 4}, [])
    assert sizes(width=9, heads="few") == ({"d": 9, "heads": "2"}, [])
    assert sizes(width=9, hidden=None, depth=None, heads=None) == ({"d": 9, "heads": "1"}, [])


def test_entries_are_counted_only_on_request() -> None:
    line = "      d: {from: labels, count: true}"
    spec = graphspec.loads(HEAD + BODY + CONFIG.replace("      d: [hidden.size, width]", line))
    for labels in ({"0": "a", "1": "b"}, ["a", "b"]):
        report = Report()
        found = configured(spec.checkpoints["theirs"], {"labels": labels, "heads": 1, "depth": 2}, "c", report)
        assert found["d"] == 2
        assert not report.failed


def test_a_configuration_that_does_not_fit() -> None:
    _, (lacks, _) = sizes(depth=3)
    assert lacks.code == "config-key"
    assert "`hidden.size` nor `width`" in lacks.message
    settled = configured(
        graphspec.loads(HEAD + BODY + CONFIG).checkpoints["theirs"], {"width": 1}, "c", Report(), ["n"]
    )
    assert settled == {"d": 1}
    _, (unusable,) = sizes(width=[1], heads=1)
    assert unusable.code == "config-value"
    _, (other, flag) = sizes(width=1, heads=1, kind="c", flag=True)
    assert "`a` or `b`" in other.message
    assert "`flag` is `true`" in flag.message
    assert sizes(width=1, heads=1, kind="b", flag=False)[1] == []


def test_a_parameter_that_the_spec_does_not_have() -> None:
    with pytest.raises(SpecError, match="did you mean `heads`"):
        graphspec.loads(HEAD + BODY + CONFIG.replace("      heads:", "      haeds:"))


RECORD = CONFIG.replace(
    "    expect:",
    "      kind: {from: [rope.type, type, none], words: {plain: none, far: {kind: yarn, factor: factor, original:"
    " [longest, max], attention: [a, log(factor) * b, none]}}}\n    expect:",
)


def record(**config: object) -> tuple[object, list[Diagnostic]]:
    head = HEAD.replace("heads: 2", "heads: 2, kind: none")
    report = Report()
    given = graphspec.loads(head + BODY + RECORD).checkpoints["theirs"]
    found = configured(given, config, "config.json", report, ["d", "n", "heads"])
    return found.get("kind"), list(report.diagnostics)


def test_a_word_with_numbers_beside_it_is_a_record() -> None:
    far = {"type": "far", "factor": 4.0, "longest": 16}
    assert record(rope={"type": "plain"}) == ("none", [])
    assert record(rope=None) == (None, [])
    assert record(rope=far) == ("{kind: yarn, factor: 4.0, original: 16}", [])
    assert record(rope=far | {"a": 0.5}) == ("{kind: yarn, factor: 4.0, original: 16, attention: 0.5}", [])
    assert record(type="far", factor=-1, max=3) == ("{kind: yarn, factor: (-1), original: 3}", [])


def test_a_record_that_is_not_whole() -> None:
    found, (unknown,) = record(rope={"type": "other"})
    assert (found, unknown.code) == (None, "config-value")
    assert "`plain`, `far`" in unknown.help
    _, (lacks,) = record(rope={"type": "far", "factor": 1})
    assert lacks.code == "config-key"
    assert "`longest` nor `max`" in lacks.message


def test_records_are_set_as_text() -> None:
    text = "graphspec: 1\nparams: {s: none}\naxes: {B: batch, T: position}\ninputs: {x: B T 2 4}\n"
    text += "nodes: {y: {op: rotary, in: x, scaling: s}}\noutputs: {y: y}\n"
    (node,) = graphspec.loads(text, s="{kind: linear, factor: 2 * 2}").graph.body.nodes
    assert node.does.scaling.factor.value == 4
    with pytest.raises(SpecError, match="wrong-word"):
        graphspec.loads(text, s="{kind: liner, factor: 2}")
    with pytest.raises(SpecError, match="yaml-syntax"):
        graphspec.loads(text, s="{kind: linear")


# -- listing -----------------------------------------------------------------------------------------------------------


def test_names_are_listed_together_only_if_none_is_left_out() -> None:
    assert listed(f"h.{i}.a" for i in range(12)) == ["h.{0-11}.a"]
    assert listed(["h.0.a", "h.2.a", "h.3.a"]) == ["h.0.a", "h.2.a", "h.3.a"]
    assert listed(f"h.{i}.e.{j}" for i in range(2) for j in range(3)) == ["h.{0-1}.e.{0-2}"]
    assert listed(["a", "h2.x", "1"]) == ["a", "h2.x", "1"]
    assert listed(["h.3.a", "h.4.a"]) == ["h.{3-4}.a"]
