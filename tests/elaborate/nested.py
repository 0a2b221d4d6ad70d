"""Specs whose blocks call each other twice, level by level: few bodies, very many uses."""


def nested(depth: int, leaf: str = "{op: linear, in: x, dim: d}", params: str = "{}", arguments: str = "") -> str:
    """A spec in which the innermost of `depth` blocks, whose node is `leaf`, stands 2 ** (depth - 1) times.

    Every block has the `params`, and is given the `arguments`.
    """
    given = f", {arguments}" if arguments else ""
    lines = [
        "graphspec: 1",
        "name: nested",
        "params: {d: 8}",
        "axes: {B: batch, T: position}",
        "inputs: {start: B T d}",
        "blocks:",
    ]
    for level in range(depth):
        inner = f"{{block: level_{level + 1}, in: IN{given}}}"
        nodes = {"one": inner.replace("IN", "x"), "two": inner.replace("IN", "one")}
        nodes = nodes if level < depth - 1 else {"y": leaf}
        lines += [f"  level_{level}:", f"    in: {{x: B T d}}\n    params: {params}", "    nodes:"]
        lines += [f"      {name}: {node}" for name, node in nodes.items()]
        lines += [f"    out: {[*nodes][-1]}"]
    lines += [
        "nodes: {top: {block: level_0, in: start}}",
        "outputs: {y: top}",
        "contracts: [{causal: {output: y, input: start}}]",
    ]
    return "\n".join(lines) + "\n"
