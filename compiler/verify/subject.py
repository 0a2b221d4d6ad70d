"""A compiled model run in one way: by one lowering, in one mode, with random draws that are always the same."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from compiler.verify.inputs import Inputs
from compiler.verify.lowerings import Lowering, open_graph

Mode = Literal["evaluation", "training"]
MODES: tuple[Mode, ...] = ("evaluation", "training")

FAILS = (RuntimeError, ValueError, IndexError, TypeError)
"""What running a model at lengths that do not suit it, or by a kernel that does not, may raise."""

_DROPPED_AT = 4
"""Where the probability of dropping stands among the arguments of torch's attention."""


class NoDropout(TorchFunctionMode):
    """Dropping nothing, whatever a module in training asks for."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = getattr(func, "__name__", ""), dict(kwargs or {})
        if name == "scaled_dot_product_attention":
            args = tuple(0.0 if at == _DROPPED_AT else it for at, it in enumerate(args))
            kwargs |= {"dropout_p": 0.0} if "dropout_p" in kwargs else {}
        elif "dropout" in name:
            return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)


@dataclass(frozen=True)
class Subject:
    """One way of running a model. `drops`: whether training may drop; `low`: the type of autocast, if any."""

    lowering: Lowering
    mode: Mode
    low: torch.dtype | None = None
    compiled: bool = False

    def can_give(self, names: Sequence[str]) -> bool:
        """Whether the values can be had: inner ones not of a compiled model, nameless ones only of a plain one."""
        outputs = {name for name, _ in self.lowering.model.graph.body.outputs}
        if outputs.issuperset(names) and not self.lowering.reads:
            return True
        return not self.compiled and set(names) <= open_graph(self.lowering.model.graph).keys()

    def values(self, names: Sequence[str], inputs: Inputs, *, drops: bool = True) -> dict[str, Tensor]:
        """Outputs, nodes or paths of nodes by name."""
        model = self.lowering.model
        model.train(self.mode == "training")
        stops = NoDropout() if not drops and not self.compiled else contextlib.nullcontext()
        with self._calmly(), self.lowering.forced(), stops:
            outputs = [name for name, _ in model.graph.body.outputs]
            if not self.lowering.reads and set(names) <= set(outputs):
                made = model(**self._arguments(inputs))
                values = (made,) if isinstance(made, Tensor) else made
                found = dict(zip(outputs, values, strict=True))
                return {name: found[name].detach() for name in names}
            paths = [open_graph(model.graph).get(name, name) for name in names]
            asked = dict.fromkeys([*paths, *self.lowering.reads])
            found = model.capture(*asked, **self._arguments(inputs))
            return {name: found[path].detach() for name, path in zip(names, paths, strict=True)}

    def _arguments(self, inputs: Inputs) -> dict[str, Tensor]:
        """The inputs under the names that they have in Python."""
        model = self.lowering.model
        names = inspect.signature(model.forward).parameters
        known = zip(names, model.graph.body.inputs, strict=True)
        return {name: inputs[source.name] for name, source in known if source.name in inputs}

    @contextlib.contextmanager
    def _calmly(self) -> Iterator[None]:
        """No gradients, the same random draws in every run, and buffers as they were."""
        model = self.lowering.model
        device = next((it.device for it in model.parameters()), torch.device("cpu"))
        kept = {name: it.clone() for name, it in model.named_buffers()} if self.mode == "training" else {}
        low = torch.autocast(device.type, self.low) if self.low else contextlib.nullcontext()
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []), low:
            torch.manual_seed(0)
            try:
                yield
            finally:
                for name, buffer in model.named_buffers():
                    if name in kept:
                        buffer.copy_(kept[name])
