"""A model said in YAML alone: checked, proved, compiled, run forwards and backwards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

import compiler
import graphspec
from compiler.target import Target
from graphspec.analysis.contracts import verdicts
from graphspec.axes import Sizes, TensorType

HEAD = """graphspec: 1
name: said
params: {d: 8, heads: 2, c: 4, vocab: 11, n: 3, experts: 4}
axes: {B: batch, T: position, S: position, P: {size: 6, role: position}}
"""
LENGTHS = {"B": 2, "T": 6, "S": 5}


@dataclass
class Said:
    """What a spec says: its model with parameters of no special values, on random inputs."""

    text: str
    given: dict[str, Tensor]
    unlearnt: tuple[str, ...]

    def __post_init__(self) -> None:
        self.spec = graphspec.loads(HEAD + self.text)
        warned = [it for it in self.spec.warnings if it.code != "unused-parameter"]  # all share a head
        assert not warned, warned
        self.graph = self.spec.graph
        generator = torch.Generator().manual_seed(0)
        drawn = {it.name: self._draw(it.type, generator) for it in self.graph.body.inputs if it.default is None}
        self.inputs = {**drawn, **self.given}

    def _draw(self, kind: TensorType, generator: torch.Generator) -> Tensor:
        derived = self.graph.derived
        known = Sizes({**self.graph.sizes, **LENGTHS}, derived)
        sizes = [size for size in map(known.value, kind.sizes) if size]
        assert len(sizes) == len(kind.sizes), kind
        match kind.dtype:
            case "float":
                return torch.randn(sizes, generator=generator)
            case "int":
                return torch.randint(0, 11, sizes, generator=generator)
            case _:
                return torch.rand(sizes, generator=generator) < 0.6

    @cached_property
    def model(self) -> nn.Module:
        model = compiler.compile(self.graph, Target(device="cpu")).eval()
        with torch.no_grad():
            for at, tensor in enumerate(model.parameters()):
                tensor.copy_(0.5 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(at)) + 0.3)
        return model

    @cached_property
    def made(self) -> dict[str, Tensor]:
        """The outputs by name; every parameter got a gradient from them that is finite and not all zero."""
        found = self.model(**self.inputs)
        outputs = [found] if isinstance(found, Tensor) else list(found)
        total = sum((it * torch.linspace(-1, 2, it.numel()).view(it.shape)).sum() for it in outputs if it.requires_grad)
        assert isinstance(total, Tensor), "nothing is learnt"
        total.backward()
        for name, parameter in self.model.named_parameters():
            if not name.startswith(self.unlearnt):
                assert parameter.grad is not None, f"{name} gets no gradient"
                assert parameter.grad.isfinite().all(), f"{name} gets a gradient that is not finite"
                assert parameter.grad.abs().sum() > 0, f"{name} gets no gradient"
        return {name: it.detach() for (name, _), it in zip(self.graph.body.outputs, outputs, strict=True)}

    @property
    def y(self) -> Tensor:
        return self.made["y"]

    def weight(self, name: str) -> Tensor:
        return self.model.state_dict()[name]

    def __getitem__(self, name: str) -> Tensor:
        return self.inputs[name]

    @property
    def parameters(self) -> int:
        return sum(tensor.numel() for tensor in self.model.parameters())


def say(text: str, *, unlearnt: tuple[str, ...] = (), **given: Tensor) -> Said:
    """The model of inputs, blocks, nodes and contracts; its output is `y`, unless the text names others.

    Every contract must be proved, and every parameter must learn, but those whose names start with `unlearnt`.
    """
    said = Said(text if "\noutputs:" in text else f"{text}\noutputs: {{y: y}}\n", given, unlearnt)
    found = verdicts(said.graph)
    assert all(it.status == "proved" for it in found), found
    assert said.made
    return said


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def linear(said: Said, node: str, x: Tensor) -> Tensor:
    """The node's linear of `x`, by its tensors in the model."""
    state = said.model.state_dict()
    return nn.functional.linear(x, state[f"{node}.weight"], state.get(f"{node}.bias"))
