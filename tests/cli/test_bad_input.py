"""Bad input to one identification: status 2, nothing on stdout, one clear line on stderr."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

Run = Callable[..., Result]


def refusal(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing was given; allowed: photographs, readings, or both"),
        (["--luster", " "], "nothing was given; allowed: photographs, readings, or both"),
        (["--hardness", "11"], "hardness '11': 11 is outside the range; allowed: 0.5 to 10 Mohs"),
        (["--hardness=-1"], "hardness '-1': -1 is outside the range; allowed: 0.5 to 10 Mohs"),
        (["--hardness", "abc"], "hardness 'abc' is not understood; allowed: a number (6.5), an"),
        (["--hardness", "7-6"], "hardness '7-6': the interval is upside down; write 6-7"),
        (
            ["--hardness", "scratches:knife,scratched-by:coin"],
            "is contradictory: it cannot scratch knife or glass (5.5) and be scratched by coin",
        ),
        (["--luster", "vitrious"], "unknown luster 'vitrious': did you mean vitreous"),
        (["--luster", "shiny"], "unknown luster 'shiny': how does it shine? Like polished metal"),
        (["--streak", "greeen"], "unknown streak 'greeen': did you mean green"),
        (["--acid", "boils"], "Known: none, weak, strong"),
        (["--density", "1000"], "density '1000': 1000 is outside the range; allowed: 0.5 to 25"),
        (["--hardness", "7", "--trust", "2"], "trust is 2.0; allowed: "),
        (
            ["--hardness", "7", "--confidence", "90"],
            "confidence is 90; allowed: 0 to 1; write 0.9, or 90%",
        ),
        (["--hardness", "7", "--top", "0"], "top is 0; allowed: "),
        (["--hardness", "7", "--top", "x"], "top is 'x'; allowed: a whole number from 1, or all"),
        (["--hardness", "7", "--prior", "flat"], "prior is 'flat'; allowed: commonness, uniform"),
    ],
)
def test_readings_and_options(identify: Run, arguments: list[str], message: str) -> None:
    assert message in refusal(identify(*arguments))


def _bomb() -> bytes:
    """A PNG of a few bytes that declares 200 megapixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9))


def _jpeg(width: int = 96, height: int = 64) -> bytes:
    stream = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def _png(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is an empty file; accepted are JPEG, PNG, "),
        (b"only words", "it is a text file; accepted are JPEG, PNG, "),
        (_jpeg()[:-200], "it is a JPEG picture that is cut short: the file ends before the"),
        (_png(1, 1), "it is 1 x 1 pixels; at least 16 x 16 are needed"),
        (_bomb(), "it declares 20000 x 10000 pixels (200 megapixels); at most 150 megapixels"),
    ],
)
def test_photographs(identify: Run, tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "stone.jpg"
    path.write_bytes(content)
    line = refusal(identify(path))
    assert line.startswith(f"error: photograph {path}: ") and message in line


def test_a_missing_photograph(identify: Run, tmp_path: Path) -> None:
    line = refusal(identify(tmp_path / "gone.jpg"))
    assert line.endswith("gone.jpg: there is no such file; give the path of one picture file")


def test_a_directory_as_photograph_is_told_of_folder(identify: Run, tmp_path: Path) -> None:
    line = refusal(identify(tmp_path))
    assert "it is a directory; give the path of one picture file" in line
    assert "identify --folder" in line


def test_an_unreadable_photograph(
    identify: Run, green: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def refuse(self: Path, *arguments: object, **options: object) -> object:
        if self == green:
            raise PermissionError(13, "Permission denied")
        return opened(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    assert "there is no permission to read it; give a file that this user" in refusal(
        identify(green)
    )


def test_one_bad_photograph_among_several_is_named(
    identify: Run, green: Path, tmp_path: Path
) -> None:
    assert "gone.jpg: there is no such file" in refusal(identify(green, tmp_path / "gone.jpg"))


@pytest.mark.parametrize(
    "mode", ["CMYK", "L", "P", "LA", "RGBA", "1"], ids=lambda mode: f"mode {mode}"
)
def test_unusual_pictures_are_read(identify: Run, tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("stone.jpg" if mode == "CMYK" else "stone.png")
    Image.new("RGB", (40, 30), (20, 200, 60)).convert(mode).save(path)
    assert identify(path).exit_code == 0


# --- bundles ------------------------------------------------------------------------------------


def test_a_bundle_with_a_missing_file(run: Run, own_bundle: Path) -> None:
    (own_bundle / "arrays.npz").unlink()
    line = refusal(run("identify", "--hardness", "7", "--bundle", own_bundle))
    assert f"bundle {own_bundle}: its file arrays.npz is missing" in line


def test_a_bundle_with_an_altered_file(run: Run, own_bundle: Path) -> None:
    graph = own_bundle / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b" ")
    line = refusal(run("identify", "--hardness", "7", "--bundle", own_bundle))
    assert "its file model.onnx was altered: SHA-256 is " in line


def test_a_bundle_that_is_none(run: Run, tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "it is not a model bundle: it has no model.json"),
        (tmp_path / "gone", "there is no such folder; give a folder with model.json"),
    ):
        assert message in refusal(run("identify", "--hardness", "7", "--bundle", path))


def test_a_bad_bundle_leaves_no_output_of_a_table(run: Run, own_bundle: Path) -> None:
    (own_bundle / "model.onnx").unlink()
    table = own_bundle.parent / "in.csv"
    table.write_text("hardness\n7\n")
    before = sorted(own_bundle.parent.iterdir())
    output = own_bundle.parent / "out.jsonl"
    line = refusal(run("identify", "--table", table, "--output", output, "--bundle", own_bundle))
    assert "its file model.onnx is missing" in line
    assert sorted(own_bundle.parent.iterdir()) == before
