"""The rules of the house as functions from source text to a list of problems, so that a test can feed them a bad one.

A tree is a mapping from paths, relative to the repository, to texts.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Tree = Mapping[str, str]
Problems = list[str]

FRONT = ("__init__", "__main__")  # files at the top of a package, which may import every stage


@dataclass(frozen=True)
class Import:
    """One thing that a file imports: `from a import b` imports `a.b`."""

    path: str
    line: int
    target: str
    lazy: bool  # inside a function
    typing: bool  # under TYPE_CHECKING

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: imports `{self.target}`"

    def is_of(self, packages: Collection[str]) -> bool:
        return self.target.partition(".")[0] in packages


# --- which imports a file makes


def imports(path: str, text: str) -> Iterator[Import]:
    """Every import of a file, those under TYPE_CHECKING and by `import_module("…")` included."""
    package = path.split("/")[:-1]
    for node, lazy, typing in _walk(ast.parse(text, path)):
        for target in _targets(node, package):
            yield Import(path, getattr(node, "lineno", 0), target, lazy, typing)


def _walk(node: ast.AST, lazy: bool = False, typing: bool = False) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Each node, whether it is inside a function, and whether it is only for type checkers."""
    yield node, lazy, typing
    lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    guarded = node.body if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING") else []
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, lazy, typing or child in guarded)


def _targets(node: ast.AST, package: Sequence[str]) -> list[str]:
    match node:
        case ast.Import(names):
            return [name.name for name in names]
        case ast.ImportFrom(module, names, level):
            base = package[: len(package) - level + 1] if level else []
            return [".".join([*base, *filter(None, [module]), name.name]) for name in names]
        case ast.Call(ast.Name(called) | ast.Attribute(attr=called), [ast.Constant(str(module)), *_]):
            return [module] if called in ("import_module", "__import__") else []
    return []


def all_imports(tree: Tree) -> Iterator[Import]:
    for path, text in tree.items():
        yield from imports(path, text)


# --- what they may be


def foreign_imports(tree: Tree, forbidden: Collection[str]) -> Problems:
    """Packages that must not be imported at all, however late."""
    return [f"{found}, which this package must never do" for found in all_imports(tree) if found.is_of(forbidden)]


def disorderly_imports(tree: Tree, package: str, stages: Sequence[str]) -> Problems:
    """Stages that import one below them in the list, or the package's own front, which imports everything."""
    problems: Problems = []
    for path, text in tree.items():
        here = stage_of_file(path)
        if here in FRONT:
            continue
        if here not in stages:
            problems.append(f"{path}: `{here}` is no stage of `{package}`")
            continue
        within = stages[: stages.index(here) + 1]
        problems += [
            f"{found}, which is not above `{here}` in the list of stages"
            for found in imports(path, text)
            if found.is_of({package}) and stage_of(found.target) not in within
        ]
    return problems


def trespassing_imports(tree: Tree, target: str, allowed: Collection[str]) -> Problems:
    """Imports of `target` (a package, or one of our stages) by a stage that is not among those allowed."""
    return [
        f"{found}, which is only for {' and '.join(f'`{name}`' for name in sorted(allowed))}"
        for found in all_imports(tree)
        if f"{found.target}.".startswith(f"{target}.") and stage_of_file(found.path) not in allowed
    ]


def eager_imports(tree: Tree, heavy: Collection[str]) -> Problems:
    """Heavy packages imported as soon as the file is, and not where they are used."""
    return [
        f"{found} at module level; import it where it is used"
        for found in all_imports(tree)
        if found.is_of(heavy) and not found.lazy and not found.typing
    ]


def stage_of(module: str) -> str:
    """`axes` for `graphspec.axes.Dim`, and `__init__` for `graphspec`."""
    return [*module.split("."), "__init__"][1]


def stage_of_file(path: str) -> str:
    return stage_of(path.removesuffix(".py").replace("/", "."))


# --- what importing loads


def loaded_by(statement: str, watched: Collection[str]) -> set[str]:
    """Which of the watched packages a fresh interpreter has loaded after running the statement."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(run.stdout)) & set(watched)


# --- what the other files may hold

REGISTRIES = (  # with a gap in each, or this file would hold them
    "pypi org",
    "pythonhosted org",
    "npmjs com",
    "npmjs org",
    "debian org",
    "ubuntu com",
    "anaconda com",
    "anaconda org",
    "pytorch org/whl",
)
HOST_NAME = "|".join(name.replace(" ", r"\.") for name in REGISTRIES)
MACHINE_TRACE = re.compile(rf"(?<![\w.~)}}\]*-])/(?:work|tmp|root|opt|home|Users)/[\w./-]*|\b(?:{HOST_NAME})\b")


def machine_traces(tree: Tree, justified: Mapping[str, str]) -> Problems:
    """Absolute paths of somebody's machine and host names of package registries."""
    return [
        f"{path}:{number}: `{match[0]}` belongs to one machine or its surroundings"
        for path, text in tree.items()
        for number, line in enumerate(text.splitlines(), start=1)
        for match in MACHINE_TRACE.finditer(line)
        if match[0] != justified.get(path)
    ]


def unpinned_requirements(pyproject: str, constraints: str) -> Problems:
    """What pyproject.toml asks for and constraints.txt does not pin to a version."""
    project = tomllib.loads(pyproject)["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    pinned = {_distribution(line) for line in constraints.splitlines() if "==" in line}
    wanted = {_distribution(requirement) for group in groups for requirement in group}
    return [f"constraints.txt: no version of `{name}`" for name in sorted(wanted - pinned)]


def _distribution(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]).lower()


# --- reading the repository


def python_files(root: Path, package: str) -> dict[str, str]:
    return read(root, sorted((root / package).rglob("*.py")))


def repository_files(root: Path) -> dict[str, str]:
    """Every text file that is, or would be, under version control."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode()
    return read(root, [root / name for name in listing.split("\0") if name])


def read(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in paths:
        data = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" not in data[:8192]:
            texts[path.relative_to(root).as_posix()] = data.decode(errors="replace")
    return texts
