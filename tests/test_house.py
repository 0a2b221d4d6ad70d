"""The rules of the house hold in this repository, and each checker finds what it is there to find."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import house

ROOT = Path(__file__).parent.parent

# A stage imports only those above it.
LANGUAGE = (
    "diagnostics",
    "source",
    "revisions",
    "expressions",
    "axes",
    "flow",
    "masks",
    "operators",
    "std",
    "variants",
    "document",
    "graph",
    "ordering",
    "elaborate",
    "libraries",
    "checkpoints",
    "analysis",
    "render",
    "page",
    "difference",
    "spec",
    "compare",
    "watch",
)
BACKEND = (
    "target",
    "heap",
    "features",
    "runtime",
    "passes",
    "lower",
    "emit",
    "build",
    "decode",
    "plugins",
    "checkpoint",
    "train",
    "export",
    "verify",
    "bench",
    "demo",
    "cli",
)
STAGES = {"graphspec": LANGUAGE, "compiler": BACKEND}

BACKEND_ONLY = {"torch", "compiler"}
NETWORKX_USERS = {"ordering"}
RUNTIME_USERS = {"runtime", "build"}  # and generated code
HEAVY = {"networkx", "rich", "typer", "jinja2", "graphviz", "matplotlib"}

# Traces of a machine that have a reason to be there: path -> the text.
JUSTIFIED: dict[str, str] = {}


# --- the repository


@pytest.mark.parametrize("package", STAGES)
def test_a_stage_imports_only_stages_above_it(package: str) -> None:
    assert house.disorderly_imports(house.python_files(ROOT, package), package, STAGES[package]) == []


def test_the_language_never_imports_the_backend() -> None:
    assert house.foreign_imports(house.python_files(ROOT, "graphspec"), BACKEND_ONLY) == []


def test_networkx_has_few_users() -> None:
    assert house.trespassing_imports(house.python_files(ROOT, "graphspec"), "networkx", NETWORKX_USERS) == []


def test_the_runtime_is_for_generated_code() -> None:
    assert house.trespassing_imports(house.python_files(ROOT, "compiler"), "compiler.runtime", RUNTIME_USERS) == []


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    assert house.eager_imports(house.python_files(ROOT, "graphspec"), HEAVY) == []


def test_importing_the_language_is_light() -> None:
    assert house.loaded_by("import graphspec", HEAVY | BACKEND_ONLY) == set()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="asks git which files are part of the repository")
def test_no_file_tells_of_a_machine() -> None:
    assert house.machine_traces(house.repository_files(ROOT), JUSTIFIED) == []


def test_every_requirement_is_pinned() -> None:
    assert house.unpinned_requirements(read("pyproject.toml"), read("constraints.txt")) == []


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# --- the checkers


@pytest.mark.parametrize(
    "text",
    [
        "import graphspec.flow",
        "import graphspec.flow as later",
        "from graphspec.flow import Relation",
        "from graphspec import flow",
        "from . import flow",
        "from .flow import Relation",
        "def use():\n    from graphspec.flow import Relation",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from graphspec.flow import Relation",
        "import importlib\nimportlib.import_module('graphspec.flow')",
        "import graphspec",
        "from graphspec import check",
    ],
)
def test_an_import_from_below_or_of_the_front_is_found(text: str) -> None:
    (problem,) = house.disorderly_imports({"graphspec/axes.py": text}, "graphspec", LANGUAGE)
    assert problem.startswith("graphspec/axes.py:")
    assert problem.endswith("which is not above `axes` in the list of stages")


def test_imports_from_above_from_the_same_stage_and_by_the_front_are_fine() -> None:
    tree = {
        "graphspec/__init__.py": "from graphspec.render import draw",
        "graphspec/render/__init__.py": "from .dot import draw\nfrom graphspec import axes",
        "graphspec/render/dot.py": "from ..axes import Dim\nfrom . import pictures\nimport math",
    }
    assert house.disorderly_imports(tree, "graphspec", LANGUAGE) == []


def test_a_file_outside_every_stage_is_found() -> None:
    assert house.disorderly_imports({"graphspec/utils.py": ""}, "graphspec", LANGUAGE) == [
        "graphspec/utils.py: `utils` is no stage of `graphspec`"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import torch.nn",
        "from torch import nn",
        "def late():\n    import torch",
        "__import__('torch')",
        "import compiler",
    ],
)
def test_a_forbidden_package_is_found(text: str) -> None:
    assert len(house.foreign_imports({"graphspec/axes.py": text}, BACKEND_ONLY)) == 1


def test_a_name_that_only_begins_like_a_forbidden_one_is_fine() -> None:
    assert house.foreign_imports({"graphspec/axes.py": "import torchlight\nfrom x import torch"}, BACKEND_ONLY) == []


def test_a_trespass_is_found() -> None:
    tree = {"graphspec/graph.py": "import networkx", "graphspec/flow.py": "def late():\n    import networkx.algorithms"}
    assert house.trespassing_imports(tree, "networkx", {"graph", "render"}) == [
        "graphspec/flow.py:2: imports `networkx.algorithms`, which is only for `graph` and `render`"
    ]
    tree = {
        "compiler/build.py": "from compiler import runtime",
        "compiler/decode.py": "from .runtime.cache import Cache",
    }
    (problem,) = house.trespassing_imports(tree, "compiler.runtime", RUNTIME_USERS)
    assert problem.startswith("compiler/decode.py:1")


def test_an_eager_import_is_found_and_a_late_one_is_fine() -> None:
    late = "if TYPE_CHECKING:\n    import networkx\ndef use():\n    import networkx"
    early = "try:\n    import networkx\nexcept ImportError:\n    pass\nclass A:\n    import rich"
    assert house.eager_imports({"graphspec/graph.py": late}, HEAVY) == []
    assert len(house.eager_imports({"graphspec/graph.py": early}, HEAVY)) == 2


def test_what_an_import_loads_is_seen() -> None:
    assert house.loaded_by("import html.parser", {"html", "wave"}) == {"html"}


def test_an_import_that_fails_is_no_pass() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        house.loaded_by("import no_such_module", {"html"})


@pytest.mark.parametrize(
    "text",
    [
        "see " + "/tmp" + "/x.yaml",
        "'" + "/work" + "/main'",
        "/home" + "/ann/specs",
        "https://" + "pypi" + ".org/simple",
    ],
)
def test_a_trace_of_a_machine_is_found_unless_justified(text: str) -> None:
    (problem,) = house.machine_traces({"README.md": f"fine\n{text}"}, {})
    assert problem.startswith("README.md:2")
    trace = problem.split("`")[1]
    assert house.machine_traces({"README.md": text}, {"README.md": trace}) == []


@pytest.mark.parametrize(
    "text", ["graphspec/work/x", "$(OUT)/tmp/x", "https://example.org/home/x", "d_model /root", "~/work/"]
)
def test_a_relative_path_is_no_trace(text: str) -> None:
    assert house.machine_traces({"README.md": text}, {}) == []


def test_a_requirement_without_a_version_is_found() -> None:
    pyproject = '[project]\ndependencies = ["A_b[c]>=1", "d"]\noptional-dependencies = {dev = ["e>=2"]}'
    assert house.unpinned_requirements(pyproject, "a-b==1.0\ne==2.1") == ["constraints.txt: no version of `d`"]
