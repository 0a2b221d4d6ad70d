"""Specs as they were at a revision of a git repository, and what is said where there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import graphspec
from graphspec import revisions
from graphspec.compare import read_since
from graphspec.diagnostics import Report, SpecError
from tests.difference.edits import SMALL, lines

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="there is no git")

LIBRARY = "graphspec: 1\nblocks:\n  half:\n    in: {x: ... d}\n    nodes: {y: {op: layer_norm, in: x}}\n    out: y\n"
USES = SMALL.replace("name: small\n", "name: small\nuse: {lib: parts/lib.yaml}\n").replace(
    "norm: {op: layer_norm}", "norm: {block: lib.half}"
)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits of `specs/small.yaml` and of the library that it uses, and a change that is not committed."""
    top = tmp_path / "repository"
    (top / "specs/parts").mkdir(parents=True)
    git(top, "init", "-q", "-b", "main")
    write(top, USES, LIBRARY)
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "one")
    write(top, USES.replace("mask: causal", "mask: everything"), LIBRARY.replace("layer_norm", "rms_norm"))
    git(top, "commit", "-q", "-a", "-m", "two")
    write(top, USES.replace("depth: 3", "depth: 5"), LIBRARY.replace("layer_norm", "rms_norm"))
    monkeypatch.chdir(top)
    return top


def write(top: Path, spec: str, library: str) -> None:
    (top / "specs/small.yaml").write_text(spec, encoding="utf-8")
    (top / "specs/parts/lib.yaml").write_text(library, encoding="utf-8")


def codes(report: Report) -> list[str]:
    return [found.code for found in report.diagnostics if found.severity == "error"]


def failure(before: str, after: str = "specs/small.yaml") -> str:
    with pytest.raises(SpecError) as caught:
        graphspec.diff(before, after)
    return str(caught.value)


def test_a_revision_and_what_is_there_now(repository: Path) -> None:
    found = graphspec.diff("HEAD:specs/small.yaml", "specs/small.yaml")
    assert found.names == ("HEAD:specs/small.yaml", "specs/small.yaml")
    assert lines(found) == ["~ layers.*.attention.attend mask: everything → causal"]
    assert [fact.name for fact in found.settings] == ["depth"]
    assert str(found.nodes[0].before) == "HEAD:specs/small.yaml:13:7"


def test_libraries_come_from_the_same_revision(repository: Path) -> None:
    found = graphspec.diff("HEAD~1:specs/small.yaml", "main:specs/small.yaml")
    assert "~ norm.y op: layer_norm → rms_norm, eps: 1e-05 → 1e-06" in lines(found)
    assert str(found.nodes[-1].before) == "HEAD~1:specs/parts/lib.yaml:5:13"


def test_what_a_spec_extends_comes_from_the_same_revision(repository: Path) -> None:
    (repository / "specs/variant.yaml").write_text(
        "graphspec: 1\nname: variant\nextends: small.yaml\n", encoding="utf-8"
    )
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "variant")
    write(repository, USES.replace("depth: 3", "depth: 7"), LIBRARY)
    found = graphspec.diff("HEAD:specs/variant.yaml", "specs/variant.yaml")
    assert [(fact.name, fact.before, fact.after) for fact in found.settings] == [("depth", "5", "7")]
    assert str(found.settings[0].before_at) == "HEAD:specs/small.yaml:4:41"


def test_libraries_that_are_gone_from_the_disk(repository: Path) -> None:
    (repository / "specs/parts/lib.yaml").unlink()
    assert graphspec.diff("HEAD:specs/small.yaml", "HEAD:specs/small.yaml").same


def test_since(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.parent)
    report = Report()
    before, after = read_since("HEAD~1", "repository/specs/small.yaml", {}, report)
    assert before and after and not codes(report)
    assert graphspec.diff(before, after).settings[0].name == "depth"


def test_paths_from_the_top_or_from_here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "specs")
    assert graphspec.diff("HEAD:./small.yaml", "HEAD:specs/small.yaml").same
    assert graphspec.diff("HEAD:../specs/small.yaml", "HEAD:specs/small.yaml").same
    assert "write `HEAD:./small.yaml`" in failure("HEAD:small.yaml", "small.yaml")


def test_a_file_whose_name_has_a_colon_is_a_file(repository: Path) -> None:
    (repository / "HEAD:odd.yaml").write_text(SMALL, encoding="utf-8")
    assert graphspec.diff("HEAD:odd.yaml", "HEAD:odd.yaml").same


@pytest.mark.parametrize("name", ["nowhere", "HEAD~99", "", "HEAD..main", "^HEAD", "a\nb", "a b", "\x00"])
def test_no_such_revision(name: str, repository: Path) -> None:
    assert "error[unknown-revision]" in failure(f"{name}:specs/small.yaml")
    assert "help:" in failure(f"{name}:specs/small.yaml")


def test_the_nearest_branch_is_named(repository: Path) -> None:
    assert "did you mean `main`?" in failure("mian:specs/small.yaml")


@pytest.mark.parametrize("name", ["--help", "--git-dir=x", "-h", "--upload-pack=touch stolen"])
def test_a_revision_is_never_an_option(name: str, repository: Path) -> None:
    assert "error[unknown-revision]" in failure(f"{name}:specs/small.yaml")
    assert not (repository / "stolen").exists()


@pytest.mark.parametrize(
    "path", ["specs/smal.yaml", "nowhere/at/all.yaml", "specs", "", "/etc/passwd", "../out.yaml", "-x"]
)
def test_no_such_file_at_a_revision(path: str, repository: Path) -> None:
    assert "error[not-in-revision]" in failure(f"HEAD:{path}")


def test_the_nearest_file_is_named(repository: Path) -> None:
    assert "did you mean `HEAD:specs/small.yaml`?" in failure("HEAD:specs/smal.yaml")


def test_faults_of_both_are_told_with_their_revisions(repository: Path) -> None:
    write(repository, USES.replace("op: linear", "op: linaer"), LIBRARY.replace("layer_norm", "layer_nrom"))
    git(repository, "commit", "-q", "-a", "-m", "broken")
    told = failure("HEAD:specs/small.yaml")
    assert "--> HEAD:specs/small.yaml:22:16" in told
    assert "--> specs/small.yaml:22:16" in told
    assert "at HEAD:specs/parts/lib.yaml:5:" in told


def test_a_library_that_is_not_in_the_revision(repository: Path) -> None:
    write(repository, USES.replace("parts/lib.yaml", "parts/lob.yaml"), LIBRARY)
    git(repository, "commit", "-q", "-a", "-m", "lost")
    assert "there is no file `parts/lob.yaml`" in failure("HEAD:specs/small.yaml", "HEAD~1:specs/small.yaml")


def test_what_is_too_large_is_refused_without_being_read(repository: Path) -> None:
    (repository / "specs/small.yaml").write_text("#" * 20_000_000, encoding="utf-8")
    git(repository, "commit", "-q", "-a", "-m", "large")
    assert "error[too-large]" in failure("HEAD:specs/small.yaml", "HEAD~1:specs/small.yaml")


def test_nothing_that_a_repository_configures_is_run(repository: Path) -> None:
    mark = repository / "run"
    (repository / ".gitattributes").write_text("*.yaml diff=evil filter=evil\n", encoding="utf-8")
    for key in ("diff.evil.textconv", "filter.evil.smudge", "core.fsmonitor", "core.pager"):
        git(repository, "config", key, f"touch {mark};")
    assert graphspec.diff("HEAD:specs/small.yaml", "HEAD:specs/small.yaml").same
    assert not mark.exists()


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    assert "error[no-repository]" in failure("HEAD:small.yaml", "small.yaml")
    report = Report()
    read_since("HEAD", "small.yaml", {}, report)
    assert codes(report) == ["no-repository"]


def test_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "error[no-git]" in failure("HEAD:specs/small.yaml")
    monkeypatch.setattr(revisions, "SECONDS", 0.0)
    assert "error[no-git]" in failure("HEAD:specs/small.yaml")
