"""specs/README.md is what `graphspec gallery` writes, and every picture is there."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from compiler.cli import app, gallery
from graphspec.render.gallery import COMMAND, lines, page

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
PICTURES = ROOT / "docs/images/gallery"
PAGE = (SPECS / "README.md").read_text(encoding="utf-8")


def test_the_page_is_what_is_generated() -> None:
    found = page(gallery.exhibits(SPECS, PICTURES, SPECS))
    assert found == PAGE, f"specs/README.md is not what the specs say: write it again with `{COMMAND}`"


def test_every_picture_is_there_and_none_beside() -> None:
    shown = {(SPECS / path).resolve() for path in re.findall(r"!\[.*?\]\((.*?)\)", PAGE)}
    assert shown == set(PICTURES.glob("*.svg"))


def test_every_spec_says_what_is_special_about_it() -> None:
    assert [it.path for it in gallery.exhibits(SPECS, None, SPECS) if not it.about] == []


def test_links_lead_somewhere() -> None:
    titles = {f"#{title}" for title in re.findall(r"^### (.*)", PAGE, re.MULTILINE)}
    links = re.findall(r"(?<!!)\[.*?\]\((.*?)\)", PAGE)
    assert {link for link in links if link not in titles and not (SPECS / link).is_file()} == set()


def test_lines_are_counted_without_the_map_and_empty_ones() -> None:
    text = "graphspec: 1\n\nnodes:\n  a: b\n\ncheckpoints:\n  theirs:\n    nodes: {}\n# not a section\n\noutputs: {}\n"
    assert lines(text) == 4


def test_a_page_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/tagger.yaml").write_text((SPECS / "tasks/tagger.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "specs/blocks.yaml").write_text("graphspec: 1\nblocks: {}\n", "utf-8")
    out = tmp_path / "specs/README.md"
    arguments = ["gallery", str(tmp_path / "specs"), "-o", str(out), "--pictures", str(tmp_path / "pictures")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    text = out.read_text("utf-8")
    assert "- ✓ proved: `ignores_padding: {output: logits, input: tokens, where: tokens_real}`" in text
    assert "](../pictures/tagger.svg)" in text
    drawn = (tmp_path / "pictures/tagger.svg").read_bytes()
    CliRunner().invoke(app, arguments)
    assert (tmp_path / "pictures/tagger.svg").read_bytes() == drawn
    assert CliRunner().invoke(app, ["gallery", str(out)]).exit_code == 2
