"""Tables and folders: one line a row, in order, whole or not at all, the same after a break."""

from __future__ import annotations

import csv
import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mineralid.identify import Identifier, Report
from mineralid.identify.table import GROUP, RunSummary, answer_folder, answer_table
from mineralid.identify.table_errors import TableError
from mineralid.observation import Observation, ReadingError
from mineralid.vision import Bundle

COLORS = ((200, 170, 60), (20, 200, 60), (160, 30, 30), (240, 240, 240), (90, 90, 100))
HEADER = "specimen,photo,hardness,luster,streak"


@pytest.fixture
def stones(tmp_path: Path) -> Path:
    """A folder with photographs of five colours, and one that is no picture."""
    for number, color in enumerate(COLORS):
        Image.new("RGB", (48, 40), color).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.jpg").write_text("no picture")
    return tmp_path


def mixed_lines(count: int) -> list[str]:
    """Rows of every kind: photographs, readings, both, and each way of failing."""
    kinds = [
        "{n},{c}.png,,,",
        "{n},,7,vitreous,white",
        "{n},{c}.png|{d}.png,6.5,metallic,",
        "{n},broken.jpg,7,,",
        "{n},{d}.png,3,,red",
        "{n},,,,",
        "{n},,>coin,dull,",
        "{n},{c}.png,11,,",
        "{n},gone.jpg,,,",
        "{n},,6,dull,white,beyond",
    ]
    return [
        kinds[(n - 1) % len(kinds)].format(n=n, c=n % 5, d=(n * 3 + 1) % 5)
        for n in range(1, count + 1)
    ]


def write_table(folder: Path, lines: list[str], header: str = HEADER) -> Path:
    path = folder / "in.csv"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


def read_lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


class Interrupt(BaseException):
    """What a test raises in place of Ctrl-C."""


def interrupt_after(rows: int) -> Any:
    def progress(done: int, total: int) -> None:
        if done >= rows:
            raise Interrupt

    return progress


def test_rows_are_answered_in_order_and_failures_say_why(
    stones: Path, identifier: Identifier
) -> None:
    table, output = write_table(stones, mixed_lines(20)), stones / "out.jsonl"
    summary = answer_table(identifier, table, output)
    answers = read_lines(output)
    assert summary == RunSummary(
        rows=20,
        failed=10,
        resumed=0,
        errors=tuple((a["row"], a["error"]) for a in answers if a["error"])[:5],
    )
    assert [a["row"] for a in answers] == list(range(1, 21))
    assert [a["carried"]["specimen"] for a in answers] == [str(n) for n in range(1, 21)]
    for answer in answers:
        if answer["error"] is None:
            assert answer["candidates"] and answer["prediction_set"]
            assert 0 <= answer["unknown"] <= 1
        else:
            assert answer["candidates"] == [] and answer["prediction_set"] == []
            assert answer["unknown"] is None
    errors = [a["error"] for a in answers[:10]]
    assert [e is None for e in errors] == [True, True, True, False, True, False, True, *[False] * 3]
    assert errors[3] == (
        "photograph broken.jpg: it is a text file; accepted are JPEG, PNG, WebP, TIFF, GIF, BMP, "
        "MPO, AVIF and, with an extra, HEIC"
    )
    assert errors[5] == "nothing was given; allowed: photographs, readings, or both"
    assert errors[7].startswith("hardness '11': 11 is outside the range")
    assert errors[8].startswith("photograph gone.jpg: there is no such file")
    assert errors[9] == "the row has 6 cells, the header names 5 columns; beyond them: 'beyond'"
    assert not list(stones.glob("*.partial*"))


def test_a_row_is_what_identify_answers(stones: Path, identifier: Identifier) -> None:
    lines = ["1,0.png,,,", "2,,7,vitreous,white", "3,2.png,6.5,metallic,black"]
    output = stones / "out.jsonl"
    answer_table(identifier, write_table(stones, lines), output, top=None, confidence=0.8)
    singles = [
        identifier.identify(str(stones / "0.png"), top=None, confidence=0.8),
        identifier.identify(
            hardness=7, luster="vitreous", streak="white", top=None, confidence=0.8
        ),
        identifier.identify(
            str(stones / "2.png"),
            hardness=6.5,
            luster="metallic",
            streak="black",
            top=None,
            confidence=0.8,
        ),
    ]
    for answer, single in zip(read_lines(output), singles, strict=True):
        row = Report.model_validate(answer)
        assert row.prediction_set == single.prediction_set
        assert row.level == single.level and row.answer == single.answer
        assert [c.name for c in row.candidates] == [c.name for c in single.candidates]
        np.testing.assert_allclose(
            [c.probability for c in row.candidates],
            [c.probability for c in single.candidates],
            atol=1e-6,
        )
        assert row.unknown is not None
        assert sum(c.probability for c in row.candidates) + row.unknown == pytest.approx(1)
        assert row.confidence == 0.8


def test_photographs_are_found_beside_the_table(
    stones: Path, identifier: Identifier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    table = write_table(stones, ["1,0.png,,,"])
    answer_table(identifier, table, stones / "a.jsonl")
    monkeypatch.chdir(elsewhere)
    answer_table(identifier, f"../{table.name}", "b.jsonl")
    assert (elsewhere / "b.jsonl").read_bytes() == (stones / "a.jsonl").read_bytes()
    assert read_lines(elsewhere / "b.jsonl")[0]["photos"] == ["0.png"]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("after", [0, 1, GROUP, 2 * GROUP + 3, 33, 37])
def test_resuming_gives_the_same_bytes(
    stones: Path, identifier: Identifier, suffix: str, after: int
) -> None:
    table = write_table(stones, mixed_lines(37))
    whole, broken = stones / f"whole{suffix}", stones / f"broken{suffix}"
    first = answer_table(identifier, table, whole)
    partial = broken.with_name(broken.name + ".partial")
    with pytest.raises(Interrupt):
        answer_table(identifier, table, broken, progress=interrupt_after(after))
    assert not broken.exists() and partial.exists() == (after > 0)
    second = answer_table(identifier, table, broken, resume=True)
    assert broken.read_bytes() == whole.read_bytes()
    assert second.rows == first.rows and second.failed == first.failed
    assert second.resumed == after // GROUP * GROUP
    assert not list(stones.glob("*.partial*"))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("torn", [1, 40, 4000])
def test_a_torn_last_line_is_dropped(
    stones: Path, identifier: Identifier, suffix: str, torn: int
) -> None:
    table = write_table(stones, mixed_lines(30))
    whole, broken = stones / f"whole{suffix}", stones / f"broken{suffix}"
    answer_table(identifier, table, whole)
    with pytest.raises(Interrupt):
        answer_table(identifier, table, broken, progress=interrupt_after(20))
    partial = broken.with_name(broken.name + ".partial")
    partial.write_bytes(partial.read_bytes()[:-torn])
    answer_table(identifier, table, broken, resume=True)
    assert broken.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_partial_that_was_damaged_is_kept_up_to_the_damage(
    stones: Path, identifier: Identifier, suffix: str
) -> None:
    table = write_table(stones, mixed_lines(30))
    whole, broken = stones / f"whole{suffix}", stones / f"broken{suffix}"
    answer_table(identifier, table, whole)
    with pytest.raises(Interrupt):
        answer_table(identifier, table, broken, progress=interrupt_after(20))
    partial = broken.with_name(broken.name + ".partial")
    lines = partial.read_bytes().splitlines(keepends=True)
    del lines[10]
    partial.write_bytes(b"".join(lines))
    summary = answer_table(identifier, table, broken, resume=True)
    assert summary.resumed == {".jsonl": 10, ".csv": 9}[suffix] // GROUP * GROUP  # csv: a header
    assert broken.read_bytes() == whole.read_bytes()


def test_threads_change_no_bit(stones: Path, bundle: Bundle, identifier: Identifier) -> None:
    table = write_table(stones, mixed_lines(30))
    answer_table(identifier, table, stones / "one.jsonl")
    three = Identifier(bundle, catalogue=identifier.catalogue, threads=3)
    answer_table(three, table, stones / "three.jsonl")
    assert (stones / "one.jsonl").read_bytes() == (stones / "three.jsonl").read_bytes()


def test_an_older_output_stays_until_the_new_one_is_whole(
    stones: Path, identifier: Identifier
) -> None:
    table, output = write_table(stones, mixed_lines(20)), stones / "out.jsonl"
    output.write_text("older\n")
    with pytest.raises(Interrupt):
        answer_table(identifier, table, output, progress=interrupt_after(9))
    assert output.read_text() == "older\n"
    answer_table(identifier, table, output)  # without resume a run starts again
    assert len(read_lines(output)) == 20


def test_another_run_is_not_gone_on_with(stones: Path, identifier: Identifier) -> None:
    table, output = write_table(stones, mixed_lines(20)), stones / "out.jsonl"

    def interrupted(**options: Any) -> None:
        with pytest.raises(Interrupt):
            answer_table(identifier, table, output, progress=interrupt_after(9), **options)

    interrupted(confidence=0.8)
    before = (stones / "out.jsonl.partial").read_bytes()
    with pytest.raises(TableError) as caught:
        answer_table(identifier, table, output, resume=True)
    text = str(caught.value)
    assert "out.jsonl.partial belongs to another run (confidence was 0.8, is 0.9)" in text
    assert "to start again" in text
    assert (stones / "out.jsonl.partial").read_bytes() == before

    interrupted()
    write_table(stones, mixed_lines(19))
    with pytest.raises(TableError, match="table sha256 was "):
        answer_table(identifier, table, output, resume=True)

    (stones / "out.jsonl.partial.json").write_text("{")
    with pytest.raises(TableError, match=r"out.jsonl.partial.json does not say which run"):
        answer_table(identifier, table, output, resume=True)
    assert not output.exists()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("rows", [0, 3, 9, 13])
def test_a_partial_alone_is_gone_on_with_where_its_rows_are_this_runs(
    stones: Path, identifier: Identifier, suffix: str, rows: int
) -> None:
    table, whole, output = write_table(stones, mixed_lines(13)), f"whole{suffix}", f"o{suffix}"
    answer_table(identifier, table, stones / whole)
    lines = (stones / whole).read_bytes().splitlines(keepends=True)
    partial = stones / f"{output}.partial"
    partial.write_bytes(b"".join(lines[: rows + (suffix == ".csv")]))
    summary = answer_table(identifier, table, stones / output, resume=True)
    assert (stones / output).read_bytes() == (stones / whole).read_bytes()
    assert summary.resumed == rows // GROUP * GROUP
    assert not partial.exists() and not (stones / f"{output}.partial.json").exists()

    partial.write_bytes(b"".join(lines[:9]))
    with pytest.raises(TableError, match="its rows from 1 on are not what this run gives"):
        answer_table(identifier, table, stones / output, resume=True, confidence=0.5)
    assert partial.read_bytes() == b"".join(lines[:9])


def test_with_nothing_to_go_on_from_resume_starts(stones: Path, identifier: Identifier) -> None:
    table, output = write_table(stones, mixed_lines(5)), stones / "out.jsonl"
    assert answer_table(identifier, table, output, resume=True).resumed == 0
    assert len(read_lines(output)) == 5


def test_a_table_without_rows_gives_an_empty_output(stones: Path, identifier: Identifier) -> None:
    assert answer_table(identifier, write_table(stones, []), stones / "o.jsonl").rows == 0
    assert (stones / "o.jsonl").read_bytes() == b""


def test_csv_holds_what_the_json_lines_hold(stones: Path, identifier: Identifier) -> None:
    lines = [*mixed_lines(12), '"a ""quoted"", name",,7,vitreous,']
    table = write_table(stones, lines)
    answer_table(identifier, table, stones / "o.jsonl")
    answer_table(identifier, table, stones / "o.csv")
    text = (stones / "o.csv").read_text(encoding="utf-8")
    assert text.count("\n") == len(lines) + 1
    for row, answer in zip(
        csv.DictReader(text.splitlines()), read_lines(stones / "o.jsonl"), strict=True
    ):
        assert row["row"] == str(answer["row"])
        assert row["error"] == (answer["error"] or "")
        assert row["specimen"] == answer["carried"]["specimen"]
        pairs = [pair.split("=") for pair in row["candidates"].split("|") if pair]
        assert [n for n, _ in pairs] == [c["name"] for c in answer["candidates"]]
        assert [float(p) for _, p in pairs] == pytest.approx(
            [c["probability"] for c in answer["candidates"]], rel=1e-5
        )
        if answer["candidates"]:
            assert row["best"] == pairs[0][0] and row["probability"] == pairs[0][1]
        else:
            assert row["best"] == row["probability"] == row["confidence"] == row["prior"] == ""
        assert [n for n in row["prediction_set"].split("|") if n] == answer["prediction_set"]
        if answer["unknown"] is None:
            assert row["unknown"] == ""
        else:
            assert float(row["unknown"]) == pytest.approx(answer["unknown"], rel=1e-5)


def test_csv_prefixes_a_carried_column_on_a_clash_and_keeps_one_line_a_row(
    stones: Path, identifier: Identifier
) -> None:
    table = write_table(stones, ['7,my own,"two\nlines"'], header="hardness,answer,note")
    answer_table(identifier, table, stones / "o.csv")
    header, row = csv.reader((stones / "o.csv").read_text().splitlines())
    found = dict(zip(header, row, strict=True))
    assert found["carried_answer"] == "my own" and "answer" in header
    assert found["note"] == "two lines"


def test_every_photograph_below_a_folder(stones: Path, identifier: Identifier) -> None:
    (stones / "b" / ".hidden").mkdir(parents=True)
    for name in ("b/x.JPG", "b/.y.jpg", "b/.hidden/z.jpg", "a.webp", "b/x.tif"):
        Image.new("RGB", (40, 40), (9, 99, 9)).save(stones / name)
    (stones / "notes.txt").write_text("no photograph")
    output = stones / "out.jsonl"
    summary = answer_folder(identifier, stones, output)
    answers = read_lines(output)
    assert [a["photo"] for a in answers] == [
        "0.png", "1.png", "2.png", "3.png", "4.png", "a.webp", "b/x.JPG", "b/x.tif", "broken.jpg",
    ]  # fmt: skip
    assert [a["row"] for a in answers] == list(range(1, 10))
    assert summary == RunSummary(9, 1, 0, errors=((9, answers[-1]["error"]),))
    assert answers[-1]["error"].startswith("photograph broken.jpg: it is a text file")
    answer_folder(identifier, stones, stones / "out.csv")
    rows = list(csv.DictReader((stones / "out.csv").read_text().splitlines()))
    assert [row["photo"] for row in rows] == [a["photo"] for a in answers]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_folder_can_be_gone_on_with(stones: Path, identifier: Identifier, suffix: str) -> None:
    answer_folder(identifier, stones, stones / f"whole{suffix}")
    broken = stones / f"broken{suffix}"
    with pytest.raises(Interrupt):
        answer_folder(identifier, stones, broken, progress=interrupt_after(5))
    assert answer_folder(identifier, stones, broken, resume=True).resumed == 5 // GROUP * GROUP
    assert broken.read_bytes() == (stones / f"whole{suffix}").read_bytes()
    with pytest.raises(Interrupt):
        answer_folder(identifier, stones, broken, progress=interrupt_after(5))
    (stones / "4.png").unlink()
    with pytest.raises(TableError, match="photographs sha256 was "):
        answer_folder(identifier, stones, broken, resume=True)


def test_a_name_that_is_no_utf8_is_answered_too(tmp_path: Path, identifier: Identifier) -> None:
    name = b"stone-\xe9.png".decode("utf-8", "surrogateescape")
    try:
        Image.new("RGB", (40, 40)).save(tmp_path / name, format="PNG")
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    answer_folder(identifier, tmp_path, tmp_path / "out.jsonl")
    (answer,) = read_lines(tmp_path / "out.jsonl")
    assert answer["photo"] == "stone-\\xe9.png" and answer["error"] is None


def test_folders_without_photographs_are_refused(tmp_path: Path, identifier: Identifier) -> None:
    with pytest.raises(TableError, match=r"it holds no photograph; looked for \.jpg \.jpeg"):
        answer_folder(identifier, tmp_path, tmp_path / "o.jsonl")
    with pytest.raises(TableError, match="there is no such folder"):
        answer_folder(identifier, tmp_path / "gone", tmp_path / "o.jsonl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("out.txt", "its suffix is '.txt'; allowed: .jsonl or .csv"),
        ("out", "its suffix is ''; allowed: .jsonl or .csv"),
        ("gone/out.jsonl", "there is no folder"),
        ("folder.jsonl", "it is a folder; give the name of a file"),
        ("in.csv", "it would overwrite the table"),
    ],
)
def test_outputs_that_cannot_be_written(
    stones: Path, identifier: Identifier, output: str, words: str
) -> None:
    (stones / "folder.jsonl").mkdir()
    table = write_table(stones, mixed_lines(3))
    before = sorted(stones.rglob("*")), table.read_bytes()
    with pytest.raises(TableError, match=words.replace("(", r"\(")):
        answer_table(identifier, table, stones / output)
    assert (sorted(stones.rglob("*")), table.read_bytes()) == before


def test_bad_options_are_refused_before_anything_is_written(
    stones: Path, identifier: Identifier
) -> None:
    table = write_table(stones, mixed_lines(3))
    with pytest.raises(ReadingError, match=r"confidence is 1\.5; allowed: above 0"):
        answer_table(identifier, table, stones / "o.jsonl", confidence=1.5)
    assert not list(stones.glob("o.*"))


def test_a_full_disk_keeps_the_rows_so_far(
    stones: Path, identifier: Identifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mineralid.identify.table_partial import PartialOutput

    table, output = write_table(stones, mixed_lines(20)), stones / "o.jsonl"
    write = PartialOutput.write

    def fail(self: PartialOutput, line: str) -> None:
        if self.rows == 9:
            self._stream.close()
            monkeypatch.setattr(self, "_stream", _FullDisk())
        write(self, line)

    monkeypatch.setattr(PartialOutput, "write", fail)
    with pytest.raises(
        TableError, match=r"cannot be written \(No space left on device\); the rows"
    ):
        answer_table(identifier, table, output)
    assert len(read_lines(stones / "o.jsonl.partial")) == 9 and not output.exists()


class _FullDisk:
    closed = False

    def write(self, _: bytes) -> None:
        raise OSError(28, "No space left on device")

    def close(self) -> None:
        raise OSError(28, "No space left on device")


def _peak_rise(identifier: Identifier, folder: Path, count: int) -> float:
    """Rise in this process's peak memory over a run, in MB."""
    lines = ["x" * 60 + ",,7,vitreous,white"] * count
    table = write_table(folder, lines)
    del lines
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer_table(identifier, table, folder / "out.jsonl")
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _most_held(identifier: Identifier, folder: Path, count: int) -> int:
    """Most rows read from the table and not yet answered."""
    from mineralid.identify import table as module
    from mineralid.identify.table_rows import open_table

    opened = open_table(write_table(folder, ["x,,7,,"] * count))
    read, most = 0, 0

    def rows() -> Any:
        nonlocal read
        for row in opened.read():
            read += 1
            yield row

    for answered, _ in enumerate(module.answer_rows(identifier, rows())):
        most = max(most, read - answered)
    assert read == count
    return most


def test_few_rows_are_held_at_once_however_many_there_are(
    tmp_path: Path, identifier: Identifier
) -> None:
    held = _most_held(identifier, tmp_path, 300)
    assert held == _most_held(identifier, tmp_path, 900) <= 16 * GROUP


@pytest.mark.slow
def test_memory_stays_flat_over_100_000_rows(tmp_path: Path, identifier: Identifier) -> None:
    answer_table(identifier, write_table(tmp_path, ["x,,7,,"] * 100), tmp_path / "warm.jsonl")
    assert _peak_rise(identifier, tmp_path, 100_000) < 60
    with (tmp_path / "out.jsonl").open() as stream:
        assert sum(1 for _ in stream) == 100_000


def test_observation_of_a_row_needs_no_open_photograph(identifier: Identifier) -> None:
    # The run decides on the names alone, so that they may be ones that no file has here.
    from mineralid.vision import ItemScores

    scored = ItemScores(np.zeros((1, 5), np.float32), np.zeros((1, 8), np.float32))
    report = identifier.decide(Observation(("not here.jpg",), {}), scored)
    assert report.photos == ["not here.jpg"]
