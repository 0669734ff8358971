"""Class lists: one a line or a CSV with properties beside, wrong lines named at once."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mineralid.lab.data.class_list import read_class_list
from mineralid.lab.data.manifest import ManifestError


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "classes.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(path: Path) -> list[str]:
    with pytest.raises(ManifestError) as error:
        read_class_list(path)
    return [line.strip() for line in str(error.value).splitlines()]


def test_one_class_a_line(tmp_path: Path) -> None:
    found = read_class_list(write(tmp_path, "Smoky Quartz\r\n\r\n Gold \r\nBlue/green stone"))
    assert found.names == ("Smoky Quartz", "Gold", "Blue/green stone")
    assert found.rows == {name: {} for name in found.names}


def test_a_table_keeps_its_other_columns(tmp_path: Path) -> None:
    text = 'Hardness, Class ,streak\n3,"Quartz, smoky",0\n\n1,Gold,\n'
    found = read_class_list(write(tmp_path, codecs.BOM_UTF8 + text.encode()))
    assert found.names == ("Quartz, smoky", "Gold")
    assert found.rows["Quartz, smoky"] == {"hardness": "3", "streak": "0"}
    assert found.rows["Gold"] == {"hardness": "1", "streak": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["it names no class; needed: one a line, or a CSV with a column class"]),
        ("class,luster\n", ["it names no class; needed: one a line, or a CSV with a column class"]),
        (
            "Gold\nTalc,soft\ngold\nGold\n",
            [
                "line 2: 'Talc,soft' holds a comma; allowed: one class a line, or a CSV whose "
                "first line has a column class",
                "line 3: class 'gold' was in line 1 already as 'Gold'",
                "line 4: class 'Gold' was in line 1 already",
            ],
        ),
        (
            "class,luster\nGold,0\n,1\nTalc\nTalc,1,2\nGold,0\n",
            [
                "line 3: its cell class is empty",
                "line 4: 1 cell(s); expected 2: class, luster",
                "line 5: 3 cell(s); expected 2: class, luster",
                "line 6: class 'Gold' was in line 2 already",
            ],
        ),
    ],
)
def test_every_wrong_line_is_named_at_once(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = write(tmp_path, text)
    heading, *found = refusal(path)
    assert heading == f"class list {path}: {len(expected)} problem(s):"
    assert found == expected


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("class,luster,class\n", "line 1: column(s) 'class' more than once; allowed: once each"),
        ("Gold\nA\xe9rinite\n".encode("latin-1"), "line 2 is not UTF-8: byte 0xe9 can't be read"),
        ("class\n" + "x" * 200_000, "can't be read as a table: field larger than field limit"),
    ],
)
def test_a_file_that_is_no_class_list_is_named(
    tmp_path: Path, written: str | bytes, sentence: str
) -> None:
    path = write(tmp_path, written)
    with pytest.raises(ManifestError, match=re.escape(str(path)) + ".*" + re.escape(sentence)):
        read_class_list(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.txt") == [
        f"class list {tmp_path / 'no.txt'}: No such file or directory"
    ]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.sampled_from('class,"\n\r ') | st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    try:
        found = read_class_list(path)
    except ManifestError as error:
        assert str(path) in str(error)
    else:
        assert found.names and tuple(found.rows) == found.names
        assert all(name.strip() == name and name for name in found.names)
        assert len({name.casefold() for name in found.names}) == len(found.names)
