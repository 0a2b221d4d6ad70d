"""Names of the spec as people read them: titles of operators and blocks, shapes, and how wide a text is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from graphspec.axes import Dim, TensorType
from graphspec.masks import Causal, Mask, atoms
from graphspec.operators import Operator

_WORDS: Mapping[str, str] = {
    "rms": "RMS",
    "relu": "ReLU",
    "relu2": "ReLU²",
    "gelu": "GELU",
    "silu": "SiLU",
    "swiglu": "SwiGLU",
    "geglu": "GeGLU",
    "glu": "GLU",
    "mlp": "MLP",
    "cnn": "CNN",
    "ffn": "feed-forward",
    "moe": "mixture of experts",
    "qkv": "QKV",
    "kv": "KV",
    "lm": "LM",
    "vit": "ViT",
    "alibi": "ALiBi",
}
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)

LONGEST = 44
"""How many letters of a text a box shows."""


def plain(text: str) -> str:
    """One line without control characters or marks that turn the direction of writing."""
    return " ".join(_CONTROL.sub("", " ".join(text.split())).split())


def shortened(text: str, longest: int = LONGEST) -> str:
    """At most `longest` characters, the middle left out: names often differ at their ends."""
    text = plain(text)
    keep = longest - 1
    return text if len(text) <= longest else f"{text[: keep - keep // 3]}…{text[len(text) - keep // 3 :]}"


def humanised(name: str) -> str:
    """`gated_ffn` → `Gated feed-forward`."""
    words = [_WORDS.get(word.lower(), word) for word in plain(name).replace("~", " ").replace("_", " ").split()]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def block_name(block: str) -> str:
    """The name of a block without its library: `std.attention` → `attention`."""
    return block.rpartition(".")[2]


def operator_title(operator: Operator) -> str:
    return humanised(operator.look[1])


def attention_title(mask: Mask, cross: bool, heads: int | None, key_heads: int | None) -> str:
    """What people call an attention: masked or not, to itself or to a memory, how its heads share keys."""
    if cross:
        return "Cross-attention"
    masked = "masked " if any(isinstance(atom, Causal) for atom in atoms(mask)) else ""
    return humanised(f"{masked}{_heads(heads, key_heads)} attention")


def _heads(heads: int | None, key_heads: int | None) -> str:
    if heads == 1:
        return "single-head"
    if heads is None or key_heads is None or heads == key_heads:
        return "multi-head"
    return "multi-query" if key_heads == 1 else "grouped-query"


_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def size_text(size: Dim, alone: bool = False) -> str:
    """`4 * d_model` → `4·d_model`, `n // patch**2` → `n/patch²`; a sum in parentheses, unless it stands alone."""
    text = plain(str(size)).replace(" * ", "·").replace(" // ", "/").replace(" - ", " − ")
    text = re.sub(r"\*\*(\d+)", lambda power: raised(power[1]), text)
    return f"({text})" if not alone and re.search(r" [+−] ", text) else text


def raised(number: str) -> str:
    """Digits as an exponent."""
    return number.translate(_RAISED)


def shape_text(type: TensorType) -> str:
    """`B T d_model` → `B × T × d_model`; nothing for a single number."""
    return " × ".join(size_text(axis.size) + "′" * axis.primed for axis in type.axes)


def width(text: str, size: float, bold: bool = False) -> float:
    """About how wide a text is in points, rather too much than too little."""
    return sum(map(_letter, text)) * size * (1.06 if bold else 1.0)


def wrapped(text: str, room: float, size: float) -> Iterator[str]:
    """Lines of whole words that are about as wide as the room at most."""
    line = ""
    for word in plain(text).split():
        longer = f"{line} {word}".strip()
        if line and width(longer, size) > room:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def _letter(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if unicodedata.combining(letter):
        return 0.0
    if letter in "iljtfrI.,:;'|!()[] ·-":
        return 0.34
    return 0.92 if letter in "mwMW@%—…" else 0.70 if letter.isupper() else 0.60
