"""The original system's layout: two lists of lines, every problem named at once with its line."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from generated_photos import COLORS_RGB, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mineralid.lab.data.manifest import ManifestError, present
from mineralid.lab.data.original_layout import ListReader, OriginalData, read_original
from mineralid.lab.training.runs import decode_all

CLASSES = ("Smoky Quartz", "Hematite", "Azurite", "Galena")
TRAIN = "a/Smoky Quartz\nb/Hematite\nc/Azurite\n"
TEST = "d/Hematite\n"


def write_layout(folder: Path, train: str | bytes = TRAIN, test: str | bytes = TEST) -> Path:
    """Write pictures a … e and the two lists."""
    (folder / "img").mkdir(parents=True)
    (folder / "meta").mkdir()
    for seed, name in enumerate("abcde"):
        stone = picture(COLORS_RGB["Azurite"], seed, side=24)
        Image.fromarray(stone).save(folder / "img" / f"{name}.jpg")
    for name, text in (("train.txt", train), ("val.txt", test)):
        data = text.encode() if isinstance(text, str) else text
        (folder / "meta" / name).write_bytes(data)
    return folder


def read(folder: Path) -> OriginalData:
    return read_original(folder / "img", folder / "meta", CLASSES)


def problems(folder: Path) -> list[str]:
    """The problems that reading raises, without the heading and the classes allowed."""
    with pytest.raises(ManifestError) as error:
        read(folder)
    heading, *lines = str(error.value).splitlines()
    found = [line.strip() for line in lines if line.startswith("  ")]
    assert heading == (
        f"{folder / 'meta'} with the photographs in {folder / 'img'}: {len(found)} problem(s):"
    )
    return found


def test_train_and_val_are_read_in_order_and_val_is_the_test_set(tmp_path: Path) -> None:
    data = read(write_layout(tmp_path))
    assert [(p.image_id, p.species) for p in data.train.photographs] == [
        ("a", "Smoky Quartz"),
        ("b", "Hematite"),
        ("c", "Azurite"),
    ]
    assert [(p.image_id, p.species) for p in data.test.photographs] == [("d", "Hematite")]
    assert data.train.classes == data.test.classes == CLASSES
    assert present(data.train) == CLASSES[:3]
    assert present(data.test) == ("Hematite",)
    assert data.train.labels() == [0, 1, 2]
    assert {p.collection for p in data.train.photographs} == {"original"}
    assert [image.shape for image in decode_all(data.test)] == [(24, 32, 3)]


@pytest.mark.parametrize(
    "written",
    [
        TRAIN.rstrip("\n").encode(),
        f"{TRAIN}\n".encode(),
        TRAIN.replace("\n", "\r\n").encode(),
        codecs.BOM_UTF8 + TRAIN.encode(),
    ],
    ids=["no last line end", "blank last line", "Windows line ends", "byte order mark"],
)
def test_how_a_text_file_was_saved_makes_no_difference(tmp_path: Path, written: bytes) -> None:
    plain = read(write_layout(tmp_path / "plain"))
    other = read(write_layout(tmp_path / "other", written))
    told = [[(p.image_id, p.species) for p in d.train.photographs] for d in (plain, other)]
    assert told[0] == told[1]


def test_every_problem_is_named_at_once_with_file_and_line(tmp_path: Path) -> None:
    folder = write_layout(
        tmp_path,
        "a/Smoky Quartz\n\nnowhere/Hematite\nb/Hematit\nb\n/Hematite\nc/\nc/x/Hematite\na/Azurite\n"
        "text/Azurite\nback\\slash/Azurite\n",
        "a/Smoky Quartz\nd/Hematite\ne/Quartz\nlost/Nothing\n",
    )
    (folder / "img" / "text.jpg").write_text("no picture")
    form = "expected <image_id>/<class_name>"
    assert problems(folder) == [
        f"train.txt line 2: it is empty; {form}",
        "train.txt line 3: photograph nowhere.jpg: there is no such file",
        "train.txt line 4: unknown class 'Hematit'; did you mean Hematite?",
        f"train.txt line 5: 'b'; {form}",
        f"train.txt line 6: '/Hematite'; {form}",
        f"train.txt line 7: 'c/'; {form}",
        f"train.txt line 8: 'c/x/Hematite' has more than one '/'; {form}",
        "train.txt line 9: image_id a was in line 1 already",
        "train.txt line 10: photograph text.jpg: it is a text file; accepted are JPEG, PNG, WebP, "
        "TIFF, GIF, BMP, MPO, AVIF and, with an extra, HEIC",
        "train.txt line 11: image_id 'back\\\\slash' holds a backslash or a control character",
        "val.txt line 1: image_id a is in train.txt line 1 too: one photograph on both sides is a "
        "leak",
        "val.txt line 3: unknown class 'Quartz'; did you mean Smoky Quartz?",
        "val.txt line 4: unknown class 'Nothing'",
        "val.txt line 4: photograph lost.jpg: there is no such file",
    ]
    with pytest.raises(ManifestError, match=r"\nThe 4 classes allowed: Smoky Quartz, Hematite, "):
        read(folder)


def test_a_long_list_of_problems_is_cut_and_counted(tmp_path: Path) -> None:
    folder = write_layout(tmp_path, "".join(f"p{i}/Hematite\n" for i in range(70)))
    with pytest.raises(ManifestError, match=r"70 problem\(s\)") as error:
        read(folder)
    lines = str(error.value).splitlines()
    assert len(lines) == 52
    assert lines[-1].strip() == "and 20 more"


def test_files_that_are_not_there_or_not_utf8_are_named_with_the_rest(tmp_path: Path) -> None:
    folder = write_layout(tmp_path, TRAIN.encode() + "d/Aérinite".encode("latin-1"))
    (folder / "meta" / "val.txt").unlink()
    (folder / "meta" / "specimens.csv").write_text("image,stone\n")
    assert problems(folder) == [
        "train.txt line 4 is not UTF-8: byte 0xe9 can't be read; save it as UTF-8",
        f"val.txt: there is no such file in {folder / 'meta'}",
        "specimens.csv line 1: column(s) image_id, specimen missing; needed: image_id, specimen",
    ]


def test_an_empty_list_and_absent_pictures_are_problems(tmp_path: Path) -> None:
    folder = write_layout(tmp_path, test="\n\n")
    for file in (folder / "img").iterdir():
        file.unlink()
    (folder / "img").rmdir()
    assert problems(folder) == [
        f"no folder {folder / 'img'}, where the photographs should be",
        "val.txt line 1: it lists no photograph; needed: <image_id>/<class_name>",
    ]


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ((), "the class list is empty"),
        (("Gold", "Talc", "Gold"), "the class list names Gold more than once"),
        (("Gold", " "), "the class list holds an empty name: 'Gold', ' '"),
        ("Gold", "the class list is 'Gold'; allowed: a sequence of names"),
    ],
)
def test_a_class_list_that_is_none_is_refused(
    tmp_path: Path, classes: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ManifestError, match=sentence):
        read_original(tmp_path, tmp_path, classes)


def test_without_a_table_of_specimens_every_photograph_is_its_own_and_that_is_said(
    tmp_path: Path,
) -> None:
    data = read(write_layout(tmp_path))
    assert not data.specimens_known
    assert all(p.specimen == p.image_id for p in data.train.photographs)
    assert data.notes == (
        f"There is no specimens.csv beside {tmp_path / 'meta' / 'train.txt'}: photographs of one "
        "stone may lie on both sides of the validation split.",
    )


def test_specimens_come_from_the_table_and_what_it_shows_is_noted(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    table = folder / "meta" / "specimens.csv"
    table.write_text("note,image_id,specimen\nx,a,s1\nx,b,s1\nx,d,s1\nx,elsewhere,s9\n")
    data = read(folder)
    assert data.specimens_known
    assert [p.specimen for p in data.train.photographs] == ["s1", "s1", "c"]
    assert [p.specimen for p in data.test.photographs] == ["s1"]
    missing, unused, leak = data.notes
    assert missing.startswith("specimens.csv has no entry for 1 of the 4 photographs")
    assert unused.startswith("specimens.csv has 1 entries for photographs that are in neither")
    assert leak == (
        "1 specimen(s) are photographed in both train.txt and val.txt (s1): figures on the test "
        "set flatter."
    )
    table.write_text("image_id,specimen\na,s1\nb,s1\nc,s2\nd,s3\n")
    assert read(folder).notes == ()
    # A table that fits none of the photographs tells nothing of their stones.
    table.write_text("image_id,specimen\na.jpg,s1\n")
    assert not read(folder).specimens_known


def test_bad_lines_of_the_table_of_specimens_are_named(tmp_path: Path) -> None:
    folder = write_layout(tmp_path, "a/Gold\n")
    (folder / "meta" / "specimens.csv").write_text("image_id,specimen\na,\nb,s1\nb,s1\nc\n")
    assert problems(folder) == [
        "train.txt line 1: unknown class 'Gold'",
        "specimens.csv line 2: specimen is empty",
        "specimens.csv line 4: image_id b was in line 3 already",
        "specimens.csv line 5: specimen is empty",
    ]


@settings(max_examples=100, deadline=None)
@given(
    entries=st.lists(
        st.tuples(
            st.text(st.characters(categories=("L", "N", "P"), exclude_characters="/\\")).filter(
                bool
            ),
            st.sampled_from(CLASSES),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda e: e[0],
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_is_written_is_read_back(entries: list[tuple[str, str]], end: str) -> None:
    reader = ListReader(CLASSES, lambda _: None)
    found = reader.read("".join(f"{i}/{c}{end}" for i, c in entries), "train.txt")
    assert reader.problems == []
    assert [(e.image_id, e.class_name) for e in found] == entries
    assert [e.line for e in found] == list(range(1, len(entries) + 1))


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("ab/\\ \n\r\0é\x0b") | st.characters(), max_size=40))
def test_every_line_of_any_text_is_read_or_named(text: str) -> None:
    reader = ListReader(("a", "b"), lambda _: None)
    found = reader.read(text, "list")
    told = {int(p.removeprefix("list line ").partition(":")[0]) for p in reader.problems}
    lines = text.rstrip().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert {e.line for e in found} | told == set(range(1, len(lines) + 1))
    assert told.isdisjoint(e.line for e in found)


def test_the_photographs_here_are_in_this_layout(shared: Path) -> None:
    folder = shared / "minerals"
    lists = [folder / "meta" / name for name in ("train.txt", "val.txt")]
    if not all(path.is_file() for path in lists):
        pytest.skip(f"needs train.txt and val.txt in {folder / 'meta'}")
    listed = {line.partition("/")[2] for p in lists for line in p.read_text().splitlines()}
    data = read_original(folder / "photos", folder / "meta", [*sorted(listed), "Demantoid"])
    assert (len(data.train), len(data.test)) == (998, 261)
    assert (len(present(data.train)), len(present(data.test))) == (35, 30)
    assert len(data.train.classes) == 36
    assert not data.specimens_known
