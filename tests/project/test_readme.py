"""What the README prints and counts is what the program prints and counts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mineralid.cli.main import app
from mineralid.minerals import load_catalogue
from mineralid.vision.bundle import DEFAULT_BUNDLE

README = Path(__file__).resolve().parents[2] / "README.md"
WAYS = {"new stones of known collections": "specimen", "collections never seen": "collection"}
GIVEN = ("photograph alone", "three readings alone", "photograph and three readings")


@pytest.fixture(scope="module")
def text() -> str:
    if not README.is_file():
        pytest.skip("the README is not beside these tests")
    return README.read_text(encoding="utf-8")


def test_the_answer_shown_is_the_answer_given(text: str) -> None:
    block = re.search(r"It prints\n\n```\n(.*?)```", text, re.DOTALL)
    assert block is not None
    arguments = ["--hardness", "6-6.5", "--luster", "metallic", "--streak", "greenish black"]
    printed = CliRunner().invoke(app, ["identify", *arguments], env={"COLUMNS": "80"}).stdout
    lines = [line.rstrip() for line in printed.replace("\u00a0", " ").splitlines()]
    shown = [line for line in block[1].splitlines() if line not in ("", "…")]
    assert len(shown) > 10
    assert [line for line in shown if line not in lines] == []


def _rounded(value: float) -> str:
    return f"{value:.2f}"


def test_the_figures_are_the_cards(text: str) -> None:
    spec = json.loads((DEFAULT_BUNDLE / "model.json").read_text(encoding="utf-8"))
    for way, kind in WAYS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {way} |"))
        accuracy = spec["figures"][kind]["accuracy"]
        means = [accuracy[given]["mean of folds"] for given in GIVEN]
        expected = [f"{_rounded(m['top1'])} / {_rounded(m['top5'])}" for m in means]
        assert [cell.strip() for cell in row.split("|")[2:5]] == expected


def test_what_wrong_records_cost_is_what_the_page_of_results_says(text: str) -> None:
    page = (README.parent / "docs" / "results" / "robustness.md").read_text(encoding="utf-8")
    start = "| the same, 0.3 of the records wrong |"
    rows = [row for row in page.splitlines() if row.startswith(start)]
    assert rows, f"no row {start} in the page of results"
    measured = [float(share) for share in re.findall(r"([\d.]+) \(", rows[0])]
    number = r"(0\.\d\d)"
    said = re.search(
        rf"reach {number} / {number} on known collections and {number} / {number} on collections "
        "never seen",
        " ".join(text.split()),
    )
    assert said is not None
    # The page has a tenth of a per cent, the README a hundredth: half of one and half of the other.
    assert [100 * float(share) for share in said.groups()] == pytest.approx(measured, abs=0.551)


def test_the_catalogue_is_as_large_as_it_says(text: str) -> None:
    catalogue = load_catalogue()
    tested = sum(bool(m.hardness_mohs and m.luster and m.streak) for m in catalogue)
    words = " ".join(text.split())
    assert f"{len(catalogue):,} minerals and varieties, {tested:,} of them with hardness" in words
