"""The demo's data: every date is written so that it can be read in one way only, and held-out dates are new."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

pytest.importorskip("babel")

from compiler.demo import __main__ as demo
from compiler.demo import dates


def test_there_are_twelve_languages_and_months_have_names_or_years_come_first() -> None:
    assert {locale for locale, _ in dates.styles()} == set(dates.LOCALES)
    assert len(dates.LOCALES) == 12
    assert ("de", "medium") not in dates.styles()  # 04.03.2020
    assert ("ja", "medium") in dates.styles()  # 2020/03/04


def test_no_text_means_two_dates() -> None:
    days = [date(2019, 12, 31) + timedelta(days=number) for number in range(368)]
    meant: dict[str, date] = {}
    for style in dates.styles():
        for day in days:
            assert meant.setdefault(dates.written(day, style), day) == day


def test_dates_of_one_file_are_in_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dates, "PARTS", {"train": 500, "validation": 30, "test": 60})
    files = dates.write(tmp_path / "data")
    found = {name: read(path) for name, path in files.items()}
    assert {name: len(rows) for name, rows in found.items()} == dates.PARTS
    days = {name: {day for _, day in rows} for name, rows in found.items()}
    assert not days["train"] & (days["validation"] | days["test"])
    assert not days["validation"] & days["test"]
    assert found == {name: read(path) for name, path in dates.write(tmp_path / "again").items()}


def read(path: Path) -> list[tuple[str, date]]:
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [(text, date.fromisoformat(day)) for text, day in rows]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    assert demo.fresh(tmp_path / "dates") == tmp_path / "dates"
    for name in ("dates", "dates-2"):
        (tmp_path / name).mkdir()
    assert demo.fresh(tmp_path / "dates") == tmp_path / "dates-3"


def test_without_babel_the_demo_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert demo.main() == 1
    assert "pip install" in capsys.readouterr().err
