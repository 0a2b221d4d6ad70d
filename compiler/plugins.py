"""Python code that registers operators: run only because it was named on the command line."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from graphspec.diagnostics import Diagnostic, File, Note, Span, SpecError, display_name


def load_plugins(plugins: Sequence[str] | None) -> None:
    """Import files and modules in order. Raises `SpecError`: `no-plugin`, `broken-plugin`, `module-taken`."""
    for plugin in plugins or ():
        if plugin.endswith(".py") or Path(plugin).is_file():
            _load_file(Path(plugin))
        else:
            _load(plugin, plugin)


def _load_file(path: Path) -> ModuleType:
    """A file as the module of its name, so that emitted source can import from it."""
    if not path.is_file() or not path.stem.isidentifier() or path.suffix != ".py":
        help = "name a Python file whose name is an identifier, or a module that can be imported"
        raise SpecError([Diagnostic("no-plugin", f"there is no plugin `{path}`", help=help)])
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
    found = importlib.util.find_spec(path.stem)
    if found is None or found.origin is None or Path(found.origin).resolve() != path.resolve():
        message = f"`{path.stem}` is the name of another module, so that `{path}` cannot be imported by it"
        raise SpecError([Diagnostic("module-taken", message, help="rename the file")])
    return _load(path.stem, str(path))


def _load(module: str, plugin: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except SpecError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise SpecError([_broken(plugin, error)]) from error
        help = "name a Python file, or a module that can be imported from here"
        raise SpecError([Diagnostic("no-plugin", f"there is no plugin `{plugin}`", help=help)]) from error
    except Exception as error:  # whatever foreign code may raise
        raise SpecError([_broken(plugin, error)]) from error


def _broken(plugin: str, error: Exception) -> Diagnostic:
    """The fault of a plugin, at the last of its own lines that ran."""
    message = f"the plugin `{plugin}` cannot be imported: {type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename:
        return Diagnostic("broken-plugin", message, _line(Path(error.filename), error.lineno or 1))
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(Path(plugin).name)]
    span = _line(Path(ours[-1].filename), ours[-1].lineno or 1) if ours and plugin.endswith(".py") else None
    return Diagnostic("broken-plugin", message, span, notes=() if span else (Note("it is Python code, and was run"),))


def _line(path: Path, number: int) -> Span:
    file = File(display_name(path), path.read_text(encoding="utf-8", errors="replace"))
    text = file.line(number)
    indent = len(text) - len(text.lstrip())
    return Span(file, number, indent + 1, number, len(text) + 1)
