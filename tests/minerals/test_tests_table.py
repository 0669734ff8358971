"""The table of field tests: six ship, each with a catalogue column; broken rows are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mineralid.minerals.tests_table import TestsTableError, load_tests, read_tests

HEADER = "name,kind,vocabulary,low,high,unit,column,label_en,label_zh,question\n"


def test_the_shipped_tests() -> None:
    tests = load_tests()
    assert tuple(tests) == ("hardness", "luster", "streak", "density", "magnetism", "acid")
    for name, test in tests.items():
        assert test.name == name
        assert test.label() and test.label("zh") and test.question.endswith("?")
        if test.kind == "words":
            assert len(test.vocabulary) >= 3
        else:
            assert test.low is not None and test.high is not None and test.low < test.high
            assert test.unit
            with pytest.raises(ValueError, match=f"{name} is an interval test"):
                _ = test.vocabulary
    assert [name for name, test in tests.items() if test.by_comparison] == ["hardness"]
    with pytest.raises(ValueError, match="no labels in language 'fr'"):
        tests["luster"].label("fr")


def test_the_table_is_read_only() -> None:
    with pytest.raises(TypeError):
        load_tests()["smell"] = load_tests()["luster"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,kind\na,words\n", "tests.csv: columns missing: vocabulary, low"),
        (
            HEADER + "a,smell,x,,,,a,a,甲,q?\n",
            "row 2, column kind: 'smell'; allowed: interval, words",
        ),
        (HEADER + "a,words,,,,,a,a,甲,q?\n", "row 2, column vocabulary: blank"),
        (HEADER + "a,interval,,5,1,g,a,a,甲,q?\n", "row 2, columns low, high: '5', '1'"),
        (HEADER + "a,interval,,x,1,g,a,a,甲,q?\n", "row 2, columns low, high: 'x', '1'"),
        (HEADER + "a,words,acid,,,,,a,甲,q?\n", "row 2, column column: blank"),
        (HEADER + 2 * "a,words,acid,,,,a,a,甲,q?\n", "row 3, column name: 'a' twice"),
    ],
)
def test_a_broken_table_is_named_with_row_and_column(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "tests.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TestsTableError, match=re.escape(message)):
        read_tests(path)
