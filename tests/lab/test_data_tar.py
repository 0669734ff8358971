"""A test set in a tar: read into memory, nothing on the disk, nothing beyond the limits."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from generated_photos import COLORS_RGB, picture
from PIL import Image

from mineralid.lab.data import tar_set
from mineralid.lab.data.manifest import Manifest, ManifestError
from mineralid.lab.data.tar_set import read_tar
from mineralid.lab.training.runs import decode_all
from mineralid.vision import PhotoError
from mineralid.vision.decode import decode

CLASSES = ("Smoky Quartz", "Hematite")
LIST = "a/Smoky Quartz\nb/Hematite\n"


def jpeg(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(COLORS_RGB["Azurite"], seed, side=24)).save(stream, "JPEG")
    return stream.getvalue()


PICTURES = {"set/img/a.jpg": jpeg(0), "set/img/b.jpg": jpeg(1)}


def write_tar(path: Path, files: Mapping[str, bytes | str], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ManifestError) as error:
        read_tar(path, CLASSES)
    return str(error.value)


@pytest.mark.parametrize("packed", ["", "gz", "bz2", "xz"])
@pytest.mark.parametrize("name", ["val.txt", "meta/test.txt", "labels.txt"])
def test_pictures_are_read_into_memory_and_nothing_is_unpacked(
    tmp_path: Path, packed: str, name: str
) -> None:
    # The list comes last, and the pictures in another order than its lines.
    files = {"set/img/b.jpg": jpeg(1), "set/img/a.jpg": jpeg(0), "set/img/z.jpg": jpeg(2)}
    path = write_tar(tmp_path / "test.tar", {**files, name: LIST}, f"w:{packed}")
    manifest = read_tar(path, CLASSES)
    assert list(tmp_path.iterdir()) == [path]
    assert [(p.image_id, p.species) for p in manifest.photographs] == [
        ("a", "Smoky Quartz"),
        ("b", "Hematite"),
    ]
    assert [p.photo for p in manifest.photographs] == [jpeg(0), jpeg(1)]
    assert manifest.photographs[0].path == Path(f"{path}!set/img/a.jpg")
    assert manifest.classes == CLASSES
    for photograph, image in zip(manifest.photographs, decode_all(manifest), strict=True):
        np.testing.assert_array_equal(image, decode(photograph.data or b""))


def test_val_is_chosen_among_lists_and_what_macos_adds_is_passed_over(tmp_path: Path) -> None:
    others = {"train.txt": "z/Hematite\n", "test.txt": "z/Hematite\n", "meta/._val.txt": b"\0\5"}
    path = write_tar(
        tmp_path / "t.tar", {"img/._a.jpg": b"\0\5", **others, "val.txt": LIST, **PICTURES}
    )
    assert len(read_tar(path, CLASSES)) == 2


def test_a_picture_in_memory_is_named_by_its_place_where_it_is_damaged(tmp_path: Path) -> None:
    cut = {**PICTURES, "set/img/b.jpg": jpeg(1)[:-40]}
    manifest = read_tar(write_tar(tmp_path / "t.tar", {"val.txt": LIST, **cut}), CLASSES)
    with pytest.raises(PhotoError, match=r"t\.tar!set/img/b\.jpg: it is a JPEG .* cut short"):
        decode_all(manifest)
    assert "data" not in repr(manifest.photographs[0])


def test_every_problem_is_named_at_once_with_list_and_line(tmp_path: Path) -> None:
    lines = "a/Smoky Quartz\na/Hematite\nb/Hematit\n\nc/Hematite\nlink/Hematite\ntwice/Hematite\n"
    path = tmp_path / "t.tar"
    write_tar(path, {"val.txt": lines, **PICTURES, "c.jpg": "words"})
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("img/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name in ("x/twice.jpg", "y/twice.jpg"):
            tar.addfile(tarfile.TarInfo(name))
    heading, *found, allowed = refusal(path).splitlines()
    assert heading == f"{path}: 6 problem(s):"
    assert [line.removeprefix("  t.tar!val.txt line ") for line in found] == [
        "2: image_id a was in line 1 already",
        "3: unknown class 'Hematit'; did you mean Hematite?",
        "4: it is empty; expected <image_id>/<class_name>",
        "6: photograph link.jpg: img/link.jpg is a link, and links in a tar are not followed",
        "7: photograph twice.jpg: it is there twice: x/twice.jpg, y/twice.jpg",
        "5: photograph c.jpg: it is a text file; accepted are JPEG, PNG, WebP, TIFF, GIF, BMP, "
        "MPO, AVIF and, with an extra, HEIC",
    ]
    assert allowed == "The 2 classes allowed: Smoky Quartz, Hematite"


def test_of_a_file_that_was_added_twice_the_later_holds(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "t.tar", {"val.txt": LIST, **PICTURES})
    write_tar(path, {"set/img/a.jpg": jpeg(7)}, "a")
    assert read_tar(path, CLASSES).photographs[0].data == jpeg(7)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "it holds no .txt file; needed: one list"),
        ({"a.txt": LIST, "b.txt": LIST}, "it holds a.txt, b.txt; needed: one list"),
        ({"a/val.txt": LIST, "b/val.txt": LIST}, "it holds a/val.txt, b/val.txt; needed: one"),
    ],
)
def test_no_list_or_two_are_refused(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    path = write_tar(tmp_path / "t.tar", {**files, **PICTURES})
    assert refusal(path).startswith(f"{path}: {sentence}")


def test_limits_on_size_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tar(tmp_path / "t.tar", {"val.txt": LIST, **PICTURES})
    size = len(PICTURES["set/img/b.jpg"])
    monkeypatch.setattr(tar_set, "MAX_MEMBER_BYTES", size - 1)
    assert f"line 2: photograph b.jpg: it has {size} bytes; allowed: {size - 1}" in refusal(path)
    monkeypatch.setattr(tar_set, "MAX_MEMBER_BYTES", 5)
    assert refusal(path) == f"{path}!val.txt: it has {len(LIST)} bytes; allowed: 5"
    monkeypatch.setattr(tar_set, "MAX_TOTAL_BYTES", 100)
    assert "at 'set/img/a.jpg' it comes to 2 files of" in refusal(path)
    monkeypatch.setattr(tar_set, "MAX_TOTAL_BYTES", 2**40)
    monkeypatch.setattr(tar_set, "MAX_MEMBERS", 1)
    assert "allowed: 1 files" in refusal(path)


def test_a_size_that_is_only_declared_is_refused_unread(tmp_path: Path) -> None:
    member = tarfile.TarInfo("bomb.jpg")
    member.size = 2**50
    path = tmp_path / "t.tar"
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert f"{2**50} bytes unpacked; allowed" in refusal(path)


def test_a_file_that_is_no_tar_is_named(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path / "t.tar") == f"{tmp_path / 't.tar'}: there is no such file; needed: a tar"
    )
    assert refusal(tmp_path) == f"{tmp_path} is a folder; needed: a tar"
    for content in (b"", b"words", bytes(512) + b"x" * 512):
        (tmp_path / "t.tar").write_bytes(content)
        with pytest.raises(ManifestError, match=r"t\.tar"):
            read_tar(tmp_path / "t.tar", CLASSES)


@pytest.mark.parametrize("packed", ["", "gz", "bz2", "xz"])
def test_a_damaged_tar_is_refused_or_read_but_never_anything_else(
    tmp_path: Path, packed: str
) -> None:
    path = write_tar(tmp_path / "t.tar", {**PICTURES, "val.txt": LIST}, f"w:{packed}")
    whole = path.read_bytes()
    draw = random.Random(0)
    refused = 0
    for _ in range(60):
        data = bytearray(whole)
        if draw.random() < 0.5:
            del data[draw.randrange(len(data)) :]
        else:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(data))
        try:
            found: Manifest | None = read_tar(path, CLASSES)
        except ManifestError as error:
            refused += 1
            assert "t.tar" in str(error)
        else:
            assert found is not None and len(found) == 2
    assert refused > 10


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "t.tar", {"val.txt": "a/Hematite\n", **PICTURES})
    data = bytearray(path.read_bytes())
    data[data.index(b"set/img/b.jpg")] ^= 1
    path.write_bytes(bytes(data))
    assert "can't be read as a tar (no header at byte" in refusal(path)
