"""The corpus of known leaks: each contract's verdict, and the hops by which a leak leads elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import graphspec
from graphspec.analysis.contracts import Verdict, verdicts
from graphspec.operators import OPERATORS

FOLDER = Path(__file__).parent
SPECS = {path.stem: path for path in sorted((FOLDER / "specs").glob("*.yaml"))}
AWAITED = {"batch_norm", "convolution", "count", "rearrange", "top"}
"""Operators that the corpus uses before the language has them."""

# What is expected of each contract, in order: the verdict; of a leak, the hops that move, each as `node:line`; where the
# verdict is open, the node that is named as the reason.
LEAKS: dict[str, list[str]] = {
    "mask_dropped_on_one_path": ["refuted layers.far:14"],
    "padding_mask_for_causal": ["refuted layers:14", "proved"],
    "encoder_reads_target": ["refuted decoder:15 known:13"],
    "mean_over_the_sequence": ["refuted gated:13 summary:11"],
    "expert_choice": ["refuted chosen:14"],
    "scaled_by_the_length": ["refuted scaled:12"],
    "norm_over_the_sequence": ["refuted layers.norm:15", "proved"],
    "summary_of_the_own_block": ["refuted joined:13 enriched:12 parts:11"],
    "centred_convolution": ["refuted second:12", "proved"],
    "shifted_the_wrong_way": ["refuted input:12"],
    "window_off_by_one": ["proved", "refuted layers:13"],
    "every_layer_windowed": ["proved", "proved", "refuted"],
    "cross_attention_made_causal": ["proved", "refuted", "refuted"],
    "packed_documents_attend_across": ["proved", "refuted layers:16"],
    "batch_norm_across_samples": ["refuted norm:11"],
    "padding_counted_in_a_mean": ["refuted vector:15", "proved"],
    "padding_in_a_norm": ["refuted norm:14"],
    "left_padding_moves_positions": ["proved", "refuted"],
}
TRAPS = [name for name in SPECS if name.startswith("sound_")]


def judged(name: str) -> tuple[graphspec.Spec, tuple[Verdict, ...]]:
    missing = set(re.findall(r"\bop: (\w+)", SPECS[name].read_text(encoding="utf-8"))) - OPERATORS.keys()
    if missing and missing <= AWAITED:
        pytest.skip(f"the language has no {' and no '.join(f'`{op}`' for op in sorted(missing))} yet")
    spec = graphspec.load(SPECS[name])
    return spec, verdicts(spec.graph)


def told(found: Verdict) -> str:
    """A verdict as it stands in the table."""
    if found.status == "unknown":
        return f"unknown {found.reason.split('`')[1]}"
    hops = [f"{hop.node}:{hop.span.line}" for hop in found.path if hop.moves and found.status == "refuted"]
    return " ".join([found.status, *hops])


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found_where_it_is(name: str) -> None:
    _, found = judged(name)
    assert [told(each) for each in found] == LEAKS[name]
    assert all(hop.certain for each in found for hop in each.path)


@pytest.mark.parametrize("name", TRAPS)
def test_what_only_looks_like_a_leak_is_proved(name: str) -> None:
    spec, found = judged(name)
    assert [(str(each.contract.kind), each.status) for each in found if each.status != "proved"] == []
    assert found
    assert spec.warnings == ()


def test_the_corpus_is_all_of_the_folder_and_its_table() -> None:
    assert LEAKS.keys() | set(TRAPS) == SPECS.keys()
    assert LEAKS.keys() & set(TRAPS) == set()
    table = re.findall(r"^\| \[(\w+)\]\(specs/\1\.yaml\) \|", (FOLDER / "README.md").read_text(encoding="utf-8"), re.M)
    assert sorted(table) == sorted(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_every_case_names_a_public_thread(name: str) -> None:
    text = SPECS[name].read_text(encoding="utf-8")
    assert re.search(r"^# .*https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+", text, re.M)
    assert f"\nname: {name}\n" in text
