"""Small specs that together use every operator in every way that is lowered differently."""

from __future__ import annotations

HEAD = """graphspec: 1
name: case
params: {{d: 8, heads: 4, kv: 2, e: 6, vocab: 11, win: 2, n: 3}}
axes: {{B: batch, T: position, S: position}}
"""

# title -> (inputs, blocks and nodes, the last node being the output)
CASES: dict[str, str] = {
    "linear, with and without bias": """
inputs: {x: B T d}
nodes:
  a: {op: linear, in: x, dim: e}
  out: {op: linear, in: a, dim: 2 * d, bias: false}
""",
    "tied weights": """
inputs: {ids: int B T}
nodes:
  embedding: {op: embedding, in: ids, size: vocab, dim: d}
  again: {op: embedding, in: ids, share: embedding}
  plain: {op: linear, in: again, share: embedding, bias: false}
  biased: {op: linear, in: again, share: embedding}
  out: embedding + again + mean(plain, vocab) * mean(biased, vocab)
""",
    "a free parameter": """
inputs: {x: B T d}
nodes:
  scale: {op: parameter, shape: d}
  out: x * scale
""",
    "norms": """
inputs: {x: B T d}
nodes:
  a: {op: layer_norm, in: x}
  b: {op: layer_norm, in: a, bias: false, eps: 1e-3}
  c: {op: layer_norm, in: b, weight: none, bias: false}
  c2: {op: layer_norm, in: c, weight: none}
  c3: {op: layer_norm, in: c2, weight: w+1}
  e1: {op: rms_norm, in: c3}
  f: {op: rms_norm, in: e1, weight: none}
  out: {op: rms_norm, in: f, weight: w+1, eps: 1e-5}
""",
    "functions": """
inputs: {x: B T d}
nodes:
  a: exp(x) + sin(x) * cos(x) - tanh(x) / (1 + abs(x))
  b: sqrt(abs(a)) + log(1 + a ** 2) + sigmoid(a) + relu(a) + relu2(a)
  c: gelu(b) + gelu_tanh(b) - quick_gelu(b) + silu(b) * softplus(b)
  out: -c + min(c, 1) + max(c, 0.5) + min(c, b) + max(c, b)
""",
    "truth values": """
inputs: {x: B T d, real: bool B T}
nodes:
  a: x > 0
  b: "a and real or not (x < -1)"
  c: "where(b, x, 0) + where(real, x, 2 * x)"
  count: sum(real, T)
  share: mean(b, d)
  out: c * real + x * (1 - real) + share + count + (real + real)
""",
    "axes in another order": """
inputs: {x: B T d, y: T d, z: B d, w: B T, v: T, u: d}
nodes:
  a: y + x
  b: a * z - w
  c: v * u
  out: b / (2 + abs(c)) + v
""",
    "a precedence puzzle": """
inputs: {x: B T d}
nodes:
  a: (x + 1) * (x - 2) - (x - (3 - x)) / (2 * (1 + x * x))
  b: -x ** 2 + (-x) ** 2 + 2 ** -x
  out: a - (b - x) + (a - b) - x
""",
    "reductions": """
inputs: {x: B T d}
nodes:
  a: sum(x, T)
  b: mean(x, d)
  c: max(x, T) - min(x, T)
  f: argmax(x, d)
  g: softmax(x, T) + softmax(x, d)
  out: g + a + b + c + f
""",
    "moving": """
inputs: {x: B T d}
nodes:
  a: {op: shift, in: x, axis: T, by: 1}
  b: {op: shift, in: x, axis: T, by: -2}
  far: {op: shift, in: x, axis: T, by: 9}
  c: {op: concat, a: a, b: b, axis: d}
  f: {op: slice, in: c, axis: 2 * d, start: 1, stop: d + 1}
  first: {op: select, in: x, axis: T, at: 0}
  last: {op: select, in: x, axis: T, at: -1}
  two: {op: select, in: f, axis: d, at: 2}
  out: f + first * last + two + far
""",
    "slices of a run-time axis": """
inputs: {x: B T d}
nodes:
  a: {op: slice, in: x, axis: T, start: 1}
  b: {op: slice, in: x, axis: T, stop: T - 1}
  out: a * b
""",
    "sizes that must be solved for": """
inputs: {x: B (2 * T + 1) d}
nodes:
  out: {op: slice, in: x, axis: 2 * T + 1, start: T, stop: 2 * T}
""",
    "kinds of numbers": """
inputs: {x: B T d, ids: int B T}
nodes:
  a: {op: cast, in: ids, to: float}
  b: {op: cast, in: x, to: bool}
  c: {op: cast, in: b, to: int}
  f: {op: stop_gradient, in: x}
  out: x * a + c * f
""",
    "positions": """
inputs: {x: B T d, ids: int B T}
nodes:
  a: {op: sinusoidal_position, over: T, dim: d}
  b: {op: sinusoidal_position, over: T, dim: d, layout: halves, theta: 100}
  c: {op: learned_position, size: 20, dim: d, over: T}
  f: {op: learned_position, size: 20, dim: d, over: T, offset: 2}
  g: {op: learned_position, at: ids, size: 20, dim: d}
  h: {op: learned_position, at: ids, size: 20, dim: d, offset: 3}
  i: {op: index, over: T}
  out: x + a + b + c + f + g + h + i
""",
    "rotary": """
inputs: {x: B T heads e}
nodes:
  a: {op: rotary, in: x}
  b: {op: rotary, in: a, theta: 100, dims: 4}
  c: {op: rotary, in: b, layout: interleaved}
  out: {op: rotary, in: c, layout: interleaved, dims: 2}
""",
    "stretched rotary": """
inputs: {x: B T heads e}
nodes:
  a: {op: rotary, in: x, scaling: {kind: linear, factor: 4}}
  b: {op: rotary, in: a, scaling: {kind: ntk, factor: 2.5}}
  c: {op: rotary, in: b, theta: 100, scaling: {kind: dynamic, factor: 2, original: 3}}
  f: {op: rotary, in: c, theta: 50, scaling: {kind: yarn, factor: 4, original: 400, fast: 8}}
  g: {op: rotary, in: f, theta: 50, scaling: {kind: yarn, factor: 4, original: 400, truncate: false, attention: 1.5}}
  h: {op: rotary, in: g, theta: 50, scaling: {kind: llama3, factor: 8, original: 30}}
  i: {op: rotary, in: h, scaling: {kind: longrope, short: [1, 1.5, 2], long: [2, 3, 4], original: 4, attention: 1.2}}
  out: {op: rotary, in: i, scaling: none}
""",
    "attention": """
inputs: {x: B T d}
nodes:
  out: {block: std.attention, in: x, heads: heads, mask: causal}
""",
    "cross attention": """
inputs: {x: B T d, memory: B S e}
nodes:
  out: {block: std.attention, in: x, context: memory, heads: heads}
""",
    "grouped attention": """
inputs: {x: B T d}
nodes:
  turned: {block: std.attention, in: x, heads: heads, kv_heads: kv, mask: window(left=win), rotary: {theta: 100}}
  out: {block: std.attention, in: turned, heads: heads, kv_heads: 1, mask: causal, bias: false}
""",
    "attention with a bound and a scale": """
inputs: {q: B T heads e, k: B T kv e, v: B T kv d}
nodes:
  a: {op: attend, query: q, key: k, value: v, mask: causal, softcap: 2.0}
  b: {op: attend, query: q, key: k, value: v, softcap: 2.0, scale: 0.3}
  c: {op: attend, query: q, key: k, value: v, mask: causal, scale: 0.3}
  out: a + b + c
""",
    "weights of attention": """
inputs: {q: B T heads e, k: B T kv e, v: B T kv e}
nodes:
  a: {op: attend, query: q, key: k, value: v, mask: causal & dilated(2)}
  out: sum(a.weights, heads)
""",
    "no batch": """
inputs: {q: T heads e, k: T kv e, v: T kv e}
nodes:
  a: {op: attend, query: q, key: k, value: v, mask: causal}
  out: {op: attend, query: a, key: k, value: v, mask: "window(left=1, right=1)"}
""",
    "two leading axes": """
inputs: {q: B S T heads e, k: B S T kv e, v: B S T kv e, real: bool B T}
nodes:
  a: {op: attend, query: q, key: k, value: v, mask: causal}
  out: {op: attend, query: a, key: k, value: v, mask: real}
""",
    "repeats": """
inputs: {x: B T d}
blocks:
  step:
    in: {y: B T d}
    params: {scale: number = 1}
    nodes: {a: {op: linear, in: y, dim: d}}
    out: {first: y + scale * tanh(a), aux: a}
nodes:
  once: {block: step, in: x}
  many: {block: step, in: once, repeat: n}
  tied: {block: step, in: many, repeat: n, share: true}
  each: {block: step, in: tied, repeat: 3, each: {scale: [1, 2, 3]}}
  cycle: {block: step, in: each, repeat: 5, cycle: {scale: [1, 2]}}
  out: cycle + mean(sum(many.aux, n), d)
""",
    "nested repeats": """
inputs: {x: B T d}
blocks:
  inner:
    in: {y: B T d}
    nodes:
      a: {op: linear, in: y, dim: d}
      f: {block: std.attention, in: a, heads: heads, mask: causal, rotary: {theta: 10}}
    out: y + f
  outer:
    in: {z: B T d}
    nodes: {b: {block: inner, in: z, repeat: 2}}
    out: z + b
nodes:
  out: {block: outer, in: x, repeat: 2}
""",
    "masks that take turns": """
inputs: {x: B T d, real: bool B T = true}
masks: {near: "causal & window(left=win) & real"}
blocks:
  stage:
    in: {y: B T d}
    params: {mask: mask}
    nodes: {attention: {block: std.attention, in: y, heads: heads, mask: mask}}
    out: y + attention
nodes:
  out: {block: stage, in: x, repeat: 5, cycle: {mask: [near, near, causal]}}
""",
    "masks of tensors": """
inputs:
  {x: B T d, y: B S d, real: bool B S, ids: int B T, pairs: bool B T T', same: bool T T', cross: bool B T S}
nodes:
  a: {block: std.attention, in: x, heads: heads, mask: documents(ids) & causal}
  b: {block: std.attention, in: a, heads: heads, mask: graph(pairs) | causal}
  c: {block: std.attention, in: b, heads: heads, mask: graph(same)}
  f: {block: std.attention, in: c, heads: heads, mask: ~causal}
  g: {block: std.attention, in: f, context: y, heads: heads, mask: real}
  h: {block: std.attention, in: g, context: y, heads: heads, mask: ~real & prefix(2)}
  out: {block: std.attention, in: h, context: y, heads: heads, mask: cross & real}
""",
    "masks of computed tensors": """
inputs: {x: B T d, real: bool B T = true}
blocks:
  stage:
    in: {y: B T d}
    nodes:
      near: mean(y, d) > 0
      attention: {block: std.attention, in: y, heads: heads, mask: near & real}
    out: y + attention
nodes:
  out: {block: stage, in: x, repeat: 2}
""",
    "defaults": """
inputs: {x: B T d, y: B T d = x, real: bool B T = true, shift_: int B = 2, gain: B = 0.5}
nodes:
  a: {block: std.attention, in: x, heads: heads, mask: real}
  out: (a + y) * real * gain + shift_
""",
}


def spec(body: str) -> str:
    """A case as a whole spec."""
    return f"{HEAD.format()}{body}outputs: {{out: out}}\n"
