"""What the page is told is whole, true, and safe to stand in a file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import graphspec
from graphspec.page.bundle import SCRIPTS, page_of
from tests.cli.test_pictures import run
from tests.page.models import HOSTILE, LEAKY, ROOT, SHOWN, TRANSFORMER, large_page, told
from tests.render.models import SPECS

LARGEST = 2_000_000


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_everything_that_is_named_is_there_and_little_else(path: Path) -> None:
    facts = told(graphspec.load(path))
    assert len(page_of(facts).encode()) < LARGEST / 8
    for number, body in enumerate(facts["bodies"]):
        names = {slot["name"] for slot in body["slots"]}
        for slot in body["slots"]:
            assert {name.partition("~")[0] for name in slot["names"]} <= body["nodes"].keys()
            assert {tail for tail, _, _, _ in slot["wires"] if tail} <= names
            inside = slot.get("inside")
            inner = [inner for run in inside["runs"] for inner in run["bodies"]] if inside else []
            assert all(at < number for at in inner), "bodies within others come first"
        assert {tail for tail, _, _ in body["outs"] if tail} <= names
        for node in body["nodes"].values():
            if node["at"]:
                file, line, start, end = node["at"]
                assert facts["files"][file]["text"].split("\n")[line - 1][start - 1 : end - 1].strip()


def test_the_facts_about_a_node() -> None:
    facts = told(graphspec.load(TRANSFORMER))
    decoder = next(body for body in facts["bodies"] if body["block"] == "decoder_layer")
    assert decoder["nodes"]["cross_attention"] == {
        "does": "std.attention",
        "type": "B T d_model",
        "parameters": 1_050_624,
        "flops": "1.05 M · B · S + 1.05 M · B · T + 2.05 k · B · S · T",
        "reads": ["`x[0 … t]`", "all of `memory`"],
        "at": (0, 33, 7, 22),
    }
    model = facts["bodies"][facts["model"]]
    assert model["nodes"]["logits"]["reads"] == ["all of `source`", "`target[0 … t]`"]
    assert [contract["status"] for contract in facts["contracts"]] == ["proved"] * 3
    assert dict(facts["summary"])["parameters"][1] == ["source_embedding", "18,944,000", "30.0 %"]


def test_what_a_spec_extends_comes_before_libraries() -> None:
    facts = told(graphspec.load(ROOT / "specs/llm/mistral.yaml"))
    names = [Path(file["name"]).name for file in facts["files"]]
    assert names == ["mistral.yaml", "llama.yaml", "attention.yaml", "feed_forward.yaml"]


def test_a_block_stands_open_and_closed() -> None:
    facts = told(graphspec.load(TRANSFORMER))
    encoder = next(body for body in facts["bodies"] if body["block"] == "encoder_layer")
    found = [(slot["name"], slot.get("when"), slot["form"], slot.get("title")) for slot in encoder["slots"]]
    assert found == [
        ("x", None, "point", None),
        ("attention", "closed", "box", "Multi-head attention"),
        ("attention", "open", "container", "Attention"),
        ("norm1", None, "box", "Add & Norm"),
        ("ffn", "closed", "box", "Feed-forward"),
        ("ffn", "open", "container", "Feed-forward"),
        ("norm2", None, "box", "Add & Norm"),
    ]


def test_what_is_drawn_as_one_while_closed_is_apart_when_open() -> None:
    text = """\
graphspec: 1
params: {d: 8}
axes: {B: batch, T: position}
inputs: {x: B T d}
blocks:
  conv: {in: {h: B T d}, nodes: {c: {op: convolution, in: h, over: T, kernel: 3, padding: same, dim: d}}, out: c}
nodes:
  first: {block: conv, in: x}
  act: gelu(first)
outputs: {y: act}
"""
    facts = told(graphspec.loads(text))
    slots = facts["bodies"][facts["model"]]["slots"]
    assert [(slot["name"], slot.get("when"), slot.get("group"), slot["names"]) for slot in slots[1:-1]] == [
        ("first", "open", "act", ["first"]),
        ("act", "closed", "act", ["first", "act"]),
        ("act", "open", "act", ["act"]),
    ]


def test_a_mixture_can_be_opened() -> None:
    facts = told(graphspec.load(ROOT / "specs/llm/mixtral.yaml"))
    (inside,) = [
        slot["inside"]
        for body in facts["bodies"]
        for slot in body["slots"]
        if "inside" in slot and slot["inside"]["kind"] == "experts"
    ]
    expert = facts["bodies"][inside["runs"][0]["bodies"][0]]
    assert inside["times"] == "× 8, weighted"
    assert not inside["opened"]
    assert [tail for tail, *_ in expert["slots"][-1]["wires"]] == ["down", ""]
    assert expert["outs"] == [("weight•", "", "down")] or expert["outs"][0][0] == "weight•"


def test_a_refuted_contract_has_its_path() -> None:
    (causal, *_) = told(graphspec.loads(LEAKY), explain="causal")["contracts"]
    assert causal["status"] == "refuted"
    assert causal["trails"][-1]["nodes"] == [("target", None)]
    assert any(trail["leaps"] for trail in causal["trails"])
    assert told(graphspec.loads(LEAKY), explain="causal")["look"]["contract"] == 0


# -- the file ---------------------------------------------------------------------------------------------------------


class Parts(HTMLParser):
    """The elements of a page with their attributes, and what stands in scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id") or dict(attrs).get("type") or tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


def test_the_page_may_run_its_own_script_and_nothing_else() -> None:
    parts = Parts(page_of(told(graphspec.load(TRANSFORMER))))
    policy = next(a["content"] for t, a in parts.elements if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in (policy or "").split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    for rule, text in (("script-src", parts.texts["module"]), ("style-src", parts.texts["style"])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_the_page_needs_nothing_else() -> None:
    page = page_of(told(graphspec.load(TRANSFORMER)))
    assert all(not {"src", "href", "style"} & attributes.keys() for _, attributes in Parts(page).elements)
    assert set(re.findall(r"https?://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|DOMParser)\b", page)


def test_a_hostile_spec_stays_data() -> None:
    page = page_of(told(graphspec.loads(HOSTILE)))
    parts = Parts(page)
    assert [tag for tag, _ in parts.elements].count("script") == 2
    assert "img" not in {tag for tag, _ in parts.elements}
    facts = json.loads(parts.texts["facts"])
    assert "<" not in parts.texts["facts"]
    model = facts["bodies"][facts["model"]]
    assert [slot.get("title") for slot in model["slots"]][1] == SHOWN
    assert facts["files"][0]["text"] == HOSTILE


def test_a_script_that_is_left_out_is_missed() -> None:
    files = {path.stem for path in (ROOT / "graphspec/page/web").glob("*.js")}
    assert set(SCRIPTS) == files


def test_the_page_of_two_thousand_nodes_is_small_enough() -> None:
    facts = json.loads(Parts(large_page()).texts["facts"])
    assert sum(len(body["nodes"]) for body in facts["bodies"]) > 2000
    assert len(large_page().encode()) < LARGEST


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    path = tmp_path / "model.html"
    assert run("render", str(TRANSFORMER), "-o", str(path), "--depth", "2", "--theme", "dark", "--no-title") == (
        0,
        "",
        "",
    )
    look = json.loads(Parts(path.read_text(encoding="utf-8")).texts["facts"])["look"]
    assert look == {"direction": "up", "theme": "dark", "heading": "", "depth": 2, "contract": None}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-o", "{folder}/none/model.html"], "cannot-write"),
        (["-o", "{folder}/model.html", "--theme", "pink"], "wrong-word"),
        (["-o", "{folder}/model.html", "--explain", "nothing"], "unknown-contract"),
        (["-o", "{folder}/model.htlm"], "unknown-format"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path: Path, arguments: list[str], code: str) -> None:
    exit_code, _, error = run("render", str(TRANSFORMER), *(part.format(folder=tmp_path) for part in arguments))
    assert exit_code == 1
    assert f"error[{code}]" in error
    assert not list(tmp_path.iterdir())


def test_a_spec_renders_to_a_page(tmp_path: Path) -> None:
    path = tmp_path / "model.html"
    graphspec.loads(LEAKY).render(path, explain="causal")
    assert json.loads(Parts(path.read_text(encoding="utf-8")).texts["facts"])["look"]["contract"] == 0


def test_equal_turns_are_told_once() -> None:
    spec = graphspec.load(TRANSFORMER)
    deep = graphspec.load(TRANSFORMER, layers=1000)
    assert len(told(deep)["bodies"]) == len(told(spec)["bodies"])
