"""Dates as people write them in twelve languages, and the same in ISO 8601: data to learn from.

The ways of writing come from Unicode's locale data (CLDR) through Babel. Only those are taken that mean one date
whoever reads them: with the month's name, or with the year first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

LOCALES = ("de", "el", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "tr")
FORMATS = ("medium", "long", "full")
FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)
PARTS = {"train": 40_000, "validation": 500, "test": 2_000}
"""Lines of each file. No date of one file is in another, in no language."""


def styles() -> list[tuple[str, str]]:
    """The unambiguous ways of writing: locale and name of the format."""
    return [(locale, name) for locale in LOCALES for name in FORMATS if _is_unambiguous(_pattern(locale, name))]


def _pattern(locale: str, name: str) -> str:
    from babel import Locale

    return str(Locale.parse(locale).date_formats[name].pattern)


def _is_unambiguous(pattern: str) -> bool:
    """`04.03.2020` is read in two ways; a month with a name, or year, month, day, is not."""
    return "MMM" in pattern or pattern.index("y") < pattern.index("M") < pattern.index("d")


def written(day: date, style: tuple[str, str]) -> str:
    """A date as people write it. All kinds of spaces become plain ones, as on a keyboard."""
    from babel.dates import format_date

    locale, name = style
    return " ".join(format_date(day, name, locale=locale).split())


def write(folder: Path, seed: int = 0) -> dict[str, Path]:
    """Write train.tsv, validation.tsv and test.tsv: a date as written, a tab, the date in ISO 8601."""
    chance = random.Random(seed)
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    chance.shuffle(days)
    held = PARTS["validation"] + PARTS["test"]
    parts = {
        "validation": days[: PARTS["validation"]],
        "test": days[PARTS["validation"] : held],
        "train": chance.choices(days[held:], k=PARTS["train"]),
    }
    folder.mkdir(parents=True)
    return {name: _save(folder / f"{name}.tsv", _lines(part, chance)) for name, part in parts.items()}


def _lines(days: Sequence[date], chance: random.Random) -> Iterator[str]:
    known = styles()
    for day in days:
        yield f"{written(day, chance.choice(known))}\t{day.isoformat()}\n"


def _save(path: Path, lines: Iterator[str]) -> Path:
    path.write_text("".join(lines), encoding="utf-8")
    return path
