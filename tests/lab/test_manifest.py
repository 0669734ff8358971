"""The table of photographs: every bad line is named at once."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from generated_photos import COLORS_RGB, write_table

from mineralid.lab.data.manifest import ManifestError, read_manifest


def test_reads_photographs_in_order_with_their_labels(photos: Path) -> None:
    manifest = read_manifest(photos)
    assert manifest.classes == tuple(COLORS_RGB)
    assert len(manifest) == 40
    assert all(p.path.is_file() for p in manifest.photographs)
    assert manifest.labels() == [c for c in range(4) for _ in range(10)]


def test_classes_part_core_from_other_species(photos: Path) -> None:
    manifest = read_manifest(photos, ["Hematite", "Quartz"])
    core, other = manifest.of_classes(), manifest.of_other_species()
    assert len(core) + len(other) == len(manifest) == 40
    assert {p.species for p in core.photographs} == {"Hematite", "Quartz"}
    assert {p.species for p in other.photographs} == {"Malachite", "Azurite"}
    assert set(core.labels()) == {0, 1}
    chosen = core.subset([3, 0])
    assert chosen.photographs == (core.photographs[3], core.photographs[0])


def test_a_byte_order_mark_is_no_part_of_the_first_column(photos: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(photos, tmp_path / "marked")
    table = folder / "photos.csv"
    table.write_text(table.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert len(read_manifest(folder)) == 40


def test_missing_columns_are_named_with_the_needed_ones(tmp_path: Path) -> None:
    (tmp_path / "core_species.txt").write_text("Quartz\n")
    write_table(tmp_path / "photos.csv", [("a", "Quartz")], ("image_id", "species"))
    with pytest.raises(ManifestError) as error:
        read_manifest(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'photos.csv'}: column(s) collection, specimen missing; "
        "needed: image_id, species, collection, specimen"
    )


def test_all_bad_lines_are_listed_at_once(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "photos", tmp_path / "photos")
    (tmp_path / "core_species.txt").write_text("Quartz\n")
    write_table(
        tmp_path / "photos.csv",
        [
            ("quartz00", "Quartz", "c01", "s1"),
            ("quartz01", "", "c01", " "),
            ("nowhere", "Quartz", "c01", "s2"),
            ("quartz02", "Quartz", "c01"),
        ],
    )
    with pytest.raises(ManifestError) as error:
        read_manifest(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'photos.csv'}: 3 bad line(s):\n"
        "  line 3: species, specimen is empty\n"
        "  line 4: no photograph nowhere.jpg\n"
        "  line 5: specimen is empty"
    )


def test_a_long_list_of_bad_lines_is_cut_and_counted(tmp_path: Path) -> None:
    (tmp_path / "core_species.txt").write_text("Quartz\n")
    write_table(tmp_path / "photos.csv", [(f"p{i}", "Quartz", "c", "s") for i in range(60)])
    with pytest.raises(ManifestError, match=r"60 bad line\(s\)") as error:
        read_manifest(tmp_path)
    lines = str(error.value).splitlines()
    assert len(lines) == 52
    assert lines[-1].strip() == "and 10 more"


def test_a_folder_without_table_or_class_list_says_so(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no photos\.csv in .*needs that table"):
        read_manifest(tmp_path)
    shutil.copy(photos / "photos.csv", tmp_path)
    with pytest.raises(ManifestError, match=r"no core_species\.txt in .*no class list was given"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("stone", ["s1", "s2"])
def test_a_photograph_listed_twice_is_a_bad_line(photos: Path, tmp_path: Path, stone: str) -> None:
    shutil.copytree(photos / "photos", tmp_path / "photos")
    (tmp_path / "core_species.txt").write_text("Quartz\n")
    rows = [("quartz00", "Quartz", "c01", "s1"), ("quartz00", "Quartz", "c01", stone)]
    write_table(tmp_path / "photos.csv", rows)
    with pytest.raises(ManifestError, match=r"line 3: image_id quartz00 was in line 2 already"):
        read_manifest(tmp_path)


def test_a_class_of_two_words_is_one_class(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "photos", tmp_path / "photos")
    (tmp_path / "core_species.txt").write_text(" Smoky Quartz\n\nPyrite\n")
    write_table(tmp_path / "photos.csv", [("quartz00", "Smoky Quartz", "c01", "s1")])
    manifest = read_manifest(tmp_path)
    assert manifest.classes == ("Smoky Quartz", "Pyrite")
    assert len(manifest.of_classes()) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("\n \n", "names no class; needed: one a line"), ("Talc\nGold\nTalc", "names Talc more than")],
)
def test_a_class_list_that_is_none_is_refused(
    photos: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    shutil.copy(photos / "photos.csv", tmp_path)
    (tmp_path / "core_species.txt").write_text(text)
    with pytest.raises(
        ManifestError, match=re.escape(f"{tmp_path / 'core_species.txt'} {sentence}")
    ):
        read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["photos.csv", "core_species.txt"])
def test_a_file_in_another_encoding_is_named(photos: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_bytes(text.replace("Azurite", "Aérinite").encode("latin-1"))
    with pytest.raises(ManifestError) as error:
        read_manifest(folder)
    assert str(error.value) == (
        f"{folder / name} is not UTF-8: byte 0xe9 can't be read; save it as UTF-8"
    )


def test_a_table_that_is_none_is_named(photos: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    (folder / "photos.csv").write_text(
        "image_id,species,collection,specimen\n" + "x" * 200_000 + "\n", encoding="utf-8"
    )
    with pytest.raises(ManifestError, match=r"photos\.csv can't be read as a table: field larger"):
        read_manifest(folder)
