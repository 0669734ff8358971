"""A broken table is refused with file, row, column, the value received and the values allowed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from mineralid.minerals import Catalogue, CatalogueError, load_catalogue
from mineralid.minerals.loading import COLUMNS, FILES, assemble

MINERALS = [
    {"name": "Garnet group", "kind": "group"},
    {"name": "Andradite", "kind": "species", "parent": "Garnet group", "parent_source": "book"},
    {"name": "Demantoid", "kind": "variety", "parent": "Andradite", "parent_source": "book"},
    {
        "name": "Quartz",
        "kind": "species",
        "hardness_mohs": "7",
        "hardness_mohs_source": "book",
        "luster": "vitreous|waxy",
        "luster_source": "book|web",
        "density_g_cm3": "2.59-2.66",
        "density_g_cm3_source": "web",
        "commonness": "5",
        "commonness_source": "book",
    },
]
NAMES = [
    {"mineral": "Quartz", "language": "zh", "name": "石英", "source": "book"},
    {"mineral": "Quartz", "language": "en", "name": "Rock crystal", "source": "web"},
]
SOURCES = [{"id": "book", "title": "A book"}, {"id": "web", "title": "A page"}]


def text(file: str, rows: list[dict[str, str]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS[file], lineterminator="\n", restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({"commonness": "1"} | row if file == "minerals.csv" else row)
    return stream.getvalue()


def texts(
    minerals: list[dict[str, str]] = MINERALS,
    names: list[dict[str, str]] = NAMES,
    sources: list[dict[str, str]] = SOURCES,
) -> dict[str, str]:
    return {f: text(f, rows) for f, rows in zip(FILES, (minerals, names, sources), strict=True)}


def changed(row: int, **cells: str) -> list[dict[str, str]]:
    """MINERALS with some cells of a row (from 0) changed; the row stands on line row + 2."""
    rows = [dict(r) for r in MINERALS]
    rows[row] |= cells
    return rows


def test_a_sound_table_loads() -> None:
    catalogue = assemble(texts())
    assert isinstance(catalogue, Catalogue) and len(catalogue) == 4
    quartz = catalogue.find("rock-crystal")
    assert quartz.hardness_mohs == (7, 7) and quartz.density_g_cm3 == (2.59, 2.66)
    assert quartz.luster == ("vitreous", "waxy") and quartz.streak == ()
    assert quartz.commonness == 5 and catalogue.find("Andradite").commonness == 1
    assert quartz.sources["luster"] == ("book", "web")
    assert catalogue.find("石英") is quartz
    assert catalogue.ancestors("Demantoid") == ("Andradite", "Garnet group")


def test_version_follows_the_content() -> None:
    assert assemble(texts()).version == assemble(texts()).version
    assert assemble(texts()).version != assemble(texts(changed(3, hardness_mohs="6.5-7"))).version


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            changed(3, hardness_mohs="70"),
            "minerals.csv, row 5, column hardness_mohs: '70' is outside 1..10",
        ),
        (
            changed(3, hardness_mohs="7-6"),
            "minerals.csv, row 5, column hardness_mohs: '7-6' is upside down; write low-high",
        ),
        (
            changed(3, hardness_mohs="hard"),
            "minerals.csv, row 5, column hardness_mohs: 'hard' is not a number or low-high",
        ),
        (
            changed(3, hardness_mohs="nan"),
            "minerals.csv, row 5, column hardness_mohs: 'nan' is outside 1..10",
        ),
        (
            changed(3, density_g_cm3="2.59-266"),
            "minerals.csv, row 5, column density_g_cm3: '2.59-266' is outside 0.5..23",
        ),
        (
            changed(3, luster="glittery"),
            "minerals.csv, row 5, column luster: 'glittery' is not one of metallic, submetallic",
        ),
        (
            changed(3, luster="waxy|waxy"),
            "minerals.csv, row 5, column luster: 'waxy|waxy' names a word twice",
        ),
        (
            changed(3, luster_source=""),
            "minerals.csv, row 5, column luster_source: no source for the value 'vitreous|waxy'",
        ),
        (
            changed(3, luster=""),
            "minerals.csv, row 5, column luster: blank, but luster_source is 'book|web'",
        ),
        (
            changed(3, luster_source="rumour"),
            "minerals.csv, row 5, column luster_source: 'rumour' is not an id of sources.csv",
        ),
        (
            changed(3, crystal_system="round", crystal_system_source="book"),
            "minerals.csv, row 5, column crystal_system: 'round' is not one of cubic",
        ),
        (
            changed(3, commonness="6"),
            "minerals.csv, row 5, column commonness: '6' is not a whole number in 1..5",
        ),
        (
            changed(3, kind="rock"),
            "minerals.csv, row 5, column kind: 'rock' is not one of variety, species, group",
        ),
        (
            [*changed(3, name="quartz", kind="species"), MINERALS[3]],
            "minerals.csv, row 6, column name: 'Quartz' is there already as 'quartz'",
        ),
        (changed(0, name=""), "minerals.csv, row 2, column name: name is blank"),
        (
            changed(1, parent="Jewels"),
            "minerals.csv, row 3, column parent: 'Jewels' is no mineral of this table",
        ),
        (
            changed(1, parent="Demantoid"),
            "minerals.csv, row 3, column parent: 'Demantoid' is a variety, which cannot hold a",
        ),
        (
            changed(1, parent="Quartz"),
            "minerals.csv, row 3, column parent: 'Quartz' is a species, which cannot hold a spec",
        ),
        (
            changed(0, parent="Garnet group", parent_source="book"),
            "minerals.csv, row 2, column parent: a circle: Garnet group -> Garnet group",
        ),
        (
            [
                {"name": "A", "kind": "group", "parent": "B", "parent_source": "book"},
                {"name": "B", "kind": "group", "parent": "A", "parent_source": "book"},
            ],
            "minerals.csv, row 2, column parent: a circle: A -> B -> A",
        ),
    ],
)
def test_broken_minerals(rows: list[dict[str, str]], message: str) -> None:
    names = NAMES if any(row["name"] == "Quartz" for row in rows) else []
    with pytest.raises(CatalogueError) as caught:
        assemble(texts(rows, names))
    assert str(caught.value).startswith(message)
    assert caught.value.file == "minerals.csv" and caught.value.line is not None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"mineral": "Kwartz"},
            "names.csv, row 4, column mineral: 'Kwartz' is no mineral of minerals.csv",
        ),
        ({"language": "xx"}, "names.csv, row 4, column language: 'xx' is not one of en, zh"),
        ({"source": ""}, "names.csv, row 4, column source: '' is not an id of sources.csv"),
        ({"name": "--"}, "names.csv, row 4, column name: '--' has no letters"),
        (
            {"name": "andra dite"},
            "names.csv, row 4, column name: 'andra dite' means 'Andradite' already, not 'Quartz'",
        ),
        (
            {"mineral": "Andradite", "name": "rock-crystal"},
            "names.csv, row 4, column name: 'rock-crystal' means 'Quartz' already, not 'Andradite'",
        ),
    ],
)
def test_broken_names(row: dict[str, str], message: str) -> None:
    good = {"mineral": "Quartz", "language": "en", "name": "Silica", "source": "book"}
    assemble(texts(names=[*NAMES, good]))
    with pytest.raises(CatalogueError) as caught:
        assemble(texts(names=[*NAMES, good | row]))
    assert str(caught.value) == message


def test_a_source_twice() -> None:
    with pytest.raises(CatalogueError, match=r"sources.csv, row 4, column id: 'book' is blank or"):
        assemble(texts(sources=[*SOURCES, SOURCES[0]]))


def test_columns_missing_and_unknown() -> None:
    broken = texts() | {"names.csv": "mineral,language,nom\nQuartz,en,Quarz\n"}
    with pytest.raises(CatalogueError) as caught:
        assemble(broken)
    assert str(caught.value) == (
        "names.csv, row 1: columns missing: name, source; unknown: nom; "
        "allowed: mineral, language, name, source"
    )


def test_a_row_with_a_cell_too_many() -> None:
    broken = texts()
    broken["names.csv"] += "Quartz,en,Kiesel,book,more\n"
    with pytest.raises(CatalogueError, match=r"names.csv, row 4: 5 cells; the header has 4"):
        assemble(broken)


def test_files_that_are_not_there_or_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"^minerals.csv: cannot be read: "):
        load_catalogue(tmp_path)
    for file, content in texts().items():
        (tmp_path / file).write_text(content, encoding="utf-8")
    assert len(load_catalogue(tmp_path)) == 4
    (tmp_path / "names.csv").write_bytes("é".encode("latin-1"))
    with pytest.raises(CatalogueError, match=r"^names.csv: is not UTF-8: "):
        load_catalogue(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_table(tmp_path: Path) -> None:
    for file, content in texts().items():
        (tmp_path / file).write_text(content, encoding="utf-8-sig")
    assert load_catalogue(tmp_path).version == assemble(texts()).version
