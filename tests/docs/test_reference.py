"""docs/reference.md is what the generator writes, every example loads, and `graphspec docs` prints an entry."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import graphspec
from compiler.cli import app
from graphspec.operators import OPERATORS
from graphspec.render import reference
from graphspec.render.entries import Entry, entries, known_names
from graphspec.render.examples import EXAMPLES, spec_text
from graphspec.render.outcomes import example_graph
from tests.operators.custom import Snake

ROOT = Path(__file__).parents[2]
REWRITE = f"docs/reference.md is not what the declarations say: write it again with `{reference.COMMAND}`"
PAGE = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
ENTRIES = {entry.name: entry for entry in entries()}


def docs(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["docs", *arguments])


def test_the_page_is_what_is_generated() -> None:
    assert reference.page() == PAGE, REWRITE


def test_everything_has_an_example() -> None:
    missing = set(known_names()) - EXAMPLES.keys()
    assert not missing, f"write an example of {sorted(missing)} in graphspec/render/examples.py"
    assert EXAMPLES.keys() <= ENTRIES.keys(), "an example of what is no more"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_loads_without_a_warning(name: str) -> None:
    spec = graphspec.loads(spec_text(ENTRIES[name].example))
    assert not spec.warnings
    assert f"{'block' if name.startswith('std.') else 'op'}: {name}" in ENTRIES[name].example


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_an_entry_says_all_there_is_to_say(entry: Entry) -> None:
    assert entry.about
    assert entry.parts
    assert entry.flow or entry.yaml
    assert all(part.type or part.role in ("output", "kept") for part in entry.parts)


def test_attributes_defaults_and_starts_are_the_declared_ones() -> None:
    text = reference.entry_text(ENTRIES["convolution"])
    for row in (
        "| input | `x` | `... n` |  |",
        "| attribute | `over` | an axis, or a list of them | required |",
        "| attribute | `stride` | a size, or a list of them | `1` by default |",
        "| learned | `bias` | `dim` | starts `zeros`; not with `bias: false` |",
        "*Source.* LeCun et al. 1989; dilation: Yu & Koltun 2016; groups: Krizhevsky et al. 2012, section 3.5.",
    ):
        assert row in text.splitlines()
    assert "`none`, `w` or `w+1` | `w` by default" in reference.entry_text(ENTRIES["rms_norm"])
    assert "`{kind: yarn, factor: …, original: …, fast: 32" in reference.entry_text(ENTRIES["rotary"])


def test_what_comes_out_of_an_example_is_shown() -> None:
    assert "# up: B T (4 * d); 16,640 parameters; FLOPs 8 * B * T * d**2" in reference.entry_text(ENTRIES["linear"])


def test_every_yaml_of_the_page_can_be_read() -> None:
    shown = re.findall(r"```yaml\n(inputs:.*?)```", PAGE, re.DOTALL)
    assert len(shown) == len(EXAMPLES)
    assert all(example_graph(body) for body in shown)


# -- the command ------------------------------------------------------------------------------------------------------


def test_without_a_name_everything_has_a_line() -> None:
    lines = docs().stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(ENTRIES)


def test_one_entry_is_printed() -> None:
    assert docs("std.ffn").stdout.startswith("### `std.ffn`\n\nTwo linears")


def test_an_unknown_name_has_a_nearest_one() -> None:
    found = docs("lineer")
    assert found.exit_code == 2
    assert "did you mean `linear`?" in " ".join(found.stderr.replace("│", " ").split())


def test_json_has_a_whole_spec() -> None:
    entry = json.loads(docs("gather", "--json").stdout)
    assert graphspec.loads(entry["example"]).name == "example"
    assert len(json.loads(docs("--json").stdout)) == len(ENTRIES)


def test_an_operator_of_one_s_own_has_an_entry() -> None:
    with OPERATORS.register(Snake):
        text = docs(Snake.op).stdout
    assert text.startswith(f"### `{Snake.op}`")
    assert "*Flow.*" in text


def test_torch_is_not_imported() -> None:
    program = (
        "import sys; sys.argv = ['graphspec', 'docs', 'attend']\n"
        "from compiler.cli import app; app(standalone_mode=False); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
