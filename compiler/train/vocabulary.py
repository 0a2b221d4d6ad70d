"""Which tokens a model knows, and their numbers.

The four special tokens come first, so that padding is 0 in every vocabulary.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

Unit = Literal["characters", "words", "bytes", "tokens"]

SPECIALS = ("<pad>", "<start>", "<end>", "<unknown>")
PAD, START, END, UNKNOWN = range(len(SPECIALS))

DATA = "the training data"
"""Where a vocabulary comes from, unless it comes with trained weights."""

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Marks:
    """The numbers of the tokens that stand for no text; a negative number: there is none."""

    pad: int = PAD
    start: int = START
    end: int = END
    unknown: int = UNKNOWN


OWN = Marks()
"""Those of vocabularies that are built here."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of texts, most frequent first; a token's number is its place after the special ones."""

    unit: Unit
    tokens: tuple[str, ...]
    origin: str = field(default=DATA, compare=False)

    @property
    def marks(self) -> Marks:
        return OWN

    @property
    def size(self) -> int:
        return len(SPECIALS) + len(self.tokens)

    @property
    def told(self) -> str:
        """What it holds, for people."""
        return f"the {self.unit} of {self.origin} and {len(SPECIALS)} special tokens"

    def encode_whole(self, text: str) -> np.ndarray:
        """`encode`, with the marks that an encoder of the text expects."""
        return self.encode(text)

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text's tokens (int32), `UNKNOWN` for those it does not hold."""
        match self.unit:
            case "bytes":
                return np.frombuffer(text.encode(), np.uint8).astype(np.int32) + len(SPECIALS)
            case "words":
                return np.array([self._numbers.get(word, UNKNOWN) for word in text.split()], np.int32)
            case "characters" | "tokens":
                return self._encode_characters(np.frombuffer(text.encode("utf-32-le"), np.uint32))

    def _encode_characters(self, codes: np.ndarray) -> np.ndarray:
        known, numbers = self._codes
        if not len(known):
            return np.full(len(codes), UNKNOWN, np.int32)
        place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        return np.where(known[place] == codes, numbers[place], UNKNOWN).astype(np.int32)

    def decode(self, numbers: Iterable[int]) -> str:
        """The text that tokens stand for. Special tokens are left out, except the unknown one."""
        if self.unit == "bytes":
            return bytes(n - len(SPECIALS) for n in numbers if n >= len(SPECIALS)).decode(errors="replace")
        words = [self.name(number) for number in numbers if number >= UNKNOWN]
        return (" " if self.unit == "words" else "").join(words)

    def name(self, number: int) -> str:
        """How one token is written, the special ones included."""
        if number < len(SPECIALS):
            return SPECIALS[number]
        return self.tokens[number - len(SPECIALS)]

    def unknown(self, text: str) -> list[tuple[str, int]]:
        """The tokens of a text that the vocabulary does not hold, each with its offset in the text."""
        if self.unit == "bytes":
            return []
        places = enumerate(text) if self.unit == "characters" else ((m.start(), m[0]) for m in _WORD.finditer(text))
        return [(token, place) for place, token in places if token not in self._numbers]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens, len(SPECIALS))}

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray]:
        """The code points of the characters in ascending order, and the number of each."""
        codes = np.array([ord(token) for token in self.tokens], np.uint32)
        ascending = np.argsort(codes)
        return codes[ascending], (ascending + len(SPECIALS)).astype(np.int32)


def build(unit: Unit, texts: Iterable[str], least: int = 1) -> Vocabulary:
    """The vocabulary of all tokens that occur at least `least` times in the texts."""
    if unit == "bytes":
        return Vocabulary("bytes", tuple(f"<{value:02x}>" for value in range(256)))
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text if unit == "characters" else text.split())
    kept = [(-count, token) for token, count in counts.items() if count >= least]
    return Vocabulary(unit, tuple(token for _, token in sorted(kept)))


@dataclass(frozen=True)
class Labels:
    """The names of the classes that a model chooses among; a label's number is its place."""

    names: tuple[str, ...]
    origin: str = field(default=DATA, compare=False)

    @property
    def size(self) -> int:
        return len(self.names)

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}


def collect(names: Iterable[str]) -> Labels:
    """The distinct labels, in alphabetical order (numbers in numerical order)."""
    return Labels(tuple(sorted(set(names), key=lambda name: (len(name) if name.isdigit() else 0, name))))


def save(path: Path, vocabularies: Sequence[tuple[str, Vocabulary | Labels]]) -> None:
    """Write vocabularies, each under the name of what it numbers."""
    written = {name: _written(it, path.parent) for name, it in vocabularies}
    path.write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Vocabulary | Labels]:
    """Read what `save` wrote."""
    written = json.loads(path.read_text(encoding="utf-8"))
    return {name: _read(it, path.parent) for name, it in written.items()}


def _written(it: Vocabulary | Labels, folder: Path) -> dict[str, object]:
    from compiler.train.tokenizer import FILE, Pretrained

    if isinstance(it, Pretrained):
        (folder / FILE).write_text(it.text, encoding="utf-8")
        return {"tokenizer": FILE, "marks": asdict(it.marks)}
    return {"unit": it.unit, "tokens": it.tokens} if isinstance(it, Vocabulary) else {"labels": it.names}


def _read(it: Mapping[str, Any], folder: Path) -> Vocabulary | Labels:
    from compiler.train.tokenizer import Pretrained

    if "tokenizer" in it:
        text = (folder / Path(it["tokenizer"]).name).read_text(encoding="utf-8")
        return Pretrained(text=text, own_marks=Marks(**it["marks"]))
    return Vocabulary(it["unit"], tuple(it["tokens"])) if "unit" in it else Labels(tuple(it["labels"]))
