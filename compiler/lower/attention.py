"""Attention by the kernel that the passes chose for it (`compiler.passes.kernels`).

A query that sees no key gets zeros, and so does its gradient. On the CPU all kernels of torch keep to this; on CUDA not
all do, so a mask that may leave a query without keys goes through `runtime.masked_attention` there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from compiler.lower.align import align
from compiler.lower.code import CONDITIONAL, PRODUCT, Code, atom, call, conditional, infix, method
from compiler.lower.masks import PAIR, mask, sees_something
from compiler.lower.site import Lowering, Site
from compiler.passes.internal import Attention
from compiler.passes.kernels import packed
from graphspec.axes import Axis
from graphspec.masks import Window
from graphspec.operators.pointwise import aligned


def attention(at: Site) -> Code | tuple[Code, ...]:
    does = cast(Attention, at.does)
    match does.choice.kernel:
        case "explicit":
            return _explicit(at, does)
        case "flex":
            return _flex(at, does)
        case "varlen":
            return _packed(at, does)
        case "sdpa":
            return _biased(at, does) if at.has("bias") else _fused(at, does)


def _fused(at: Site, does: Attention) -> Code:
    """`F.scaled_dot_product_attention`, which wants heads before positions."""
    axes = ("1", "2") if len(at.type("query").axes) == 4 else ("-3", "-2")
    on_cuda, groups = at.scope.unit.target.device == "cuda", _groups(at)
    guarded = on_cuda and at.has("mask") and not sees_something(does.mask)
    repeated = groups if groups and on_cuda and at.has("mask") and not guarded else None
    query, key, value = at.read("query"), _repeated(at, "key", repeated), _repeated(at, "value", repeated)
    function = at.scope.unit.use("masked_attention") if guarded else "F.scaled_dot_product_attention"
    mask = at.variable("mask") if at.has("mask") else None
    _tell_fused(at, does, mask, guarded)
    made = call(
        function,
        *(method(code, "transpose", *axes) for code in (query, key, value)),
        attn_mask=mask,
        dropout_p=_dropout(at, does),
        is_causal=_is_causal(does, mask),
        scale=None if does.scale is None else at.number(does.scale),
        enable_gqa="True" if groups and not repeated else None,
    )
    return method(made, "transpose", *axes)


def _biased(at: Site, does: Attention) -> Code:
    """The fused kernels take a bias in the place of a mask: what is not seen has the lowest score."""
    _tell(at, does, "SDPA, mask tensor", "a bias is added to the scores")
    return at.runtime(
        "biased_attention",
        *(at.read(port) for port in ("query", "key", "value")),
        _bias(at),
        *([at.variable("mask")] if at.has("mask") else []),
        dropout_p=_dropout(at, does),
        scale=None if does.scale is None else at.number(does.scale),
        enable_gqa="True" if _groups(at) else None,
    )


def _bias(at: Site) -> Code:
    """What is added to the scores, so that it lies along heads, queries and keys."""
    return align(at.read("bias"), at.type("bias").axes, _weights_axes(at), at.scope.unit.sizes)


def _is_causal(does: Attention, mask: Code | None) -> str | None:
    """Never both a mask and `is_causal`, which torch would silently combine or ignore."""
    if not does.causal:
        return None
    return "True" if mask is None else f"{mask} is None"


def _dropout(at: Site, does: Attention) -> Code | None:
    if does.dropout.value == 0:
        return None
    return conditional(at.number(does.dropout), Code("self.training"), Code("0.0"))


def _groups(at: Site) -> Code | None:
    """How many query heads share a key head, if more than one."""
    heads, key_heads = at.type("query").sizes[-2], at.type("key").sizes[-2]
    if at.same(heads, key_heads):
        return None
    quotient = at.scope.unit.sizes.quotient(heads, key_heads)
    assert quotient is not None, f"{key_heads} key heads do not divide {heads} heads"
    return at.size(quotient)


def _repeated(at: Site, port: str, groups: Code | None) -> Code:
    code = at.read(port)
    return method(code, "repeat_interleave", groups, dim="-2") if groups else code


def _explicit(at: Site, does: Attention) -> tuple[Code, ...]:
    """Products, softmax and sum one by one, for what the fused kernels cannot do or do not give."""
    groups = _groups(at)
    key, value = _repeated(at, "key", groups), _repeated(at, "value", groups)
    scores = call("torch.einsum", '"...thc,...khc->...htk"', at.read("query"), key)
    width = at.type("query").sizes[-1]
    if does.scale is None:
        scores = infix("/", scores, call("math.sqrt", at.size(width)))
    else:
        scores = infix("*", at.number(does.scale), scores)
    _tell(at, does, "written out")
    scores = at.scope.say("scores", scores, _weights_type(at))
    if does.softcap is not None:
        cap = at.number(does.softcap)
        at.scope.say_again(scores, infix("*", cap, call("torch.tanh", infix("/", scores, cap))))
    if at.has("bias"):
        at.scope.say_again(scores, infix("+", scores, _bias(at)))
    mask = at.read("mask") if at.has("mask") else None
    sink = at.read("sink") if at.has("sink") else None
    if mask or sink:
        weights = at.runtime("masked_softmax", scores, mask or "None", sink=sink)
    else:
        weights = method(scores, "softmax", "-1")
    weights = at.scope.say("weights", weights)
    dropped = weights
    if does.dropout.value != 0:
        dropped = call("F.dropout", weights, at.number(does.dropout), "self.training")
    return call("torch.einsum", '"...htk,...khe->...the"', dropped, value), weights


def _weights_axes(at: Site) -> tuple[Axis, ...]:
    """Those of the scores: leading ones, heads, queries, keys."""
    *lead, query, heads, _ = at.type("query").axes
    key = at.type("key").axes[-3]
    return (*lead, heads, query, Axis(key.size, primed=query.size == key.size))


def _weights_type(at: Site) -> str:
    return " ".join(map(str, _weights_axes(at)))


# -- FlexAttention ----------------------------------------------------------------------------------------------------


def _flex(at: Site, does: Attention) -> Code:
    """FlexAttention: what is seen as a block mask, what is done to the scores as a function of one score."""
    _tell(at, does, f"flex, {'block mask' if at.has('mask') else 'no mask'}", _what_flex_does(at, does))
    return at.runtime(
        "flexible_attention",
        *(at.read(port) for port in ("query", "key", "value")),
        *([at.variable("mask")] if at.has("mask") else []),
        score=_score(at, does),
        sink=at.read("sink") if at.has("sink") else None,
        scale=None if does.scale is None else at.number(does.scale),
    )


def _what_flex_does(at: Site, does: Attention) -> str:
    ports = {"a bias": "bias", "ALiBi": "slopes", "a sink": "sink"}
    extras = ["a bound of the scores"] * (does.softcap is not None)
    return ", ".join([f"`{does.mask}`", *extras, *(name for name, port in ports.items() if at.has(port))])


def _score(at: Site, does: Attention) -> Code | None:
    """A function of one score, where the scores are bounded or get a bias."""
    if does.softcap is None and not at.has("bias") and not at.has("slopes"):
        return None
    bias, slopes = (at.variable(port) if at.has(port) else None for port in ("bias", "slopes"))
    with at.scope.names.borrowed("score", *PAIR) as (score, *pair):
        made = atom(score)
        if does.softcap is not None:
            cap = at.number(does.softcap)
            made = infix("*", cap, call("torch.tanh", infix("/", made, cap)))
        if bias is not None:
            made = infix("+", made, _of_pair(at, bias, pair))
        if slopes is not None:
            made = infix("-", made, Code(f"{slopes}[{pair[1]}] * ({pair[2]} - {pair[3]}).abs()", PRODUCT))
        return Code(f"lambda {', '.join((score, *pair))}: {made}", CONDITIONAL)


def _of_pair(at: Site, bias: Code, pair: Sequence[str]) -> Code:
    """The bias of one pair of positions."""
    places = aligned(at.type("bias").axes, _weights_axes(at), at.scope.unit.sizes)
    order = sorted((axis, name) for axis, name in zip(places, pair, strict=True) if axis is not None)
    return atom(f"{bias}[{', '.join(name for _, name in order)}]") if order else bias


# -- documents --------------------------------------------------------------------------------------------------------


def _packed(at: Site, does: Attention) -> Code:
    """Attention of variable lengths: a sequence for each document, and a window in it."""
    found = packed(does.mask)
    assert found is not None, f"{does.mask} is not of documents"
    _, window = found
    _tell(at, does, "varlen", f"`{does.mask}` by where documents begin")
    sides = [Code("-1") if side is None else at.size(side) for side in (window.left, window.right)]
    return at.runtime(
        "packed_attention",
        *(at.read(port) for port in ("query", "key", "value")),
        at.variable("mask"),
        window=None if window == Window() else Code(f"({', '.join(map(str, sides))})"),
        scale=None if does.scale is None else at.number(does.scale),
    )


# -- what is told -----------------------------------------------------------------------------------------------------


def _tell_fused(at: Site, does: Attention, mask: Code | None, guarded: bool) -> None:
    if mask is None:
        _tell(at, does, "SDPA, is_causal" if does.causal else "SDPA", f"`{does.mask}` needs no mask tensor")
        return
    why = f"`{does.mask}`"
    why += ", causal alone where no tensor is given" if does.causal else ""
    why += "; guarded, for a query may see no key" if guarded else ""
    _tell(at, does, "SDPA, is_causal or a mask tensor" if does.causal else "SDPA, mask tensor", why)


def _tell(at: Site, does: Attention, kernel: str, why: str = "") -> None:
    at.chose(str(does.mask), kernel, "; ".join(filter(None, (why, does.choice.why))))


LOWERINGS: Mapping[str, Lowering] = {"attention": attention, "mask": mask}
