"""Sizes known at run time alone: where the emitted code takes them from."""

from __future__ import annotations

import torch

import compiler
import graphspec

HALVED = """graphspec: 1
name: halved
params: {d: 8, heads: 2}
axes: {B: batch, F: position, S: {size: (F + 1) // 2, role: position}}
inputs: {x: B F d, real: bool B S = true}
nodes:
  half: {op: convolution, in: x, over: F, dim: d, kernel: 3, stride: 2, padding: 1}
  place: {op: sinusoidal_position, over: S, dim: d}
  y: {block: std.attention, in: half + place, heads: heads, mask: real}
outputs: {y: y}
"""
GROUPED = """graphspec: 1
name: grouped
params: {d: 8, k: 4}
axes: {B: batch, S: position, T: {size: S * k, role: position}}
inputs: {x: B T d}
nodes:
  groups: {op: rearrange, in: x, pattern: "B (S k) d -> B S (k d)"}
  place: {op: sinusoidal_position, over: S, dim: k * d}
  y: groups + place
outputs: {y: y}
"""


def compiled(text: str) -> torch.nn.Module:
    return compiler.compile(graphspec.loads(text), compiler.Target(device="cpu")).eval()


def test_a_derived_axis_is_not_read_from_an_input_that_may_be_left_out() -> None:
    model, x = compiled(HALVED), torch.randn(2, 7, 8)
    torch.testing.assert_close(model(x), model(x, torch.ones(2, 4, dtype=torch.bool)))


def test_an_axis_that_inputs_have_a_multiple_of() -> None:
    assert compiled(GROUPED)(torch.randn(2, 12, 8)).shape == (2, 3, 32)
