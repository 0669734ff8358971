"""`mineralid info`, `--version`, `--help`: what is in use, and how little loads to say so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from mineralid.minerals import load_catalogue
from mineralid.version import __version__

Run = Callable[..., Result]


def test_info_prints_versions_bundle_and_figures(run: Run, bundle_folder: Path) -> None:
    short = run("info", "--bundle", bundle_folder).stdout
    assert "mineralid info --full" in short and "0.561" not in short
    result = run("info", "--bundle", bundle_folder, "--full")
    assert result.exit_code == 0 and result.stderr == ""
    text = result.stdout
    assert text.startswith(f"mineralid {__version__}\n")
    assert "onnxruntime " in text and "Python " in text
    assert f"{len(load_catalogue()):,} minerals" in text
    assert "5: Quartz, Pyrite, Calcite, Malachite, Hematite" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["photograph", "0.561", "0.800"] in lines
    assert ["photograph", "and", "readings", "0.771", "0.940", "1,234"] in lines
    assert max(map(len, text.splitlines())) <= 80


def test_every_figure_of_the_bundle_that_ships_is_readable(run: Run) -> None:
    text = run("info", "--full").stdout
    assert "{" not in text and re.search(r"\[[-\d'\"]", text) is None
    assert "…" not in text
    table = text.split("Points of top-1 over other ways")[1]
    row = next(line for line in table.splitlines() if line.startswith("tests alone"))
    assert re.fullmatch(r"tests alone( +[+-]\d+\.\d){4} *", row)
    assert max(map(len, text.splitlines())) <= 80


def test_info_as_json(run: Run, bundle_folder: Path) -> None:
    about = json.loads(run("info", "--bundle", bundle_folder, "--json").stdout)
    assert about["mineralid"] == __version__
    assert about["bundle"]["path"] == str(bundle_folder)
    assert len(about["bundle"]["classes"]) == 5
    assert about["bundle"]["figures"]["specimens"]["photograph"]["top1"] == 0.5612
    assert about["catalogue"]["minerals"] == len(load_catalogue())


def test_info_without_a_usable_bundle_says_the_rest(run: Run, tmp_path: Path) -> None:
    result = run("info", "--bundle", tmp_path)
    assert result.exit_code == 2
    assert "Catalogue" in result.stdout and "none that can be used" in result.stdout
    assert result.stderr.startswith(f"error: bundle {tmp_path}: it is not a model bundle")


def test_version(run: Run) -> None:
    result = run("--version")
    assert result.exit_code == 0 and result.stdout == f"mineralid {__version__}\n"


@pytest.mark.parametrize("command", ["identify", "minerals", "info", "lab"])
def test_every_command_has_help(run: Run, command: str) -> None:
    assert command in run("--help").stdout
    result = run(command, "--help")
    assert result.exit_code == 0 and "Usage: " in result.stdout


def test_the_words_in_the_help_are_understood() -> None:
    from mineralid.observation import parse_hardness, parse_words

    assert parse_hardness("scratches:coin,scratched-by:knife") is not None
    for test, words in {
        "luster": "metallic, vitreous, glassy, pearly, dull, earthy",
        "streak": "white, greenish black, none",
        "magnetism": "none, weak, strong",
        "acid": "none, weak, strong",
    }.items():
        assert parse_words(words, test) is not None


def _modules_after(*arguments: str) -> set[str]:
    program = (
        "import sys\n"
        "from mineralid.cli.main import app\n"
        f"app({list(arguments)!r}, standalone_mode=False)\n"
        "print('modules', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    line = done.stdout.splitlines()[-1]
    assert line.startswith("modules "), done.stderr
    return {name.partition(".")[0] for name in line.split()[1:]}


def test_help_loads_nothing_heavy() -> None:
    loaded = _modules_after("--help")
    assert "mineralid" in loaded
    assert not loaded & {"numpy", "pydantic", "onnxruntime", "PIL", "torch", "rich"}


@pytest.mark.parametrize("command", ["identify", "minerals", "info"])
def test_the_help_of_a_command_loads_no_more_than_typer(command: str) -> None:
    # Some versions of typer use pydantic and rich themselves.
    assert not _modules_after(command, "--help") & {"numpy", "onnxruntime", "PIL", "torch"}


def test_readings_alone_load_no_network(bundle_folder: Path) -> None:
    loaded = _modules_after("identify", "--hardness", "7", "--bundle", str(bundle_folder))
    assert "numpy" in loaded
    assert not loaded & {"onnxruntime", "torch"}


def test_info_of_the_bundle_that_ships_is_short(run: Run) -> None:
    text = run("info").stdout
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for given in ("photograph alone", "three readings alone", "photograph and three readings"):
        for where in ("new stones", "new collections"):
            assert any(re.fullmatch(rf"{where}, {given} 0\.\d{{3}} / 0\.\d{{3}}", x) for x in lines)
    assert len(lines) < 45
