"""What every compiled model is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from compiler.runtime import files

Capture = Callable[["Model", tuple[str, ...], Mapping[str, Any]], dict[str, Tensor]]


class Compilation(Protocol):
    """What torch.compile takes of a model, and how many graphs it made of that."""

    @property
    def graphs(self) -> int: ...
    @property
    def distinct(self) -> int: ...
    def __call__(self, model: nn.Module) -> None: ...


class Model(nn.Module):
    """Base of compiled models: an ordinary module that knows where it comes from."""

    _origin: tuple[str, Any, Any, Capture] | None = None
    _compilation: Compilation | None = None

    @property
    def source(self) -> str:
        """The Python source of this model."""
        return self._made()[0]

    @property
    def graph(self) -> Any:
        """The graph that it was compiled from."""
        return self._made()[1]

    @property
    def target(self) -> Any:
        """What it was compiled for."""
        return self._made()[2]

    @property
    def compilation(self) -> Compilation | None:
        """What torch.compile takes of it; its `graphs` are those compiled so far, one for each `distinct` block."""
        return self._compilation

    def capture(self, *names: str, **inputs: Any) -> dict[str, Tensor]:
        """Run the model on `inputs` and give the named intermediate values: `"decoder.1.cross_attention.weights"`.

        A name is a path of nodes, with the index of the turn behind a repeat, and an output's name last if it is not
        the first output. Raises `KeyError` with the nearest name.
        """
        return self._made()[3](self, names, inputs)

    def _made(self) -> tuple[str, Any, Any, Capture]:
        if self._origin is None:
            raise AttributeError(f"{type(self).__name__} was not made by compiler.compile")
        return self._origin

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickles carry their source, so that they load where its file is not in the cache."""
        made = super().__reduce_ex__(protocol)
        if self._origin is None or not isinstance(made, tuple):
            return made
        stem = type(self).__module__.rpartition(".")[2].rpartition("_")[0]
        state = {key: value for key, value in made[2].items() if key != "_variants"}
        return (restore, (self._origin[0], stem, type(self).__name__), state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._compilation is not None:
            self._compilation(self)


def restore(source: str, stem: str, name: str) -> Model:
    """An empty model of generated source, for unpickling."""
    kind = getattr(files.load(source, stem), name)
    return kind.__new__(kind)
