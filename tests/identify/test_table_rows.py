"""A table is checked whole before anything is answered, and no cell of it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.identify.table_errors import TableError
from mineralid.identify.table_rows import StoneRow, Table, known_columns, open_table
from mineralid.minerals.tests_table import load_tests

CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=("Cs",)),
    max_size=8,
)


def table(folder: Path, content: str | bytes, name: str = "in.csv") -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_table(path)


def refusal(folder: Path, content: str | bytes) -> str:
    with pytest.raises(TableError) as caught:
        table(folder, content)
    text = str(caught.value)
    assert str(folder / "in.csv") in text
    return text


def rows(folder: Path, content: str | bytes) -> list[StoneRow]:
    opened = table(folder, content)
    found = list(opened.read())
    assert [row.row for row in found] == list(range(1, opened.rows + 1))
    return found


def test_the_known_columns_are_the_photographs_and_every_field_test() -> None:
    assert known_columns() == ("photo", *load_tests())


def test_names_of_columns_match_whatever_their_case_and_spaces(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, " Photo ,HARDNESS,Place\na.jpg|sub/b.jpg, 6.5 ,Örebro\n")
    assert row.photos == ("a.jpg", "sub/b.jpg")
    assert row.paths == (str(tmp_path / "a.jpg"), str(tmp_path / "sub/b.jpg"))
    assert row.readings["hardness"].describe() == "hardness 6.5"
    assert row.carried == {"Place": "Örebro"}
    assert row.error is None


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_byte_order_mark_line_ends_and_delimiters(
    tmp_path: Path, mark: bytes, end: str, delimiter: str
) -> None:
    lines = [["hardness", "note", "luster"], ["6,5" if delimiter != "," else "6.5", "x", "glassy"]]
    text = end.join(delimiter.join(line) for line in lines) + end
    (row,) = rows(tmp_path, mark + text.encode())
    assert row.readings["hardness"].describe() == "hardness 6.5"
    assert row.readings["luster"].describe() == "luster vitreous"
    assert row.carried == {"note": "x"}


def test_a_comma_wins_where_the_header_does_not_decide(tmp_path: Path) -> None:
    assert table(tmp_path, "hardness\n7\n").delimiter == ","
    assert table(tmp_path, '"hard;ness",luster\n7,dull\n').delimiter == ","


def test_blank_lines_are_no_rows_yet_blank_cells_are(tmp_path: Path) -> None:
    found = rows(tmp_path, "hardness,luster\n\n7,\n   \n,\n\n")
    assert len(found) == 2
    assert found[0].error is None
    assert found[1].error == "nothing was given; allowed: photographs, readings, or both"


def test_in_a_table_of_one_column_a_quoted_blank_is_a_row(tmp_path: Path) -> None:
    found = rows(tmp_path, 'hardness\n7\n""\n6\n')
    assert [row.error is None for row in found] == [True, False, True]


def test_every_bad_reading_of_a_row_is_named(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "hardness,luster,photo\n11,glittery,a.jpg\n")
    assert row.error is not None
    assert "hardness '11': 11 is outside the range; allowed: 0.5 to 10 Mohs" in row.error
    assert "unknown luster 'glittery'" in row.error


@pytest.mark.parametrize("line", ["7", "7,", "7,,", "7,,,", "7,,, ,"])
def test_blank_cells_at_the_end_may_be_missing_or_too_many(tmp_path: Path, line: str) -> None:
    (row,) = rows(tmp_path, f"hardness,luster,place\n{line}\n")
    assert row.error is None and list(row.readings) == ["hardness"]
    assert row.carried == {"place": ""}


def test_a_row_with_text_beyond_its_columns_fails_and_loses_nothing(tmp_path: Path) -> None:
    line = "7,dull,here,lost?,x"
    bad, good = rows(tmp_path, f"hardness,luster,place\n{line}\n6,dull,there\n")
    assert bad.error is not None
    assert "the row has 5 cells, the header names 3 columns; beyond them: 'lost?', 'x'" in bad.error
    everything = [bad.error, *bad.carried.values()]
    for cell in line.split(",")[2:]:
        assert any(cell in text for text in everything)
    assert good.error is None and good.carried == {"place": "there"}


def test_carried_columns_of_one_name_or_none_are_told_apart(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "note,hardness,note,,\na,7,b,c,d\n")
    assert row.carried == {
        "note": "a",
        "note (column 3)": "b",
        "column 4": "c",
        "column 5": "d",
    }


@given(cells=st.lists(CELLS, min_size=1, max_size=5))
def test_carried_cells_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    import csv

    path = tmp_path_factory.mktemp("t") / "in.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["hardness", *(f"c{i}" for i in range(len(cells)))])
        writer.writerow(["7", *cells])
    (row,) = open_table(path).read()
    assert list(row.carried.values()) == cells


def test_reading_may_begin_anywhere(tmp_path: Path) -> None:
    opened = table(tmp_path, "hardness\n" + "".join(f"{n}\n" for n in range(1, 8)))
    everything = list(opened.read())
    for skip in range(9):
        assert list(opened.read(skip)) == everything[skip:]


# --- refused ------------------------------------------------------------------------------------


def test_no_known_column_names_what_was_found_and_what_is_allowed(tmp_path: Path) -> None:
    text = refusal(tmp_path, "specimen,lustre\nx,y\n")
    assert "no column is known. Found: specimen, lustre." in text
    assert "Known: photo, hardness, luster, streak, density, magnetism, acid." in text
    assert "Did you mean luster by 'lustre'?" in text


def test_a_misspelt_column_is_found(tmp_path: Path) -> None:
    assert table(tmp_path, "hardness,lustre,place\n7,x,y\n").misspelt == {"lustre": "luster"}
    assert table(tmp_path, "hardness,luster,lustre\n7,dull,y\n").misspelt == {}


def test_a_known_column_twice(tmp_path: Path) -> None:
    assert "column hardness appears more than once" in refusal(tmp_path, "Hardness,hardness\n7,7\n")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    assert "it is empty; its first line must name the columns" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hardness\n7\n".encode("utf-16"), "it is in UTF-16, by its byte order mark at byte 0"),
        ("hardness\n7\n".encode("utf-16-le"), "it holds a zero byte at byte 1, line 1, as UTF-16"),
        (
            "hardness,place\n7,Örebro\n".encode("latin-1"),
            "it is not UTF-8 but Latin-1 or Windows-1252 by the look of it: byte 0xD6 at byte 17, "
            "line 2; save it as CSV in UTF-8",
        ),
        ("hardness,place\n7,黄铁矿\n".encode("gbk"), "it is not UTF-8 but GBK or GB 18030"),
        (b"hardness\n7\n\xe4\xb8", "byte 0xE4 at byte 11, line 3"),
        (b"PK\x03\x04 and more", "it is a workbook or archive, no text"),
        (b"\xff\xd8\xff\xe0 and more", "it is a JPEG picture, no table"),
    ],
)
def test_other_encodings_are_named_with_the_byte(
    tmp_path: Path, content: bytes, words: str
) -> None:
    assert words in refusal(tmp_path, content)


@pytest.mark.parametrize("before", [1 << 20, (1 << 20) - 1, (1 << 20) + 1, 3 << 20])
def test_the_byte_is_right_far_into_the_file(tmp_path: Path, before: int) -> None:
    header = b"hardness,note\n"
    filler = b"7,xxxxxxxxxxx\n" * ((before - len(header)) // 14)
    filler += b"7," + b"x" * (before - len(header) - len(filler) - 2)
    assert len(header + filler) == before
    text = refusal(tmp_path, header + filler + b"\xc3\x28\n")
    assert f"byte 0xC3 at byte {before}, line {(header + filler).count(10) + 1};" in text


def test_characters_of_several_bytes_may_lie_across_chunks(tmp_path: Path) -> None:
    text = "hardness,note\n7," + "石" * (1 << 19) + "\n"
    with pytest.raises(TableError, match="field larger than field limit"):
        table(tmp_path, text)  # read to its end: all of it is UTF-8
    many = "hardness,note\n" + ("7," + "石" * 1000 + "\n") * 800
    assert table(tmp_path, many).rows == 800


def test_a_quotation_mark_never_closed_names_its_line(tmp_path: Path) -> None:
    text = refusal(tmp_path, 'hardness,note\n7,a\n6,"b\n5,c\n')
    assert "the row that starts at line 3 cannot be read: a quotation mark is opened" in text


def test_a_table_that_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TableError, match="there is no such file"):
        open_table(tmp_path / "nothing.csv")
    with pytest.raises(TableError, match="it is a folder; for every photograph below it use"):
        open_table(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "in.csv"
    path.write_text("hardness\n7\n")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(TableError, match="there is no permission to read it"):
        open_table(path)
