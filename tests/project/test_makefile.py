"""`make demo` hands over exactly what it was given: spaces, quotes and dollar signs included."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LATER = 4102444800  # the year 2100: newer than every source, so that make installs nothing

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A stand-in for .venv whose commands print their arguments as JSON, one call a line."""
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    for name in ("mineralid", "python"):
        command = folder / "bin" / name
        command.write_text(
            f"#!{sys.executable}\nimport json, sys\nprint(json.dumps([{name!r}, *sys.argv[1:]]))\n"
        )
        command.chmod(0o755)
    stamp = folder / ".installed"
    stamp.touch()
    os.utime(stamp, (LATER, LATER))
    return folder


def calls(environment: Path, *given: str) -> list[list[str]]:
    """What `make demo` ran in the stand-in, call by call."""
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    done = subprocess.run(
        ["make", "demo", f"VENV={environment}", *given],
        cwd=ROOT,
        env=inherited,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def test_without_anything_given_it_draws_a_stone_and_names_two(environment: Path) -> None:
    stone = str(environment / "demo" / "stone.jpg")
    drawn, pictured, read = calls(environment)
    assert drawn == ["python", "examples/draw_stone.py", stone]
    assert pictured[:3] == ["mineralid", "identify", stone]
    assert read[:2] == ["mineralid", "identify"]
    assert dict(zip(read[2::2], read[3::2], strict=True)) == {
        "--hardness": "6-6.5",
        "--luster": "metallic",
        "--streak": "greenish black",
    }


def test_readings_alone(environment: Path) -> None:
    assert calls(environment, "HARDNESS=scratches:coin,<knife", "STREAK=greenish black") == [
        ["mineralid", "identify", "--hardness=scratches:coin,<knife", "--streak=greenish black"]
    ]


def test_a_photograph_alone(environment: Path) -> None:
    assert calls(environment, "PHOTO=-my stone.jpg") == [
        ["mineralid", "identify", "--", "-my stone.jpg"]
    ]


def test_everything_with_characters_that_a_shell_or_make_would_read(environment: Path) -> None:
    photo = """it's "one" $HOME $(shell false) `false`; # \\ 6½.jpg"""
    assert calls(
        environment, f"PHOTO={photo}", "HARDNESS=>coin,<knife", "LUSTER=", "DENSITY=2.6 to 2.7",
        "MAGNETISM=none", "ACID=weak",
    ) == [
        ["mineralid", "identify", "--hardness=>coin,<knife", "--density=2.6 to 2.7",
         "--magnetism=none", "--acid=weak", "--", photo]
    ]  # fmt: skip
