"""`mineralid identify` of one stone: text that reads well, and the same answer as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from mineralid.identify import Identifier, Report

Run = Callable[..., Result]

READINGS = ("--hardness", "6.5", "--luster", "metallic", "--streak", "greenish black")


def test_readings_alone_name_a_stone(identify: Run) -> None:
    result = identify(*READINGS)
    assert result.exit_code == 0 and result.stderr == ""
    assert result.stdout.startswith("Pyrite   species, ")
    for part in ("What each reading says", "What to test next", "prior commonness"):
        assert part in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_lustre_is_spelled_either_way(identify: Run) -> None:
    british = [word.replace("luster", "lustre") for word in READINGS]
    assert identify(*british).stdout == identify(*READINGS).stdout != ""


def test_a_photograph_names_a_stone(identify: Run, green: Path) -> None:
    result = identify(green)
    assert result.exit_code == 0
    assert result.stdout.startswith("Malachite   species, ")
    assert "What each reading says" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_json_is_the_python_answer_alone_on_stdout(
    identify: Run, green: Path, bundle_folder: Path
) -> None:
    result = identify(green, *READINGS, "--top", "all", "--confidence", "0.8", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    expected = Identifier(bundle_folder).identify(
        str(green),
        hardness="6.5",
        luster="metallic",
        streak="greenish black",
        top=None,
        confidence=0.8,
    )
    assert Report.model_validate_json(result.stdout) == expected
    answer = json.loads(result.stdout)
    total = sum(c["probability"] for c in answer["candidates"]) + answer["unknown"]
    assert total == pytest.approx(1)
    assert len(answer["candidates"]) == 5
    assert answer["row"] is None and answer["carried"] == {}


def test_several_photographs_are_one_stone(identify: Run, green: Path) -> None:
    answer = json.loads(identify(green, green, "--json").stdout)
    assert answer["photos"] == [str(green)] * 2
    assert answer["candidates"][0]["name"] == "Malachite"


@pytest.mark.parametrize("top", ["1", "3", "all", "ALL"])
def test_top_limits_the_candidates(identify: Run, green: Path, top: str) -> None:
    answer = json.loads(identify(green, "--top", top, "--json").stdout)
    assert len(answer["candidates"]) == (5 if top.lower() == "all" else int(top))


def test_trust_and_prior_are_stated(identify: Run) -> None:
    text = identify("--hardness", "7", "--trust", "0.8", "--prior", "uniform").stdout
    assert "prior uniform" in text and "readings believed 80 %" in text


def test_every_test_has_its_option(identify: Run) -> None:
    options = {
        "hardness": "scratches:coin,scratched-by:knife",
        "luster": "glassy or pearly",
        "streak": "colourless",
        "density": "2.6-2.8",
        "magnetism": "none",
        "acid": "strong",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    answer = json.loads(identify(*arguments, "--json").stdout)
    assert [r["test"] for r in answer["readings"]] == list(options)
    assert answer["candidates"][0]["name"] == "Calcite"


def test_a_blank_option_is_not_tested(identify: Run) -> None:
    answer = json.loads(identify("--hardness", "7", "--luster", "", "--json").stdout)
    assert [r["test"] for r in answer["readings"]] == ["hardness"]
