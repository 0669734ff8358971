"""A subfolder per class, and which layout a folder is taken for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from generated_photos import COLORS_RGB, picture
from PIL import Image

from mineralid.lab.data.folders import read_folders
from mineralid.lab.data.manifest import ManifestError
from mineralid.lab.data.sources import open_data
from mineralid.lab.data.specimens import specimens_known
from mineralid.lab.training.runs import decode_all

PICTURES = ("Quartz/a.jpg", "Quartz/box 2/b.PNG", "Quartz/box 2/c.webp", "Green stone/a.jpg")


def draw(path: Path, seed: int = 0) -> None:
    """Write a small picture in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(COLORS_RGB["Malachite"], seed, side=24)).save(path)


@pytest.fixture
def stones(tmp_path: Path) -> Path:
    """Two classes, one with a folder in its folder."""
    folder = tmp_path / "stones"
    for seed, name in enumerate(PICTURES):
        draw(folder / name, seed)
    return folder


def refusal(folder: Path, classes: Sequence[str] | None = None) -> list[str]:
    with pytest.raises(ManifestError) as error:
        read_folders(folder, classes)
    heading, *found = str(error.value).splitlines()
    assert heading == f"{folder}: {len(found)} problem(s):"
    return [line.strip() for line in found]


def test_the_subfolder_is_the_class_and_the_path_the_id(stones: Path) -> None:
    manifest = read_folders(stones)
    assert manifest.classes == ("Green stone", "Quartz")
    assert [(p.image_id, p.species) for p in manifest.photographs] == [
        ("Green stone/a", "Green stone"),
        ("Quartz/a", "Quartz"),
        ("Quartz/box 2/b", "Quartz"),
        ("Quartz/box 2/c", "Quartz"),
    ]
    assert {p.collection for p in manifest.photographs} == {"folder"}
    assert all(p.specimen == p.image_id for p in manifest.photographs)
    assert not specimens_known(manifest)
    assert len(decode_all(manifest)) == 4
    assert open_data(stones) == manifest


def test_what_lies_beside_photographs_is_passed_over(stones: Path) -> None:
    for name in ("Quartz/.DS_Store", "Quartz/Thumbs.db", "Quartz/notes.TXT", "readme.pdf"):
        (stones / name).write_bytes(b"\0\1")
    draw(stones / ".trash" / "x.jpg")
    draw(stones / "Quartz" / ".hidden" / "x.jpg")
    draw(stones / "__MACOSX" / "x.jpg")
    shutil.copy(stones / "Quartz/a.jpg", stones / "Quartz/._a.jpg")
    assert len(read_folders(stones)) == 4


def test_a_picture_is_known_by_its_content(stones: Path) -> None:
    (stones / "Quartz" / "a.jpg").rename(stones / "Quartz" / "from the phone")
    assert "Quartz/from the phone" in {p.image_id for p in read_folders(stones).photographs}


def test_chosen_classes_keep_their_order_and_leave_the_others_out(stones: Path) -> None:
    draw(stones / "Azurite" / "a.jpg")
    (stones / "Empty").mkdir()
    manifest = read_folders(stones, ["Quartz", "Azurite"])
    assert manifest.classes == ("Quartz", "Azurite")
    assert manifest.labels() == [0, 0, 0, 1]
    assert refusal(stones, ["Quarz", "Talc", "Empty"]) == [
        "no folder 'Quarz' for this class; did you mean Quartz?",
        "no folder 'Talc' for this class",
        "Empty: it holds no picture; needed: one or more, or remove the folder",
    ]
    with pytest.raises(ManifestError, match="the class list is empty"):
        read_folders(stones, [])


def test_every_problem_is_named_at_once(stones: Path, tmp_path: Path) -> None:
    (stones / "Empty").mkdir()
    (stones / "Only notes").mkdir()
    (stones / "Only notes" / "a.txt").write_text("to be photographed")
    (stones / "Quartz" / "clip.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    (stones / "Quartz" / "empty.jpg").touch()
    draw(stones / "Quartz" / "a.png")
    draw(stones / "loose.jpg")
    (stones / "Quartz" / "more").symlink_to(tmp_path)
    accepted = "accepted are JPEG, PNG, WebP, TIFF, GIF, BMP, MPO, AVIF and, with an extra, HEIC"
    assert refusal(stones) == [
        "loose.jpg: it is a picture outside the folders of the classes; move it into one",
        "Empty: it holds no picture; needed: one or more, or remove the folder",
        "Only notes: it holds no picture; needed: one or more, or remove the folder",
        "Quartz/a.png: a.jpg has the same name; rename or remove one of the two",
        f"Quartz/clip.mov: it is a video or another ISO media file; {accepted}",
        f"Quartz/empty.jpg: it is an empty file; {accepted}",
        "Quartz/more: it is a link to a folder, which is not followed",
    ]


def test_specimens_are_given_by_id_or_by_file(stones: Path) -> None:
    table = stones / "specimens.csv"
    table.write_text(
        "specimen,image_id\ns1,Quartz/a\ns1,Quartz/box 2/b.PNG\ns2,Quartz\\box 2\\c.webp\n"
    )
    manifest = read_folders(stones)
    assert [p.specimen for p in manifest.photographs] == ["Green stone/a", "s1", "s1", "s2"]
    assert specimens_known(manifest)
    # A table for all classes is no problem where some are chosen.
    assert len(read_folders(stones, ["Green stone"])) == 1
    table.write_text("image_id,specimen\nQuartz/d,s1\nQuartz/a,s1\nQuartz/a.jpg,s2\nQuartz/b,\n")
    assert refusal(stones) == [
        "specimens.csv line 5: specimen is empty",
        "specimens.csv line 2: no photograph 'Quartz/d'; expected its path from stones, such as "
        "Green stone/a; did you mean Quartz/a, Quartz/box 2/c, Quartz/box 2/b?",
        "specimens.csv line 4: 'Quartz/a.jpg' was given as specimen 's1' already",
    ]


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == ["no subfolder; needed: one for each class, named after it"]
    with pytest.raises(ManifestError, match="there is no such folder"):
        read_folders(tmp_path / "none")


def test_a_table_comes_first_and_names_its_classes(photos: Path, tmp_path: Path) -> None:
    manifest = open_data(photos)
    assert manifest.classes == tuple(COLORS_RGB)
    assert open_data(photos, ["Quartz"]).classes == ("Quartz",)
    folder = shutil.copytree(photos, tmp_path / "copy")
    (folder / "core_species.txt").unlink()
    assert open_data(folder).classes == tuple(sorted(COLORS_RGB))
    assert len(open_data(folder).of_classes()) == len(manifest)
    (folder / "photos.csv").write_text("image_id,species,collection,specimen\n")
    with pytest.raises(ManifestError, match=r"photos\.csv lists no photograph"):
        open_data(folder)


def layout_refusal(folder: Path) -> str:
    with pytest.raises(ManifestError) as error:
        open_data(folder)
    message = str(error.value)
    assert message.startswith(str(folder))
    for layout in (r"photos\.csv beside a folder photos/", "a subfolder of pictures", "--img-root"):
        assert re.search(layout, message)
    return message


def test_another_folder_is_described_with_the_layouts_allowed(tmp_path: Path) -> None:
    assert "there is no such folder" in layout_refusal(tmp_path / "none")
    assert f"{tmp_path} holds nothing: it has no photos.csv" in layout_refusal(tmp_path)
    for number in range(7):
        draw(tmp_path / f"{number}.jpg")
    assert "is a file; needed: a folder" in layout_refusal(tmp_path / "0.jpg")
    assert "holds 7 file(s) (0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, …)" in layout_refusal(tmp_path)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "train.txt").write_text("0/Quartz\n")
    assert (
        "and 1 folder(s) (meta/): it has no photos.csv, and meta/train.txt as the original system "
        "has, so it can't be read as one"
    ) in layout_refusal(tmp_path)
