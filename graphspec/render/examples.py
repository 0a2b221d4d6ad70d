"""An example of every operator and of every block of the standard library, for the reference.

Each is the inputs and the nodes of a spec; `spec_text` puts around them the parameters and axes that they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

PARAMETERS = {"d": 64, "heads": 4, "kv_heads": 2, "c": 16, "vocab": 1000, "patch": 16, "experts": 8}
AXES = {"B": "batch", "T": "position", "S": "position", "H": "position", "W": "position"}

_QKV = "query: B T heads c, key: B T heads c, value: B T heads c"

EXAMPLES: Mapping[str, tuple[str, str]] = {
    "linear": ("x: B T d", "up: {op: linear, in: x, dim: 4 * d}"),
    "embedding": (
        "tokens: {type: int B T, below: vocab}",
        "embedding: {op: embedding, in: tokens, size: vocab, dim: d}",
    ),
    "parameter": (
        "x: B T d",
        """
        gain: {op: parameter, shape: [d], init: ones}
        scaled: gain * x
        """,
    ),
    "one_hot": (
        "tokens: {type: int B T, below: vocab}",
        """
        rows: {op: one_hot, in: tokens, size: vocab}
        used: max(rows, T)
        """,
    ),
    "contract": (
        "query: B T heads c, key: B T heads c",
        """
        keys: {op: rearrange, in: key, pattern: "B T heads c -> B T' heads c"}
        scores: {op: contract, a: query, b: keys, over: c}
        attended: {op: contract, a: "softmax(scores, T')", b: keys, over: T'}
        """,
    ),
    "scan": (
        "value: B T d, gate: B T d",
        """
        forget: sigmoid(gate)
        state: {op: scan, in: (1 - forget) * value, decay: forget, over: T}
        """,
    ),
    "convolution": (
        "image: B H W c",
        "patches: {op: convolution, in: image, over: [H, W], dim: d, kernel: patch, stride: patch}",
    ),
    "pool": ("image: B H W c", "halved: {op: pool, in: image, over: [H, W], kind: max, kernel: 2}"),
    "heads": ("x: B T d", "query: {op: heads, in: x, heads: heads}"),
    "merge": ("x: B T heads c", "merged: {op: merge, in: x}"),
    "attend": (
        "query: B T heads c, key: B T kv_heads c, value: B T kv_heads c, real: bool B T",
        "attended: {op: attend, query: query, key: key, value: value, mask: causal & real}",
    ),
    "layer_norm": ("x: B T d", "norm: {op: layer_norm, in: x, eps: 1e-6}"),
    "rms_norm": ("x: B T d", "norm: {op: rms_norm, in: x, weight: w+1}"),
    "batch_norm": ("image: B H W d", "norm: {op: batch_norm, in: image}"),
    "group_norm": ("image: B H W d", "norm: {op: group_norm, in: image, groups: 8, over: [H, W]}"),
    "index": (
        "x: B T d",
        """
        place: {op: index, over: T}
        start: where(place < 4, x, 0)
        """,
    ),
    "sinusoidal_position": (
        "x: B T d",
        """
        position: {op: sinusoidal_position, over: T, dim: d}
        placed: x + position
        """,
    ),
    "learned_position": (
        "x: B T d",
        """
        position: {op: learned_position, over: T, size: 512, dim: d}
        placed: x + position
        """,
    ),
    "rotary": (
        "query: B T heads c",
        "turned: {op: rotary, in: query, theta: 500000, scaling: {kind: linear, factor: 4}}",
    ),
    "alibi": (
        _QKV,
        """
        slopes: {op: alibi, over: T, heads: heads}
        attended: {op: attend, query: query, key: key, value: value, bias: slopes, mask: causal}
        """,
    ),
    "relative_bias": (
        _QKV,
        """
        near: {op: relative_bias, over: T, heads: heads, direction: past}
        attended: {op: attend, query: query, key: key, value: value, bias: near, scale: 1, mask: causal}
        """,
    ),
    "dropout": (
        "x: B T d",
        """
        dropped: {op: dropout, in: x, p: 0.1}
        mid: x + dropout(dropped, 0.1)
        """,
    ),
    "reduce": (
        "x: B T d, real: bool B T",
        """
        seen: {op: reduce, in: real, over: T, kind: sum, cumulative: true}
        mean: sum(x * real, T) / sum(real, T)
        summary: {op: reduce, in: x * (seen > 0) - mean, over: T, kind: max}
        """,
    ),
    "softmax": (
        "scores: B T experts",
        """
        gates: {op: softmax, in: scores, over: experts}
        again: softmax(gates, experts)
        """,
    ),
    "select": ("x: B T d", "first: {op: select, in: x, axis: T, at: 0}"),
    "slice": ("x: B T d", "rest: {op: slice, in: x, axis: T, start: 1}"),
    "split": (
        "x: B T (3 * d)",
        """
        parts: {op: split, in: x, axis: 3 * d, into: [query, key, value]}
        mixed: parts.query * parts.key
        """,
    ),
    "pad": ("x: B T d", "padded: {op: pad, in: x, axis: T, left: 2}"),
    "shift": ("x: B T d", "before: {op: shift, in: x, axis: T, by: 1}"),
    "flip": ("x: B T d", "backwards: {op: flip, in: x, axis: T}"),
    "roll": ("image: B H W c", "moved: {op: roll, in: image, axis: W, by: -2}"),
    "concat": (
        "x: B T d",
        """
        first: {op: parameter, shape: [1, d]}
        all: {op: concat, a: first, b: x, axis: T}
        """,
    ),
    "cast": (
        "real: bool B T",
        """
        ones: {op: cast, in: real, to: float}
        count: sum(ones, T)
        """,
    ),
    "stop_gradient": ("x: B T d", "held: {op: stop_gradient, in: x}"),
    "rearrange": (
        "x: B T d",
        'split: {op: rearrange, in: x, pattern: "B T (heads n) -> B heads T n"}',
    ),
    "top": (
        "scores: B T experts",
        """
        chosen: {op: top, in: scores, k: 2, axis: experts}
        gates: chosen * softmax(scores, experts)
        """,
    ),
    "mixture": (
        "x: B T d",
        """
        router: {block: std.softmax_router, in: x, experts: experts, k: 2}
        ffn: {op: mixture, in: x, weight: router.weight, expert: std.gated_ffn, hidden: 4 * d}
        """,
    ),
    "gather": ("x: B T d, last: int B", "taken: {op: gather, in: x, at: last, axis: T}"),
    "std.attention": (
        "x: B T d, real: bool B T",
        """
        attention:
          {block: std.attention, in: x, heads: heads, kv_heads: kv_heads, mask: causal & real, rotary: {theta: 10000}}
        """,
    ),
    "std.ffn": ("x: B T d", "ffn: {block: std.ffn, in: x, hidden: 4 * d, activation: gelu}"),
    "std.gated_ffn": ("x: B T d", "ffn: {block: std.gated_ffn, in: x, hidden: 3 * d, bias: false}"),
    "std.encoder_layer": (
        "x: B T d, real: bool B T",
        "encoder: {block: std.encoder_layer, in: x, repeat: 6, heads: heads, hidden: 4 * d, mask: real, drop: 0.1}",
    ),
    "std.pre_norm_encoder_layer": (
        "x: B T d",
        "layers: {block: std.pre_norm_encoder_layer, in: x, repeat: 6, heads: heads, hidden: 4 * d, mask: causal}",
    ),
    "std.softmax_router": ("x: B T d", "router: {block: std.softmax_router, in: x, experts: experts, k: 2}"),
    "std.sigmoid_router": ("x: B T d", "router: {block: std.sigmoid_router, in: x, experts: experts, k: 2}"),
    "std.decoder_layer": (
        "x: B T d, memory: B S d",
        "decoder: {block: std.decoder_layer, in: x, memory: memory, repeat: 6, heads: heads, hidden: 4 * d}",
    ),
}


def fragment(name: str) -> str:
    """The inputs and nodes of an example, as they stand in a spec; empty where there is none."""
    if name not in EXAMPLES:
        return ""
    inputs, nodes = EXAMPLES[name]
    lines = [line.removeprefix(" " * 8) for line in nodes.strip("\n").splitlines() if line.strip()]
    return "\n".join([f"inputs: {{{inputs}}}", "nodes:", *(f"  {line}" for line in lines)])


def spec_text(body: str) -> str:
    """A whole spec around inputs and nodes; its output is the last node."""
    words = set(re.findall(r"\w+", body))
    last = re.findall(r"^  (\w+):", body, re.MULTILINE)[-1]
    frame = {
        "params": _map({name: str(value) for name, value in PARAMETERS.items() if name in words}),
        "axes": _map({name: role for name, role in AXES.items() if name in words}),
    }
    return "\n".join(["graphspec: 1", "name: example", *_sections(frame), body, f"outputs: {{{last}: {last}}}", ""])


def _sections(frame: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in frame.items() if value != "{}")


def _map(entries: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{name}: {value}' for name, value in entries.items())}}}"
