"""The importer on the raw tables: what it reads, what it rejects, that the result is committed."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from mineralid.minerals import load_catalogue
from mineralid.minerals.importer import BuildResult, build, read_source
from mineralid.minerals.importer.__main__ import main
from mineralid.minerals.importer.authored import COLUMNS, read_authored
from mineralid.minerals.importer.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
FACTS = Path(os.environ.get("MINERALID_SHARED", ROOT.parent / "shared")) / "facts"
needs_facts = pytest.mark.skipif(
    not FACTS.is_dir(), reason=f"the raw tables of {FACTS} are not here"
)
TESTS = ("hardness_mohs", "luster", "streak")


@pytest.fixture(scope="module")
def result() -> BuildResult:
    return build(FACTS)


@needs_facts
def test_a_new_run_gives_the_committed_tables(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--facts", str(FACTS), "--docs", str(ROOT / "docs"), "--check"])
    assert status == 0, capsys.readouterr().err


@needs_facts
def test_almost_every_cell_parses_and_the_others_are_listed(result: BuildResult) -> None:
    for table in result.tables.values():
        for column in table.filled:
            rate = table.parsed[column] / table.filled[column]
            assert rate >= 0.98, (table.file, column, rate)
            listed = [n for n in table.rejected if n.column == column]
            assert len(listed) == table.filled[column] - table.parsed[column]
    assert {t.filled["hardness_mohs"] > 30 for t in result.tables.values()} == {True}
    assert all(note.reason and note.cell and note.line > 1 for note in result.rejected)


@needs_facts
def test_every_row_is_a_mineral_or_skipped_with_a_reason(result: BuildResult) -> None:
    for source, table in result.tables.items():
        assert len(table.facts) + len(table.skipped) == table.rows
        assert all(note.reason for note in table.skipped)
        lines = [f.line for f in table.facts.values()] + [n.line for n in table.skipped]
        assert len(set(lines)) == table.rows, source


@needs_facts
def test_hardness_luster_and_streak_cells_are_all_accounted_for(result: BuildResult) -> None:
    """Counted from the file itself: each filled cell is read, rejected, unknown or skipped."""
    table = result.tables["wikipedia2023"]
    with (FACTS / table.file).open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    skipped = {note.line for note in table.skipped}
    for raw, column in (("mohs", "hardness_mohs"), ("luster", "luster"), ("streak", "streak")):
        filled = sum(bool(row[raw].strip()) for row in rows)
        read = sum(bool(facts.value(column)) for facts in table.facts.values())
        rejected = sum(note.column == column for note in table.rejected)
        not_known = filled - read - rejected - len(skipped)
        assert filled - read - rejected >= 0
        assert not_known <= 5, (column, filled, read, rejected)


@needs_facts
def test_without_a_source_the_minerals_stay_and_its_cells_go(result: BuildResult) -> None:
    without = frozenset({"wikipedia2024", "wikipedia2023"})
    reduced = build(FACTS, exclude=without).catalogue
    assert [m.name for m in reduced] == [m.name for m in result.catalogue]
    assert [m.parent for m in reduced] == [m.parent for m in result.catalogue]
    for mineral in reduced:
        for column, ids in mineral.sources.items():
            assert column == "parent" or not without & set(ids)
    assert reduced.version != result.catalogue.version
    pyrite = reduced.find("Pyrite")
    assert pyrite.hardness_mohs and pyrite.luster and pyrite.streak
    assert reduced.find("Abelsonite").hardness_mohs is None


@needs_facts
def test_an_unknown_source_to_leave_out_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown sources wikipedia1999; known: authored, "):
        build(FACTS, exclude=frozenset({"wikipedia1999"}))
    with pytest.raises(ValueError, match="unknown source 'gem'; known: curated36, gemmology"):
        read_source(FACTS, "gem")


@needs_facts
@pytest.mark.parametrize("source", list(TABLES))
def test_one_source_read_alone(source: str, result: BuildResult) -> None:
    facts = read_source(FACTS, source)
    assert facts == result.tables[source].facts
    catalogue = load_catalogue()
    for name, entry in facts.items():
        assert entry.name == name == catalogue.find(name).name
        for column in TESTS:
            if entry.value(column) and source not in catalogue.find(name).sources[column]:
                assert any(c.name == name and c.column == column for c in result.conflicts)


@needs_facts
def test_known_readings_of_one_source() -> None:
    facts = read_source(FACTS, "wikipedia2023")
    assert facts["Galena"].hardness_mohs == (2.5, 2.75)
    assert facts["Copper"].given_name == "Native copper"
    assert "Baryte" in facts and "Sulphur" in facts and "Garnet group" in facts
    assert read_source(FACTS, "gemmology")["Baryte"].given_name == "Barite"


def test_without_raw_tables_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--facts", str(tmp_path), "--check"]) == 2
    assert "curated_36.csv" in capsys.readouterr().err


def test_the_hand_made_tables_are_sound() -> None:
    authored = read_authored()
    assert [str(problem) for problem in authored.problems] == []
    assert len(authored.core) == 75


@pytest.mark.parametrize(
    ("file", "row", "message"),
    [
        (
            "facts.csv",
            "Quartz,hardness_mohs,70,book,",
            "authored/facts.csv, row 2, column value: Quartz, hardness_mohs: 70 is outside 1..10",
        ),
        (
            "facts.csv",
            "Quartz,luster,vitreous|glittery,book,",
            "authored/facts.csv, row 2, column value: Quartz, luster: unknown luster 'glittery'",
        ),
        (
            "facts.csv",
            "Quartz,colour,white,book,",
            "authored/facts.csv, row 2, column column: 'colour' is not one of formula",
        ),
        (
            "facts.csv",
            "Quartz,streak,white,rumour,",
            "authored/facts.csv, row 2, column source: 'rumour' is not an id of sources.csv",
        ),
        ("facts.csv", "Quartz,streak", "authored/facts.csv, row 2: not 5 cells"),
        (
            "facts.csv",
            "Quartz,commonness,9,book,",
            "authored/facts.csv, row 2, column value: Quartz, commonness: '9' is not a whole",
        ),
        (
            "hierarchy.csv",
            "Agate,stone,Quartz,book",
            "authored/hierarchy.csv, row 2, column kind: 'stone' is not one of variety, species",
        ),
        (
            "names.csv",
            "Quartz,fr,Quartz,book",
            "authored/names.csv, row 2, column language: 'fr' is not one of en, zh",
        ),
        (
            "rows.csv",
            "gemmology,Glass,,drop,,a reason",
            "authored/rows.csv, row 2, column action: 'drop' is not one of skip, rename, reject",
        ),
    ],
)
def test_a_bad_hand_made_row_is_left_out_and_named(
    tmp_path: Path, file: str, row: str, message: str
) -> None:
    (tmp_path / "sources.csv").write_text("id,title,terms,note\nbook,A book,,\n", encoding="utf-8")
    header = ",".join(COLUMNS[file])
    (tmp_path / file).write_text(f"{header}\n{row}\n", encoding="utf-8")
    authored = read_authored(tmp_path)
    assert not authored.facts and not authored.hierarchy and not authored.names
    assert len(authored.problems) == 1
    assert str(authored.problems[0]).startswith(message)
