"""The tokens of published weights: a `tokenizer.json`, with the marks that their configuration names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.train.vocabulary import OWN, Marks, Unit, Vocabulary
from graphspec.diagnostics import Report, Span, display_name

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILE = "tokenizer.json"
_NONE = -1
"""The number of a mark that there is not."""


@dataclass(frozen=True)
class Pretrained(Vocabulary):
    """A vocabulary whose file says how texts are cut. `text`: that file."""

    unit: Unit = "tokens"
    tokens: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    own_marks: Marks = OWN

    @property
    def marks(self) -> Marks:
        return self.own_marks

    @property
    def size(self) -> int:
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    def encode(self, text: str) -> np.ndarray:
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.int32)

    def encode_whole(self, text: str) -> np.ndarray:
        return np.array(self._tokenizer.encode(text).ids, np.int32)

    def decode(self, numbers: Iterable[int]) -> str:
        return self._tokenizer.decode(list(numbers), skip_special_tokens=True)

    def name(self, number: int) -> str:
        return self._tokenizer.id_to_token(number) or str(number)

    def unknown(self, text: str) -> list[tuple[str, int]]:
        found = self._tokenizer.encode(text, add_special_tokens=False)
        places = zip(found.ids, found.offsets, strict=True)
        return [(text[start:end], start) for number, (start, end) in places if number == self.marks.unknown]

    @property
    def told(self) -> str:
        return f"the tokens of {self.origin}"

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        found = Tokenizer.from_str(self.text)
        found.no_truncation()
        found.no_padding()
        return found


def read(file: Path, config: Mapping[str, Any], place: Span | None, report: Report) -> Pretrained | None:
    """A `tokenizer.json`; `config` names its marks. Reports one that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
        from tokenizers import Tokenizer

        Tokenizer.from_str(text)
    except ImportError:
        help = "install it: `pip install graphspec-compiler[tokenizers]`"
        report.error("no-vocabulary", f"`{display_name(file)}` needs the package `tokenizers`", place, help=help)
        return None
    except Exception as error:  # the package raises nothing narrower
        report.error("no-vocabulary", f"cannot read `{display_name(file)}`: {error}", place, help="get the file again")
        return None
    return Pretrained(text=text, own_marks=_marks(config, text))


def _marks(config: Mapping[str, Any], text: str) -> Marks:
    """The numbers of the marks. Who has no padding pads with the end, which then counts for nothing."""
    end, begin = _number(config, "eos_token_id"), _number(config, "bos_token_id")
    start = _number(config, "decoder_start_token_id")
    pad = _number(config, "pad_token_id")
    model = json.loads(text).get("model", {})
    unknown = model.get("vocab", {}).get(model.get("unk_token")) if isinstance(model.get("vocab"), dict) else None
    return Marks(
        pad=next((it for it in (pad, end) if it != _NONE), 0),
        start=next((it for it in (start, begin, end) if it != _NONE), _NONE),
        end=end,
        unknown=_NONE if unknown is None else int(unknown),
    )


def _number(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) else _NONE
