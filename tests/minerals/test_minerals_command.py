"""`mineralid minerals`: one mineral, a list, and clear errors."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner, Result

from mineralid.cli.minerals import minerals
from mineralid.minerals import load_catalogue

app = typer.Typer()
app.command()(minerals)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80", "NO_COLOR": "1"})


def test_one_mineral_with_its_sources_in_80_columns() -> None:
    result = run("pyrite")
    assert result.exit_code == 0
    assert "Pyrite" in result.stdout and "黄铁矿" in result.stdout
    assert "6–6.5 Mohs" in result.stdout and "curated36" in result.stdout
    assert "greenish black" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_many_sources_are_counted_and_named_when_asked_for() -> None:
    cited = load_catalogue().find("Pyrite").sources
    short, whole = run("pyrite").stdout, run("pyrite", "--sources").stdout
    every = {source for ids in cited.values() for source in ids}
    assert len(every) > 8
    assert f"{len(every)} sources in all: --sources names them" in short
    assert f"and {len(cited['hardness_mohs']) - 3} more" in short
    assert "\nSources\n" in whole and "more" not in whole.split("\nSources\n")[0]
    for source in every:
        assert f"\n{source}: " in whole
    assert max(map(len, whole.splitlines())) <= 80
    few = run("smoky quartz").stdout
    assert "\nSources\n" in few and "sources in all" not in few
    alone = run("--hardness", "6", "--sources")
    assert alone.exit_code == 2 and "--sources needs the name of one mineral" in alone.stderr


@pytest.mark.parametrize("words", [["smoky", "quartz"], ["Smoky-Quartz"], ["SMOKY QUARTZ"]])
def test_names_of_several_words(words: list[str]) -> None:
    assert "Smoky Quartz" in run(*words).stdout


def test_a_blank_cell_reads_not_known() -> None:
    blank = next(m for m in load_catalogue() if not m.hardness_mohs and not m.streak)
    assert "not known" in run(blank.name).stdout


def test_the_list_holds_what_the_catalogue_finds() -> None:
    result = run("--hardness", "6-6.5", "--luster", "metallic")
    assert result.exit_code == 0
    found = load_catalogue().where(hardness_mohs=(6, 6.5), luster="metallic")
    assert "Pyrite" in result.stdout
    assert f"{len(found)} minerals of {len(load_catalogue())}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_json_is_the_same_list() -> None:
    result = run("--hardness", "6-6.5", "--luster", "metallic", "--json")
    records = json.loads(result.stdout)
    found = load_catalogue().where(hardness_mohs=(6, 6.5), luster="metallic")
    assert sorted(r["name"] for r in records) == [m.name for m in found]
    common = [r["commonness"] for r in records]
    assert common == sorted(common, reverse=True) and common[0] > common[-1]


def test_a_rock_is_no_mineral() -> None:
    result = run("granite")
    assert result.exit_code == 2
    assert "unknown mineral 'granite': it is a rock (mostly Quartz, Orthoclase" in result.stderr
    assert "it is a rock, no mineral" in run("煤").stderr


def test_json_of_one_mineral() -> None:
    record = json.loads(run("demantoid", "--json").stdout)
    assert record["name"] == "Demantoid" and record["kind"] == "variety"
    assert record["ancestors"][0] == "Andradite"
    assert record["hardness_mohs"] == [6.5, 7]
    assert record["sources"]["streak"]


def test_comparisons_bound_the_hardness() -> None:
    names = {
        r["name"]
        for r in json.loads(run("--hardness", "scratches:coin,scratched-by:knife", "--json").stdout)
    }
    assert "Fluorite" in names and "Quartz" not in names and "Talc" not in names


def test_several_words_and_other_tests() -> None:
    names = {
        r["name"]
        for r in json.loads(
            run("--streak", "black or greenish black", "--magnetism", "strong", "--json").stdout
        )
    }
    assert "Magnetite" in names and "Pyrite" not in names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pirite"], "error: unknown mineral 'pirite'; did you mean Pyrite, "),
        (["--luster", "glittery"], "error: unknown luster 'glittery'"),
        (["--hardness", "11"], "error: hardness '11'"),
        (["quartz", "--hardness", "7"], "error: give a name or readings, not both"),
    ],
)
def test_errors_go_to_stderr_with_status_2(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(message)
