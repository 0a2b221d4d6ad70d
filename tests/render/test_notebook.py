"""What a notebook shows of a spec and of a mask."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import graphspec
from graphspec.render import layout, to_svg
from tests.render.models import ROOT

PATH = ROOT / "specs/tasks/tagger.yaml"
needs_graphviz = pytest.mark.skipif(not list(layout._engines("svg")), reason="there is no Graphviz")


@needs_graphviz
def test_a_spec_is_its_diagram() -> None:
    spec = graphspec.load(PATH)
    assert spec._repr_svg_() == to_svg(spec.graph)
    assert spec._repr_html_() is None  # or a notebook would show it instead


def test_without_graphviz_it_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_engines", lambda form: iter(()))
    spec = graphspec.loads(PATH.read_text(encoding="utf-8").replace("A sequence", "A <b>sequence", 1))
    assert spec._repr_svg_() is None
    html = spec._repr_html_()
    assert html is not None
    root = ElementTree.fromstring(f"<div>{html}</div>")
    (lines,) = root.findall("pre")
    shown = (lines.text or "").splitlines()
    assert shown[0].split() == ["embedding", "embedding", "B", "T", "d_model", "32.8", "k"]
    assert any(line.startswith("  attention ") for line in shown)
    assert "there is no Graphviz" in (root.findall("p")[-1].text or "")
    assert "install Graphviz" in (root.findall("p")[-1].text or "")


def test_a_mask_is_its_grid() -> None:
    grid = graphspec.load(ROOT / "specs/transformer.yaml").mask("decoder.self_attention", T=3)
    assert str(grid).splitlines()[-1].endswith("2 ██████")
    assert "causal" in grid._repr_svg_()
    with pytest.raises(graphspec.SpecError, match="unknown-mask"):
        graphspec.load(ROOT / "specs/llm/llama.yaml").mask("layrs")
