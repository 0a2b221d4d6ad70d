"""What is told of an edit: its cause, once, at its place."""

from __future__ import annotations

import graphspec
from tests.difference.edits import SMALL, chain, edit, edited, lines, rewritten


def test_a_model_and_itself() -> None:
    found = graphspec.diff(edited(), edited())
    assert not found
    assert found.same
    assert str(found).endswith("\n\nno architectural difference")


def test_layout_and_comments_are_no_difference() -> None:
    spaced = SMALL.replace("nodes:\n  embedding", "# here it begins\n\nnodes:\n  embedding").replace(
        "{d: 8, ", "{d:   8, "
    )
    assert graphspec.diff(edited(), graphspec.loads(spaced)).same


def test_a_mask_stands_at_the_line_of_the_users_file() -> None:
    found = edit(("mask: causal", "mask: causal & window(left=2)"))
    assert lines(found) == ["~ layers.*.attention.attend mask: causal → causal & window(left=2)"]
    assert str(found.nodes[0].after) == "<text>:12:7"


def test_a_size_is_one_line_and_what_follows_from_it_says_so() -> None:
    found = edit(("d: 8", "d: 12"))
    assert found.nodes == ()
    assert [(fact.name, fact.before, fact.after, fact.follows) for fact in found.settings] == [
        ("d", "8", "12", False),
        ("hidden", "32", "48", True),
    ]


def test_a_number_of_layers() -> None:
    found = edit(("depth: 3", "depth: 5"))
    assert found.nodes == ()
    assert [fact.name for fact in found.settings] == ["depth"]
    assert found.bill.parameters[1] > found.bill.parameters[0]


def test_a_formula_with_the_same_value_is_a_change_that_says_so() -> None:
    found = edit(("hidden: hidden", "hidden: 4 * d"))
    assert lines(found) == []
    found = edit(("hidden: hidden", "hidden: 32"))
    (change,) = found.nodes
    assert [(field.name, field.before, field.after, field.both) for field in change.fields] == [
        ("dim", "4 * d", "32", "32")
    ]


def test_what_is_inserted_and_what_reads_it() -> None:
    found = edit(("      mid: x + attention\n", "      post: {op: layer_norm, in: attention}\n      mid: x + post\n"))
    assert lines(found) == ["+ layers.*.post", "~ layers.*.mid : x + attention → x + post"]
    assert found.nodes[0].says == "{op: layer_norm, in: attention}"
    assert found.nodes[1].fields[0].wiring


def test_what_is_removed_stands_where_it_stood() -> None:
    found = edit(("  norm: {op: layer_norm}\n", ""))
    assert lines(found) == ["- norm", "~ logits x: norm → layers"]
    assert (found.nodes[0].before, found.nodes[0].after) != (None, None)


def test_a_rename_is_no_removal() -> None:
    found = edit(("norm1", "before"), ("ffn", "feed"), ("std.feed", "std.ffn"))
    assert lines(found) == ["= layers.*.before was norm1", "= layers.*.feed was ffn"]


def test_a_renamed_parameter_and_axis_change_nothing_else() -> None:
    found = edit(("d: 8", "width: 8"), ("4 * d,", "4 * width,"), ("T d}", "T width}"), ("dim: d}", "dim: width}"))
    assert lines(found) == []
    assert [(fact.status, fact.was, fact.name) for fact in found.settings] == [("renamed", "d", "width")]
    found = edit(("T: position", "S: position"), ("B T", "B S"))
    assert [(fact.status, fact.was, fact.name) for fact in found.axes] == [("renamed", "T", "S")]
    assert (found.inputs, found.outputs, found.nodes) == ((), (), ())


def test_what_several_nodes_say_otherwise_in_the_same_way_is_one_change() -> None:
    found = edit(("drop: drop}\n      mid", "drop: drop, bias: false}\n      mid"))
    assert lines(found) == ["~ layers.*.attention.{q,k,v,o} bias: true → false"]


def test_another_operator_under_the_same_name() -> None:
    found = rewritten("y: {op: layer_norm, in: x}", "y: {op: rms_norm, in: x}")
    assert lines(found) == ["~ y op: layer_norm → rms_norm, eps: 1e-05 → 1e-06"]


def test_sharing_and_training() -> None:
    found = edit(("share: embedding, bias: false", "dim: vocab, bias: false"))
    assert lines(found) == ["~ logits share: embedding.weight →"]
    found = edit(("size: vocab, dim: d}", "size: vocab, dim: d, trainable: false}"))
    assert "~ embedding trainable:  → false" in lines(found)


def test_a_repeat_that_shares_its_weights() -> None:
    assert lines(edit(("repeat: depth}", "repeat: depth, share: true}"))) == ["~ layers share:  → true"]


def test_only_the_turns_that_changed_are_named() -> None:
    each = ("repeat: depth}", "repeat: 6, each: {mask: [causal, everything, causal, everything, causal, everything]}}")
    block = ("in: {x: B T d}\n", "in: {x: B T d}\n    params: {mask: mask = causal}\n")
    before = edited(block, ("mask: causal,", "mask: mask,"), ("repeat: depth", "repeat: 6"))
    after = edited(block, ("mask: causal,", "mask: mask,"), each)
    assert lines(graphspec.diff(before, after)) == ["~ layers.{1,3,5}.attention.attend mask: causal → everything"]


def test_a_body_that_stands_at_two_places_is_told_once() -> None:
    twice = ("  norm: {op: layer_norm}\n", "  more: {block: part, repeat: depth}\n  norm: {op: layer_norm}\n")
    found = graphspec.diff(edited(twice), edited(twice, ("mask: causal", "mask: everything")))
    assert lines(found) == ["~ layers.*.attention.attend more.*.attention.attend mask: causal → everything"]


def test_another_output_of_a_block() -> None:
    found = edit(("out: mid + ffn", "out: {hidden: mid + ffn, probe: mid}"))
    assert lines(found) == ["~ layers gives probe:  → mid", "= layers.*.hidden was out"]


def test_outputs_and_inputs() -> None:
    found = edit(
        ("outputs: {logits: logits}", "outputs: {logits: logits, hidden: layers}"),
        ("norm: {op: layer_norm}", "norm: {op: layer_norm, in: layers}"),
    )
    assert [(fact.status, fact.name, fact.after) for fact in found.outputs] == [("added", "hidden", "B T d")]
    assert found.nodes == ()
    found = graphspec.diff(chain("y: x + 1"), graphspec.loads(SMALL))
    assert {(fact.status, fact.name) for fact in found.inputs} == {("removed", "x"), ("added", "tokens")}
    found = graphspec.diff(chain("a: x + 1\ny: a * 2"), chain("b: x + 1\ny: b * 2\nz: y + 1"))
    assert lines(found) == ["= b was a", "+ z"]


def test_an_output_from_another_node() -> None:
    found = edit(
        ("norm: {op: layer_norm}", "norm: {op: layer_norm, in: layers}"),
        ("outputs: {logits: logits}", "outputs: {logits: layers}"),
    )
    assert lines(found) == ["~  gives logits: logits → layers"]
    assert [(fact.before, fact.after) for fact in found.outputs] == [("B T vocab", "B T d")]


def test_contracts_and_their_verdicts() -> None:
    found = edit(("mask: causal", "mask: everything"))
    (promise,) = found.promises
    assert promise.status == "changed"
    assert promise.before and promise.after
    assert (promise.before.status, promise.after.status) == ("proved", "refuted")
    assert "✓ proved → ✗ refuted  causal (output: logits, input: tokens)" in str(found)
    found = edit(("  - causal: {output: logits, input: tokens}", "  - independent: {axis: B}"))
    assert [promise.status for promise in found.promises] == ["added", "removed"]
    assert found


def test_a_contract_on_a_renamed_output_is_the_same() -> None:
    found = edit(("logits: {op", "head: {op"), ("{logits: logits}", "{logits: head}"))
    assert [promise.status for promise in found.promises] == ["same"]


def test_how_tensors_start() -> None:
    found = edit(("outputs:", 'init: {"*": normal(0.02)}\noutputs:'))
    assert [(fact.status, fact.name) for fact in found.starts] == [("added", "*")]


def test_a_block_and_an_operator_of_one_name_are_two_things() -> None:
    found = edit(("ffn: {block: std.ffn, hidden: hidden, drop: drop}", "ffn: {op: linear, dim: d}"))
    assert lines(found) == ["- layers.*.ffn", "+ layers.*.ffn", "~ layers.*.out : mid + ffn′ → mid + ffn"]
