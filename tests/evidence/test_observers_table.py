"""The table of observers: what is wrong with it is said with file, row, column and what is allowed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from mineralid.evidence.observer import (
    OBSERVERS_FILE,
    ObserverTableError,
    load_observers,
    read_observers,
)
from mineralid.minerals.tests_table import load_tests

Rows = list[dict[str, str | None]]


def _rows() -> Rows:
    with OBSERVERS_FILE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _write(folder: Path, rows: Rows) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path = folder / "broken.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def _error(folder: Path, change: Callable[[Rows], object]) -> str:
    rows = _rows()
    change(rows)
    with pytest.raises(ObserverTableError) as caught:
        read_observers(_write(folder, rows), load_tests())
    return str(caught.value)


def _set(test: str, column: str, value: str) -> Callable[[Rows], object]:
    def change(rows: Rows) -> None:
        next(row for row in rows if row["test"] == test)[column] = value

    return change


def test_the_table_that_ships_reads_in_the_order_of_the_tests(tmp_path: Path) -> None:
    observers = load_observers()
    assert list(observers) == list(load_tests())
    assert read_observers(_write(tmp_path, _rows()[::-1]), load_tests()) == observers
    for name, observer in observers.items():
        assert observer.test.name == name
        assert observer.advice.endswith(".")
        assert list(observer.cuts) == sorted(observer.cuts)
        if observer.test.kind == "interval":
            assert observer.test.low is not None and observer.test.high is not None
            assert observer.test.low < observer.cuts[0]
            assert observer.cuts[-1] < observer.test.high


def test_a_byte_order_mark_is_no_part_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "marked.csv"
    path.write_bytes(b"\xef\xbb\xbf" + OBSERVERS_FILE.read_bytes())
    assert read_observers(path, load_tests()) == load_observers()


@pytest.mark.parametrize(
    ("test", "column", "value", "expected"),
    [
        (
            "luster",
            "slip",
            "0.6",
            "row 3, column slip: '0.6'; allowed: a number from 0 to 0.5",
        ),
        ("luster", "slip", "-0.1", "row 3, column slip: '-0.1'; allowed: a number from 0 to 0.5"),
        ("acid", "stray", "often", "row 7, column stray: 'often'; allowed: a number from 0 to 0.5"),
        ("acid", "stray", "nan", "row 7, column stray: 'nan'; allowed: a number from 0 to 0.5"),
        (
            "hardness",
            "tolerance",
            "0",
            "row 2, column tolerance: '0'; allowed: a number from 1e-06 to 5",
        ),
        (
            "hardness",
            "tolerance",
            "",
            "row 2, column tolerance: ''; allowed: a number from 1e-06 to 5",
        ),
        ("density", "step", "", "row 5, column step: ''; allowed: a number from 0.001 to 1"),
        ("density", "scale", "cubic", "row 5, column scale: 'cubic'; allowed: linear, log"),
        ("streak", "plate_mohs", "11", "row 4, column plate_mohs: '11'; allowed: a number from 1"),
        ("magnetism", "ease", "", "row 6, column ease: ''; allowed: a number from 0 to 1"),
        ("magnetism", "ease", "1.1", "row 6, column ease: '1.1'; allowed: a number from 0 to 1"),
        (
            "hardness",
            "outcomes",
            "soft|hard",
            "row 2, column outcomes: 2 wordings for 5 cuts; allowed: 6, joined by |",
        ),
    ],
)
def test_a_cell_out_of_range(
    tmp_path: Path, test: str, column: str, value: str, expected: str
) -> None:
    message = _error(tmp_path, _set(test, column, value))
    assert message.startswith(f"broken.csv, {expected}")


def test_a_test_without_a_row_and_a_row_without_a_test(tmp_path: Path) -> None:
    message = _error(tmp_path, _set("acid", "test", "taste"))
    assert message == (
        "broken.csv, column test: unknown: taste; without a row: acid; "
        "tests: hardness, luster, streak, density, magnetism, acid"
    )
    assert "unknown: none; without a row: acid" in _error(tmp_path, lambda rows: rows.pop())


def _repeat(rows: Rows) -> None:
    rows.append({**rows[1], "slip": "0.3"})


def _without_ease(rows: Rows) -> None:
    for row in rows:
        del row["ease"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(_repeat, "row 8, column test: 'luster'", id="a test twice"),
        pytest.param(_without_ease, "ease", id="a column missing"),
        pytest.param(
            _set("hardness", "cuts", "2.5|a|5.5|6.5|7.5"), "row 2, column cuts", id="no number"
        ),
        pytest.param(
            _set("hardness", "cuts", "3.5|2.5|5.5|6.5|7.5"), "row 2, column cuts", id="descending"
        ),
        pytest.param(
            _set("hardness", "cuts", "2.5|3.5|5.5|6.5|75"), "row 2, column cuts", id="off the range"
        ),
    ],
)
def test_a_table_that_cannot_be_meant(
    tmp_path: Path, change: Callable[[Rows], object], expected: str
) -> None:
    message = _error(tmp_path, change)
    assert message.startswith("broken.csv") and expected in message


def test_a_row_that_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    lines = OBSERVERS_FILE.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:-1], "acid,0.08,0.03"]) + "\n", encoding="utf-8")
    with pytest.raises(ObserverTableError, match=r"broken\.csv, row 7"):
        read_observers(path, load_tests())
