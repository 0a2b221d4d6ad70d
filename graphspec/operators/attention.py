"""Attention and what stands around it: splitting features into heads, merging them again."""

from collections.abc import Mapping, Sequence

from graphspec.axes import Axis, Dim, Number, Sizes, TensorType, dim, product
from graphspec.masks import Causal, Chunk, Dilated, Documents, Everything, Mask, Prefix, Window, atoms, ports
from graphspec.operators.declare import Operator, Saved, Use, operator
from graphspec.operators.flow_attention import Attends
from graphspec.operators.flow_moves import MergesLast, SplitsLast
from graphspec.operators.pointwise import aligned
from graphspec.operators.signature import Mismatch, Port, Signature


@operator("heads", family="shape")
class Heads(Operator):
    """Split the last axis into `heads` equal parts: the rows of head 0 come first."""

    heads: Dim

    signature = Signature("x: ... (heads * c) -> y: ... heads c")
    saves, view = (), True
    flow = SplitsLast()

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * 0

    @property
    def look(self) -> tuple[str, str]:
        return self.family, "split heads"


@operator("merge", family="shape")
class Merge(Operator):
    """Join the last two axes, the inverse of `heads`."""

    signature = Signature("x: ... h c -> y: ... (h * c)")
    saves, view = (), True
    flow = MergesLast()

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * 0

    @property
    def look(self) -> tuple[str, str]:
        return self.family, "merge heads"


@operator("attend", family="attention")
class Attend(Operator):
    """Scaled dot-product attention: a weighted mean of values, the weights a softmax of query-key products.

    Query head `h` reads key head `h // (heads / kv_heads)`. `scale` (no unit) multiplies the products,
    `1 / sqrt(c)` by default; `softcap` (no unit) bounds them to `softcap * tanh(s / softcap)`; then `bias` is added,
    a tensor with any of the axes `... h T K'`. `sink`, one number a head, is one more score that weighs no value.
    `dropout` is the probability of dropping a weight in training. A query that may see no key gets zeros. Tensors that
    the mask reads come through ports of their own, named as in the mask.

    Source: Vaswani et al. 2017, eq. 1; grouped heads: Ainslie et al. 2023; softcap: Gemma 2 report, section 2; bias:
    Raffel et al. 2020, section 2.1; sink: Agarwal et al. 2025 (gpt-oss), section 2.
    """

    mask: Mask = Everything()
    scale: Number | None = None
    softcap: Number | None = None
    dropout: Number = Number.of(0)

    signature = Signature("query: ... T h c, key: ... K g c, value: ... K g e -> out: ... T h e, weights: ... h T K'")
    flow = Attends()

    @classmethod
    def input_ports(cls) -> tuple[Port, ...]:
        return (*cls.signature.inputs, Port("bias", "float", ("...",), True), Port("sink", "float", ("h",), True))

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        outputs = super().infer(inputs, sizes)
        query, key = inputs["query"], inputs["key"]
        if sizes.quotient(query.sizes[-2], key.sizes[-2]) is None:
            raise Mismatch(
                f"{sizes.describe(key.sizes[-2])} key heads do not divide "
                f"{sizes.describe(query.sizes[-2])} query heads",
                "key",
                "grouped attention needs `heads` to be a multiple of `kv_heads`",
            )
        _check_mask(self.mask, query.axes[-3], key.axes[-3], inputs, sizes)
        _check_scores(dict(outputs)["weights"], inputs, sizes)
        return outputs

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        query, key, value = inputs["query"], inputs["key"], inputs["value"]
        pairs = query.elements() * key.sizes[-3]
        return pairs * 2 + outputs[0].elements() * key.sizes[-3] * 2 if value else pairs

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """A fused kernel keeps one number a row; where there is none, scaled queries and keys and weights are kept."""
        weights = product(inputs["query"].sizes[:-1]) * inputs["key"].sizes[-3]
        scaled = inputs["query"].elements() + inputs["key"].elements()
        uneven = inputs["query"].sizes[-1] != inputs["value"].sizes[-1]
        on_cpu = use.device == "cpu"
        if self.softcap is not None or "sink" in inputs or (self.dropout.value and on_cpu):
            return Saved(("value",), numbers=scaled + weights * 3)
        if "bias" in use.learning or (on_cpu and (uneven or "bias" in inputs)):
            return Saved(("value",), numbers=scaled + weights)
        masked = any(not isinstance(atom, Causal | Everything) for atom in atoms(self.mask))
        pairs = inputs["query"].sizes[-3] * inputs["key"].sizes[-3] if masked else dim(0)
        return Saved(("query", "key", "value", "out"), elements=pairs, numbers=product(outputs[0].sizes[:-1]))


def _check_mask(mask: Mask, query: Axis, key: Axis, inputs: Mapping[str, TensorType], sizes: Sizes) -> None:
    aligned = sizes.same(query.size, key.size)
    for atom in atoms(mask):
        if isinstance(atom, Causal | Window | Chunk | Dilated | Documents) and not aligned:
            raise Mismatch(
                f"the mask `{atom}` compares positions, but queries lie along `{query}` and keys along `{key}`",
                "mask",
                "a mask of positions needs queries and keys along the same axis",
            )
    counts = {atom.size for atom in atoms(mask) if isinstance(atom, Prefix)}
    for port in ports(mask):
        along_keys = any(sizes.same(axis.size, key.size) for axis in inputs[port].axes)
        if along_keys and port in counts:
            message = f"`prefix({port})` is the same for all queries, but `{port}` is `{inputs[port]}`"
            raise Mismatch(message, "mask", f"give one number for each row: no axis `{key}`")
        if not along_keys and port not in counts:
            raise Mismatch(
                f"the mask reads `{port}` (`{inputs[port]}`), which has no axis `{key}` of the keys",
                "mask",
                "a boolean tensor selects keys by their position axis",
            )


def _check_scores(weights: TensorType, inputs: Mapping[str, TensorType], sizes: Sizes) -> None:
    """`bias` has axes of the scores, `sink` the heads alone."""
    allowed = {"bias": weights.axes, "sink": weights.axes[-3:-2]}
    for port, own in allowed.items():
        given = inputs.get(port)
        if given is None:
            continue
        if given.dtype != "float":
            raise Mismatch(f"`{port}` of `attend` holds floating-point numbers, but gets `{given}`", port)
        matched = [place for place in aligned(given.axes, own, sizes) if place is not None]
        over = [str(axis) for at, axis in enumerate(given.axes) if at not in matched]
        if over or (port == "sink" and len(given.axes) != 1):
            listed = " ".join(map(str, own))
            message = f"`{port}` of `attend` is `{given}`, but the scores lie along `{listed}`"
            help = "the keys' axis is primed where it has the queries' name" if port == "bias" else "one number a head"
            raise Mismatch(message, port, help)


OPERATORS = (Heads, Merge, Attend)
