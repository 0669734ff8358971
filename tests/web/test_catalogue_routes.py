"""The catalogue, the tests' words and the page's messages over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

from mineralid.cli.main import app as command_line
from mineralid.identify import Identifier
from mineralid.minerals import load_catalogue
from mineralid.minerals.tests_table import load_tests
from mineralid.observation import Observation
from mineralid.web.messages_route import TABLE
from mineralid.web.vocabulary_route import srgb

if TYPE_CHECKING:
    from starlette.testclient import TestClient


def got(client: TestClient, path: str, **asked: Any) -> Any:
    response = client.get(path, params=asked)
    assert response.status_code == 200, response.text
    return response.json()


def from_command_line(*arguments: str) -> Any:
    return json.loads(CliRunner().invoke(command_line, ["minerals", *arguments, "--json"]).stdout)


@pytest.mark.parametrize("name", ["Pyrite", "fools gold", "黄铁矿", "PYRITE", "Mica group"])
def test_a_card_is_what_the_command_line_prints_and_more(client: TestClient, name: str) -> None:
    card, printed = got(client, f"/api/minerals/{name}"), from_command_line(name)
    assert {key: card[key] for key in printed} == printed
    cited = {source for ids in card["sources"].values() for source in ids}
    assert {source["id"] for source in card["source_list"]} == cited
    assert all(source["title"] and source["terms"] for source in card["source_list"])


def test_a_card_in_chinese(client: TestClient) -> None:
    card = got(client, "/api/minerals/Pyrite", lang="zh")
    assert card["name"] == "Pyrite" and card["label"] == "黄铁矿"
    assert card["words"]["luster"] == ["金属光泽"]
    assert card["in_model"] is True and card["parent"] == card["ancestors"][0]


def test_an_unknown_mineral(client: TestClient) -> None:
    for name in ("pyrrrite", "x" * 90, "granite", "%00", "..%2f..%2fetc"):
        response = client.get(f"/api/minerals/{name}")
        assert response.status_code == 404, name
        assert response.json()["field"] in ("name", None)
    assert "did you mean Pyrite" in client.get("/api/minerals/pyrrite").json()["detail"]
    assert "allowed: up to 100" in client.get(f"/api/minerals/{'x' * 300}").json()["detail"]


def test_minerals_that_fit(client: TestClient) -> None:
    asked = {"hardness": "6-6.5", "luster": "metallic", "streak": "greenish black"}
    listed = got(client, "/api/minerals", **asked, limit=5000)
    printed = from_command_line(*(f"--{name}={value}" for name, value in asked.items()))
    assert [row["name"] for row in listed] == [row["name"] for row in printed]
    assert listed[0]["name"] == "Pyrite"


def test_minerals_by_part_of_a_name(client: TestClient) -> None:
    listed = got(client, "/api/minerals", q="Quartz")
    assert listed[0]["name"] == "Quartz"
    assert all("quartz" in json.dumps(row).lower() for row in listed)
    assert got(client, "/api/minerals", q="黄铁矿")[0]["name"] == "Pyrite"
    assert got(client, "/api/minerals", q="no mineral has this name") == []
    response = client.get("/api/minerals", params={"limit": 7})
    assert len(response.json()) == 7
    assert int(response.headers["x-total-count"]) == len(load_catalogue())


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"hardness": "11"}, "hardness"),
        ({"luster": "shiny"}, "luster"),
        ({"density": "x"}, "density"),
        ({"limit": 0}, "limit"),
        ({"limit": "all"}, "limit"),
        ({"q": "x" * 101}, "q"),
        ({"acid": "x" * 301}, "acid"),
        ({"lang": "de"}, "lang"),
    ],
)
def test_questions_that_have_no_answer(
    client: TestClient, asked: dict[str, Any], field: str
) -> None:
    response = client.get("/api/minerals", params=asked)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["field"] == field


def test_names(client: TestClient, tiny: Identifier) -> None:
    names = got(client, "/api/names/zh")
    assert names["Pyrite"] == "黄铁矿"
    assert set(names) <= {mineral.name for mineral in tiny.catalogue}
    assert got(client, "/api/names/en") == {}
    assert client.get("/api/names/de").status_code == 422


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_word_of_every_test_is_told_and_read_back(client: TestClient, language: str) -> None:
    told = got(client, "/api/tests", lang=language)
    assert [test["name"] for test in told["tests"]] == list(load_tests())
    for test in told["tests"]:
        known = load_tests()[test["name"]]
        assert test["label"] == known.label(language)
        if test["kind"] == "words":
            assert [word["token"] for word in test["words"]] == list(known.vocabulary.tokens)
            for word in test["words"]:
                for text in (word["token"], word["label"]):
                    reading = Observation.of((), **{test["name"]: text}).readings[test["name"]]
                    assert reading.tokens == (word["token"],)  # type: ignore[union-attr]
        else:
            assert (test["unit"], test["min"], test["max"]) == (known.unit, known.low, known.high)
    hardness = told["tests"][0]
    for tool in hardness["tools"]:
        Observation.of((), hardness=f"scratches:{tool['name']}")
    assert told["limits"]["photos"] >= 1 and told["limits"]["token_seconds"] == 600


def test_streak_has_colours_but_for_none(client: TestClient) -> None:
    (streak,) = (t for t in got(client, "/api/tests")["tests"] if t["name"] == "streak")
    for word in streak["words"]:
        if word["token"] == "none":
            assert word["rgb"] is None
        else:
            assert len(word["rgb"]) == 3 and all(0 <= value <= 255 for value in word["rgb"])


@pytest.mark.parametrize(
    ("lab", "rgb"),
    [  # Reference values of sRGB's corners: Lindbloom's calculator, D65
        ((100.0, 0.0, 0.0), (255, 255, 255)),
        ((0.0, 0.0, 0.0), (0, 0, 0)),
        ((53.24, 80.09, 67.20), (255, 0, 0)),
        ((87.73, -86.18, 83.18), (0, 255, 0)),
        ((32.30, 79.19, -107.86), (0, 0, 255)),
        ((53.59, 0.0, 0.0), (128, 128, 128)),
    ],
)
def test_colours_of_the_screen(lab: tuple[float, float, float], rgb: tuple[int, int, int]) -> None:
    assert srgb(lab) == pytest.approx(rgb, abs=1)


def test_messages(client: TestClient) -> None:
    if not TABLE.is_file():
        pytest.skip("the page's messages are not there")
    english, chinese = (got(client, f"/api/messages/{language}") for language in ("en", "zh"))
    assert set(english) == set(chinese) and len(english) > 10
    assert client.get("/api/messages/de").status_code == 422
