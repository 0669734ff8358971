"""`mineralid identify --table` and `--folder`: exit status, messages, and nothing half done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from mineralid.identify import table as runs

Run = Callable[..., Result]


@pytest.fixture
def table(green: Path) -> Path:
    """Three rows that can be answered."""
    path = green.parent / "in.csv"
    path.write_text(
        "photo,hardness,luster,note\ngreen.png,,,a\n,7,glassy,b\ngreen.png,3.5,dull,c\n"
    )
    return path


def answers(output: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


def test_all_answered(identify: Run, table: Path) -> None:
    output = table.parent / "out.jsonl"
    result = identify("--table", table, "--output", output)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"{output}: 3 rows"
    assert [a["carried"] for a in answers(output)] == [{"note": "a"}, {"note": "b"}, {"note": "c"}]


def test_a_failed_row_gives_status_1_and_all_others_are_answered(
    identify: Run, table: Path
) -> None:
    with table.open("a") as stream:
        stream.write("gone.png,,,d\n,7,,e\n")
    output = table.parent / "out.jsonl"
    result = identify("--table", table, "--output", output)
    assert result.exit_code == 1
    assert "5 rows, 1 of them without an answer: see `error`" in result.stderr
    assert [a["error"] is None for a in answers(output)] == [True, True, True, False, True]


def test_top_all_sums_to_one(identify: Run, table: Path) -> None:
    output = table.parent / "out.jsonl"
    identify("--table", table, "--output", output, "--top", "all")
    for answer in answers(output):
        total = sum(c["probability"] for c in answer["candidates"])  # type: ignore[attr-defined]
        assert total + answer["unknown"] == pytest.approx(1)


def test_csv_output(identify: Run, table: Path) -> None:
    output = table.parent / "out.csv"
    assert identify("--table", table, "--output", output).exit_code == 0
    header, *rows = output.read_text(encoding="utf-8").splitlines()
    assert header.startswith(
        "row,error,level,answer,answer_probability,why_unknown,best,probability,leading_species,"
    ) and header.endswith(",note")
    assert len(rows) == 3


def test_a_folder(identify: Run, green: Path) -> None:
    output = green.parent / "out.jsonl"
    assert identify("--folder", green.parent, "--output", output).exit_code == 0
    (answer,) = answers(output)
    assert answer["photo"] == "green.png"


def test_a_column_carried_by_mistake_is_pointed_out(identify: Run, table: Path) -> None:
    table.write_text("hardness,lustre\n7,glassy\n")
    result = identify("--table", table, "--output", table.parent / "out.jsonl")
    assert "note: column 'lustre' is carried along unread; was 'luster' meant?" in result.stderr


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(
    identify: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write_text("hardness\n" + "7\n" * 30)
    output, whole = table.parent / "out.jsonl", table.parent / "whole.jsonl"
    identify("--table", table, "--output", whole)
    answer, answered = runs._answer, 0

    def interrupted(*arguments: object) -> object:
        nonlocal answered
        answered += 1
        if answered == 15:
            raise KeyboardInterrupt
        return answer(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "_answer", interrupted)
    result = identify("--table", table, "--output", output)
    monkeypatch.undo()
    assert result.exit_code == 130
    assert (
        f"interrupted; what is done is in {output}.partial: the same command with --resume goes on"
        in result.stderr
    )
    assert not output.exists() and len(answers(output.with_name("out.jsonl.partial"))) == 14
    result = identify("--table", table, "--output", output, "--resume")
    assert result.exit_code == 0
    assert "30 rows (14 of them from before)" in result.stderr
    assert output.read_bytes() == whole.read_bytes()


def test_resuming_keeps_count_of_failed_rows(
    identify: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write_text("hardness\n11\n" + "7\n" * 30)
    output = table.parent / "out.jsonl"

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr("mineralid.identify.table_partial.PartialOutput.complete", killed)
    with pytest.raises(Killed):
        identify("--table", table, "--output", output)
    monkeypatch.undo()
    result = identify("--table", table, "--output", output, "--resume")
    assert result.exit_code == 1
    assert "1 of them without an answer" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "in.csv"], "--table needs --output OUT, a file that ends in .jsonl or .csv"),
        (["--folder", "."], "--folder needs --output OUT, a file that ends in .jsonl or .csv"),
        (["--output", "o.jsonl", "--hardness", "7"], "--output is for many stones; give --table"),
        (["--resume", "--hardness", "7"], "--resume is for many stones; give --table"),
        (["--table", "in.csv", "--folder", "."], "give --table or --folder, not both"),
        (
            ["--table", "in.csv", "--output", "o.jsonl", "--hardness", "7", "--json", "x.png"],
            "--hardness, --json, PHOTO is for one stone and cannot go with --table",
        ),
        (["--table", "in.csv", "--output", "o.txt"], "its suffix is '.txt'; allowed: .jsonl or"),
        (["--table", "gone.csv", "--output", "o.jsonl"], "table gone.csv: there is no such file"),
        (["--folder", "gone", "--output", "o.jsonl"], "folder gone: there is no such folder"),
        (["--folder", "empty", "--output", "o.jsonl"], "folder empty: it holds no photograph"),
        (["--folder", "in.csv", "--output", "o.jsonl"], "folder in.csv: it is a file"),
        (["--table", "in.csv", "--output", "o.jsonl", "--top", "0"], "top is 0; allowed: "),
        (["--table", "in.csv", "--output", "o.jsonl", "--trust", "2"], "trust is 2.0; allowed: "),
        (["--table", "bad.csv", "--output", "o.jsonl"], "table bad.csv: no column is known."),
        (["--table", "latin.csv", "--output", "o.jsonl"], "it is not UTF-8 but Latin-1"),
    ],
)
def test_unusable_options_or_table_write_nothing(
    identify: Run,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    folder = table.parent
    (folder / "empty").mkdir()
    (folder / "bad.csv").write_text("a,b\n1,2\n")
    (folder / "latin.csv").write_bytes("hardness,Fundort\n7,Österreich\n".encode("latin-1"))
    monkeypatch.chdir(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    result = identify(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ") and message in last
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
