"""torch.compile: over each repeated block, or over the whole model; counted, and what it made kept for later runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from torch import nn

from compiler.runtime import Model, files
from graphspec.diagnostics import Diagnostic, SpecError, suggestion
from graphspec.graph import Body, Call, Graph, Mixture, Repeat

How = Literal["off", "blocks", "whole"]

FOLDER = "TORCHINDUCTOR_CACHE_DIR"
"""The variable that says where torch keeps kernels."""


class Counted:
    """A backend of torch.compile, with options of its own, that counts the graphs it is given."""

    def __init__(self, backend: str, **options: Any) -> None:
        self.backend, self.options, self.graphs = backend, options, 0

    def __call__(self, graph: Any, inputs: Any) -> Any:
        from torch._dynamo.backends.registry import lookup_backend

        self.graphs += 1
        return lookup_backend(self.backend)(graph, inputs, **self.options)


@dataclass(frozen=True)
class Compilation:
    """What torch.compile takes of a model: the modules at `regions`, of which `distinct` have code of their own.

    A region is taken whole or not at all: what would fall back to eager is an error. Copies and pickles of a model are
    compiled as it is, when they first run.
    """

    how: How
    regions: tuple[str, ...]
    distinct: int
    backend: str = "inductor"
    counted: Counted = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _keep_what_is_made()
        object.__setattr__(self, "counted", Counted(self.backend, **_options(self.backend)))

    @property
    def graphs(self) -> int:
        """How many graphs were compiled so far: one a distinct region, and one more where lengths change."""
        return self.counted.graphs

    def __call__(self, model: nn.Module) -> None:
        for path in self.regions:
            model.get_submodule(path).compile(fullgraph=True, backend=self.counted)

    def __reduce__(self) -> Any:
        return Compilation, (self.how, self.regions, self.distinct, self.backend)


def speed_up(model: Model, graph: Graph, how: str, backend: str) -> None:
    """Let torch.compile take a model that was made from `graph`. Raises `SpecError`: `unknown-target`."""
    if how not in get_args(How):
        message, help = f"`compile` cannot be `{how}`", suggestion(how, get_args(How), "values")
        raise SpecError([Diagnostic("unknown-target", message, help=help)])
    if how == "off":
        return
    found = tuple(blocks(graph.body)) if how == "blocks" else ()
    regions = tuple(path for path, _ in found) or ("",)
    model._compilation = Compilation(how, regions, len({body for _, body in found}) or 1, backend)  # pyright: ignore[reportArgumentType]
    model._compilation(model)


def blocks(body: Body, prefix: str = "") -> list[tuple[str, Body]]:
    """The paths and bodies of all turns of the outermost repeats; without any, of the outermost blocks."""
    return list(_turns(body, prefix)) or list(_calls(body, prefix))


def _turns(body: Body, prefix: str) -> Iterator[tuple[str, Body]]:
    for node in body.nodes:
        path = f"{prefix}{node.name}"
        match node.does:
            case Repeat(shared=True) as repeat if repeat.runs:
                yield path, repeat.bodies[0]
            case Repeat() as repeat:
                yield from ((f"{path}.{turn}", inner) for turn, inner in enumerate(repeat.turns()))
            case Mixture():
                pass
            case Call(inner):
                yield from _turns(inner, f"{path}.")


def _calls(body: Body, prefix: str) -> Iterator[tuple[str, Body]]:
    for node in body.nodes:
        if isinstance(node.does, Call) and not isinstance(node.does, Mixture):
            yield f"{prefix}{node.name}", node.does.body


def _options(backend: str) -> dict[str, Any]:
    """What the backend is told besides the graph."""
    if backend != "inductor":
        return {}
    from compiler.build.rewrites import Rewrites

    return {"config_patches": {"post_grad_custom_pre_pass": Rewrites()}}


def _keep_what_is_made() -> None:
    """Let torch find its kernels again after a restart; a folder that the user chose stays.

    Torch itself names a folder among temporary files as soon as parts of it are imported.
    """
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    if os.environ.get(FOLDER, default_cache_dir()) == default_cache_dir():
        os.environ[FOLDER] = str(Path(files.folder()).parent / "inductor")
