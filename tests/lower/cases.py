"""Small specs that together use every operator in every way that is lowered differently."""

from __future__ import annotations

HEAD = """graphspec: 1
name: case
params: {{d: 8, heads: 4, kv: 2, e: 6, vocab: 11, win: 2, n: 3}}
axes: {{B: batch, T: position, S: position, H: {{size: 4, role: position}}, W: {{size: 4, role: position}}}}
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
    "norms of batches and groups": """
inputs: {x: B T d, y: B d, z: T d}
nodes:
  a: {op: batch_norm, in: x}
  b: {op: batch_norm, in: y, eps: 1e-3, momentum: 0.01}
  c: {op: batch_norm, in: a, weight: none}
  f: {op: batch_norm, in: c, bias: false}
  g: {op: batch_norm, in: f, weight: none, bias: false}
  h: {op: batch_norm, in: g, weight: w+1}
  i: {op: batch_norm, in: h, share: a}
  k: {op: group_norm, in: i, groups: heads}
  j: {op: group_norm, in: k, groups: kv, over: T, eps: 1e-3}
  m: {op: group_norm, in: z, groups: kv, over: T}
  o: {op: group_norm, in: j, groups: d, over: [T, B], weight: none, bias: false}
  p: {op: group_norm, in: o, groups: kv, weight: none}
  q: {op: group_norm, in: p, groups: kv, weight: w+1}
  r: {op: group_norm, in: b, groups: kv, share: k}
  s: {op: group_norm, in: r, groups: kv, bias: false}
  out: j + m + q + s
""",
    "convolutions": """
inputs: {x: B T d, y: T d}
nodes:
  a: {op: convolution, in: x, over: T, dim: e, kernel: n, padding: same}
  b: {op: convolution, in: a, over: T, dim: d, kernel: n, padding: causal, dilation: 2, bias: false}
  c: {op: convolution, in: b, over: T, dim: d, kernel: 2, padding: same, groups: d}
  f: {op: convolution, in: c, over: T, dim: 2 * d, kernel: 4, padding: [1, 2], groups: kv}
  g: {op: convolution, in: y, over: T, dim: d, kernel: 1}
  h: {op: convolution, in: x, over: T, dim: d, kernel: n, padding: 1, share: c2}
  c2: {op: convolution, in: g, over: T, dim: d, kernel: n, padding: 1}
  s: {op: convolution, in: f, over: T, dim: d, kernel: n, stride: 2, padding: same}
  v: {op: convolution, in: s, over: (T - 1) // 2 + 1, dim: d, kernel: 2}
  out: sum(v, (T - 1) // 2) + b + h + c2
""",
    "a convolution with a weight that is given": """
inputs: {x: B T d, table: d e n}
nodes:
  raw: {op: parameter, shape: [e, d // kv, n]}
  gain: {op: parameter, shape: [n]}
  length: sqrt(sum(sum(raw ** 2, e), d // kv))
  a: {op: convolution, in: x, weight: raw * (gain / length), over: T, dim: e, kernel: n, groups: kv, padding: same}
  b: {op: convolution, in: "a", weight: table, over: T, dim: d, kernel: n, padding: same, bias: false}
  out: sum(a, e) * b + x
""",
    "windows along several axes": """
inputs: {x: B H W e, y: B T H W e, z: H B e, u: B S H W kv}
nodes:
  a: {op: convolution, in: x, over: [H, W], dim: d, kernel: 2, stride: 2}
  b: {op: convolution, in: x, over: [W, H], dim: e, kernel: [3, 2], padding: [[1, 1], [1, 0]], groups: n}
  c: {op: convolution, in: y, over: [H, W], dim: e, kernel: 3, padding: same, dilation: [1, 2]}
  f: {op: convolution, in: y, over: T, dim: e, kernel: 2, padding: causal}
  g: {op: convolution, in: z, over: H, dim: e, kernel: 3, padding: same}
  i: {op: convolution, in: u, over: [S, H, W], dim: 4, kernel: [2, 3, 3], stride: [1, 2, 2], padding: same}
  j: {op: pool, in: a, over: [H // 2, W // 2], kind: mean, kernel: 2}
  k: {op: pool, in: x, over: [H, W], kind: max, kernel: 3, stride: 1, padding: same}
  m: {op: pool, in: y, over: [W, H], kind: mean, kernel: [2, 3], stride: 1, padding: same}
  out: b + g + k + sum(c + f + m, T) + mean(mean(mean(j, d), W // 4), H // 4) + sum(sum(sum(sum(i, S), (H + 1) // 2), (W + 1) // 2), 4)
""",
    "pools": """
inputs: {x: B T d, y: T, z: B T heads e}
nodes:
  a: {op: pool, in: x, over: T, kind: max, kernel: 2, stride: 1, padding: causal}
  b: {op: pool, in: x, over: T, kind: mean, kernel: n, stride: 1, padding: 1}
  c: {op: pool, in: x, over: T, kind: mean, kernel: n, stride: 1, padding: same, count_padding: true}
  f: {op: pool, in: x, over: T, kind: mean, kernel: n, stride: 1, padding: causal, count_padding: true}
  g: {op: pool, in: x, over: T, kind: mean, kernel: n, stride: 1, padding: causal}
  h: {op: pool, in: y, over: T, kind: max, kernel: n, stride: 1, padding: same}
  i: {op: pool, in: z, over: T, kind: max, kernel: 3, stride: 2, padding: [1, 1]}
  j: {op: pool, in: x, over: [T, d], kind: mean, kernel: 2}
  k: {op: pool, in: x, over: d, kind: max, kernel: 2}
  out: a + b + c + f + g + h + sum(sum(sum(i, (T - 1) // 2 + 1), heads), e) + sum(sum(j, T // 2), d // 2) + sum(k, d // 2)
""",
    "functions": """
inputs: {x: B T d}
nodes:
  a: exp(x) + sin(x) * cos(x) - tanh(x) / (1 + abs(x))
  b: sqrt(abs(a)) + log(1 + a ** 2) + sigmoid(a) + relu(a) + relu2(a)
  c: gelu(b) + gelu_tanh(b) - quick_gelu(b) + silu(b) * softplus(b)
  out: -c + min(c, 1) + max(c, 0.5) + min(c, b) + max(c, b)
""",
    "whole parts and rests": """
inputs: {x: B T d, ids: int B T, real: bool B T}
nodes:
  place: {op: index, over: T}
  a: place // n * 10 + place % n - (ids - 5) // 3 + (5 - ids) % 3
  b: floor(3 * x) - ceil(x / 2) + x // 0.5 + x % 0.7 + (7 // (1 + place)) + real // 1
  out: a + b * x
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
    "cumulative reductions": """
inputs: {x: B T d, real: bool B T}
nodes:
  a: cumsum(x, T) + cummax(x, d) - cummin(x, T)
  b: {op: reduce, in: x, over: T, kind: mean, cumulative: true}
  c: {op: reduce, in: b, over: d, kind: mean, cumulative: true, reverse: true}
  f: {op: reduce, in: c, over: T, kind: max, cumulative: true, reverse: true}
  g: {op: reduce, in: f, over: d, kind: sum, cumulative: true, reverse: true}
  share: {op: reduce, in: real, over: T, kind: mean, cumulative: true}
  any: {op: reduce, in: real, over: T, kind: max, cumulative: true}
  place: max(cumsum(real, T) - 1, 0)
  out: a + b + c + f + g + share + any + place
""",
    "the largest": """
inputs: {x: B T d, eligible: bool B T, good: bool T d}
nodes:
  a: {op: top, in: x, k: kv, axis: d}
  b: {op: top, in: x, k: 2, axis: T}
  c: {op: top, in: x, where: eligible, k: 2, axis: T}
  f: {op: top, in: x, where: good, k: n, axis: d}
  many: {op: top, in: x, k: 2 * T, axis: T}
  equal: {op: top, in: x * 0, k: 2, axis: T}
  rounded: {op: cast, in: x, to: int}
  g: {op: top, in: rounded * 1.0, k: 3, axis: d}
  out: x * a + 2 * x * b + 3 * x * c + 4 * x * f + 5 * x * many + 6 * x * equal + 7 * x * g
""",
    "parts of an axis": """
inputs: {x: B T d, y: B (T + 1) e}
nodes:
  a: {op: split, in: x, axis: d, into: {plain: n, turned: d - n}}
  b: {op: split, in: x, axis: d, into: [left, right]}
  c: {op: split, in: y, axis: T + 1, into: {first: 1, rest: T}}
  f: {op: split, in: x, axis: d, into: {one: 1, two: n, three: d - n - 1}}
  g: {op: split, in: x + 1, axis: d, into: {one: n, two: d - n}}
  h: {op: split, in: a, axis: n, into: {one: 1, two: n - 1}}
  sums: sum(a, n) * sum(a.turned, d - n) + sum(f.two, n) - sum(g.two, d - n) + sum(h.two, n - 1)
  out: b.left * b.right + sums + sum(c.rest, e) * sum(sum(c, e), 1)
""",
    "turning around": """
inputs: {x: B T d}
nodes:
  a: {op: flip, in: x, axis: T}
  b: {op: roll, in: a, axis: T, by: 2}
  c: {op: roll, in: b, axis: d, by: -3}
  far: {op: roll, in: c, axis: T, by: 7}
  whole: {op: roll, in: far, axis: T, by: 2 * T - 1}
  out: {op: flip, in: whole + a, axis: d}
""",
    "axes split, merged and reordered": """
inputs: {x: B T d, long: B (2 * T) d, square: B d (heads * kv) (heads * n)}
nodes:
  a: {op: rearrange, in: x, pattern: "B T (kv q) -> B kv T q", sizes: {q: d // kv}}
  b: {op: rearrange, in: a, pattern: "B kv T q -> B T (q kv)"}
  c: {op: rearrange, in: long, pattern: "B (T w) d -> B T (w d)"}
  f: {op: rearrange, in: c, pattern: "... (w r q) -> ... (r w q)", sizes: {w: 2, r: heads}}
  g: {op: rearrange, in: f, pattern: "B T k -> (B T) 1 k"}
  h: {op: rearrange, in: g, pattern: "(B T) 1 (w d) -> B (w T) d"}
  patches: {op: rearrange, in: square, pattern: "B m (r p) (s q) -> B (r s) (p q m)", sizes: {p: heads, q: n}}
  same: {op: rearrange, in: x, pattern: "B T d -> B T d"}
  turned: {op: rearrange, in: x, pattern: "B T d -> d T B"}
  both: sum(h, 2 * T) * same + b
  out: both + turned * mean(mean(patches, kv * heads), heads * n * d)
""",
    "places at the ends": """
inputs: {x: B T d, real: bool B T, ids: int B T}
nodes:
  a: {op: pad, in: x, axis: T, left: 1, right: n}
  b: {op: pad, in: a, axis: d, right: 2, value: -1.5}
  c: {op: pad, in: real, axis: T, left: 1, right: n, value: 1}
  f: {op: pad, in: ids, axis: T, left: 1, right: n, value: 7}
  g: {op: pad, in: real, axis: B, left: 1}
  out: b * c + f + sum(sum(g, B + 1), T)
""",
    "products summed over axes": """
inputs: {x: B T d, y: B T e, z: T d, w: S d, m: B S e}
nodes:
  outer: {op: contract, a: x, b: y}
  inner: {op: contract, a: outer, b: y, over: e}
  both: {op: contract, a: outer, b: x, over: [d, T]}
  square: {op: parameter, shape: [d, d]}
  turned: {op: contract, a: inner, b: square, over: d}
  pairs: {op: contract, a: z, b: w, over: d}
  mixed: {op: contract, a: pairs, b: m, over: S}
  small: {op: contract, a: z, b: mixed}
  gram: {op: contract, a: square, b: square, over: d}
  last: {op: contract, a: turned, b: gram}
  out: x * sum(small, e) + mean(sum(both, e), B) + sum(last, d')
""",
    "recurrences": """
inputs: {x: B T d, y: B T e, z: T d, first: B d, rate: d, share: heads, rows: T B heads}
nodes:
  a: {op: scan, in: x, decay: sigmoid(x), over: T}
  b: {op: scan, drive: a, decay: rate, over: T, reverse: true}
  c: {op: scan, drive: b, decay: z * 0 + 1, start: first, over: T}
  f: {op: scan, drive: z, decay: 2 * sigmoid(c) - 1, over: T, reverse: true, start: rate}
  g: {op: scan, drive: c, decay: tanh(c), over: d}
  h: {op: scan, drive: rows, decay: share, over: T}
  out: f + g + sum(h, heads)
""",
    "rows of one": """
inputs: {ids: int B T, x: B T d}
nodes:
  a: {op: one_hot, in: ids, size: vocab}
  b: {op: one_hot, in: ids - 3, size: d}
  out: sum(a, vocab) * b + x
""",
    "repeated along axes": """
inputs: {x: B T d, one: heads e, row: e}
nodes:
  twice: {op: rearrange, in: x, pattern: "B T d -> B (T 2) d"}
  tiled: {op: rearrange, in: x, pattern: "B T d -> B (r T) d", sizes: {r: n}}
  first: {op: rearrange, in: one, pattern: "heads e -> B 1 heads e"}
  inner: {op: rearrange, in: one, pattern: "heads e -> e B heads T"}
  all: {op: rearrange, in: row, pattern: "e -> T e 1"}
  keys: {op: rearrange, in: one, pattern: "heads e -> heads T T' e"}
  fine: {op: rearrange, in: x, pattern: "B T (kv p) -> B T p (kv heads)"}
  out:
    sum(twice, 2 * T) + sum(tiled, n * T) * sum(sum(sum(first, heads), 1), e) + sum(sum(inner, heads), e)
    + sum(sum(all, 1), e) + sum(sum(sum(keys, e), T'), heads) + sum(sum(fine, kv * heads), d // kv)
""",
    "second occurrences of axes": """
inputs: {x: B T d, pairs: B heads T T'}
nodes:
  keys: {op: rearrange, in: x, pattern: "B T d -> B T' d"}
  scores: {op: contract, a: x, b: keys, over: d}
  weights: softmax(scores, T')
  seen: {op: contract, a: weights, b: keys, over: T'}
  turned: {op: rearrange, in: pairs, pattern: "B heads T T' -> B heads T' T"}
  one: {op: rearrange, in: pairs, pattern: "B heads T T' -> B heads (T' T)"}
  both: {op: rearrange, in: one, pattern: "B heads (T' T) -> B T T' heads"}
  last: {op: select, in: both, axis: T', at: -1}
  square: {op: contract, a: x, b: x, over: T}
  second: {op: rearrange, in: x, pattern: "B T d -> B T d'"}
  table: {op: contract, a: x, b: second, over: T}
  row: {op: rearrange, in: "sum(table, d)", pattern: "B d' -> B d"}
  shown: max(pairs, T)
  back: {op: rearrange, in: shown, pattern: "B heads T' -> B heads T"}
  out: seen + sum(back + sum(turned, T'), heads) + sum(last, heads) + row * square
""",
    "rows by number": """
inputs: {x: B T d, ends: int B, picks: int B S, order: int B T, few: int S, one: int, along: int B T}
nodes:
  limit: {op: index, over: T}
  end: {op: gather, in: x, at: "min(ends, T - 1)", axis: T}
  some: {op: gather, in: x, at: "min(picks, T - 1)", axis: T}
  sorted: {op: gather, in: x, at: "min(order, T - 1)", axis: T}
  alike: {op: gather, in: x, at: "min(few, T - 1)", axis: T}
  last: {op: gather, in: x, at: "min(one, T - 1)", axis: T}
  feature: {op: gather, in: x, at: "min(along, d - 1)", axis: d}
  out: sorted + end + sum(some, S) * sum(alike, S) + last + feature + limit
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
    "positions that are told": """
inputs: {x: B T heads e, ids: int B T, order: int T, real: bool B T = true}
nodes:
  count: max(cumsum(real, T) - 1, 0)
  a: {op: rotary, in: x, at: ids}
  b: {op: rotary, in: a, at: order, layout: interleaved, dims: 4, scaling: {kind: linear, factor: 2}}
  c: {op: sinusoidal_position, at: count, dim: e}
  f: {op: sinusoidal_position, at: order, dim: e, layout: halves}
  h: {op: merge, in: b}
  g: {block: std.attention, in: h, heads: heads, mask: causal & real, rotary: {theta: 100, at: count}, repeat: 2}
  s: {op: heads, in: g, heads: heads}
  out: s + c + f
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
    "a token before every row": """
inputs: {x: B T d, y: B T d}
nodes:
  token: {op: parameter, shape: [1, d]}
  row: {op: parameter, shape: [d]}
  a: {op: concat, a: token, b: x, axis: T}
  b: {op: concat, a: y, b: token, axis: T + 1}
  c: {op: concat, a: a, b: row, axis: 2 * d}
  out: {op: concat, a: c, b: b, c: row, axis: "4 * d"}
""",
    "scores that fall with distance": """
inputs: {x: B T d, real: bool B T = true}
nodes:
  slopes: {op: alibi, over: T, heads: heads}
  a: {block: std.attention, in: x, heads: heads, mask: causal & real, scores: slopes}
  many: {op: alibi, over: T, heads: 6}
  q: {op: linear, in: a, dim: 6 * e}
  h: {op: heads, in: q, heads: 6}
  b: {op: attend, query: h, key: h, value: h, bias: many, scale: 0.5}
  out: {op: merge, in: b}
""",
    "learned scores by distance": """
inputs: {x: B T d}
nodes:
  near: {op: relative_bias, over: T, heads: heads, buckets: 8, distance: 6}
  past: {op: relative_bias, over: T, heads: heads, buckets: 4, distance: 5, direction: past}
  a: {block: std.attention, in: x, heads: heads, kv_heads: kv, mask: window(left=win), scores: near}
  b: {block: std.attention, in: a, heads: heads, mask: causal, scores: past}
  out: {block: std.attention, in: b, heads: heads, scores: near + 2 * past, repeat: 2}
""",
    "a sink and a bias of pairs": """
inputs: {x: B T heads e, pairs: B T T', real: bool B T = true}
nodes:
  sink: {op: parameter, shape: [heads], init: normal(1)}
  a: {op: attend, query: x, key: x, value: x, mask: causal & real, sink: sink}
  b: {op: attend, query: a, key: a, value: a, sink: sink, softcap: 3}
  c: {op: attend, query: b, key: b, value: b, bias: pairs, mask: real}
  f: {op: attend, query: c, key: c, value: c, bias: pairs, sink: sink}
  out: {op: attend, query: f, key: f, value: f, bias: pairs, sink: none}
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
    "experts of positions": """
inputs: {x: B T d, tint: e}
blocks:
  narrow:
    in: {x2: ... c, shade: m}
    nodes:
      inner: {op: linear, in: x2, dim: m}
      norm: {op: layer_norm, in: inner * shade}
    out: norm
nodes:
  scores: {op: linear, in: x, dim: n}
  best: {op: top, in: scores, k: kv, axis: n}
  a: {op: mixture, in: x, weight: "softmax(scores, n) * best", expert: std.gated_ffn, hidden: e}
  first: {block: std.softmax_router, in: a, experts: n, k: 1, normalise: false, scale: 3}
  b: {op: mixture, in: a, weight: first, expert: narrow, shade: tint}
  second: {block: std.sigmoid_router, in: b, experts: n, k: 2, normalise: true}
  c: {op: mixture, in: b, weight: second.weight, expert: std.ffn, hidden: 2 * e}
  out: c + first.loss * second.loss
""",
    "experts of rows, and of all places": """
inputs: {x: B T d, y: B T d, z: B H d}
blocks:
  mixer: {in: {x2: ... T c}, nodes: {f: {op: softmax, in: x2, over: T}, g: {op: linear, in: f, dim: c}}, out: g}
  pair: {in: {x2: B T c, by: B c}, nodes: {f: {op: linear, in: x2 * by, dim: c}}, out: f}
nodes:
  rows: {op: linear, in: "mean(x, T)", dim: n}
  best: {op: top, in: rows, k: 2, axis: n}
  a: {op: mixture, in: x, weight: rows * best, expert: mixer}
  b: {op: mixture, in: a, weight: rows, expert: std.attention, heads: heads, mask: causal}
  both: {op: linear, in: y, dim: n}
  c: {op: mixture, x2: b, by: "mean(y, T)", weight: both, expert: pair}
  every: {op: linear, in: z, dim: n}
  f: {op: mixture, in: z, weight: "softmax(every, n)", expert: std.ffn, hidden: e}
  g: {op: parameter, shape: n}
  h: {op: mixture, in: f, weight: g, expert: std.ffn, hidden: e}
  out: c + mean(h, H)
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
