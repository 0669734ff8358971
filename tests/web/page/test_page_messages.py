"""The one message table: both languages, every word that the page, catalogue and evidence need."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

import mineralid
from mineralid.evidence import load_observers
from mineralid.minerals import load_catalogue, load_vocabulary
from mineralid.minerals.tests_table import load_tests
from mineralid.observation import TOOLS

WEB = Path(mineralid.__file__).parent / "web"
STATIC = WEB / "static"
SCRIPTS = sorted(STATIC.rglob("*.js"))
# A join between sentences, which Chinese does without.
MAY_BE_BLANK = {"sentence.join"}


def table() -> list[dict[str, str]]:
    with (WEB / "messages" / "messages.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def keys() -> set[str]:
    return {row["key"] for row in table()}


def test_every_message_is_there_in_both_languages_once() -> None:
    rows = table()
    assert list(rows[0]) == ["key", "en", "zh"]
    assert len(keys()) == len(rows)
    blank = [row["key"] for row in rows if not (row["en"] and row["zh"])]
    assert set(blank) <= MAY_BE_BLANK


def test_both_languages_have_the_same_values_to_fill_in() -> None:
    for row in table():
        english, chinese = (set(re.findall(r"\{(\w+)\}", row[lang])) for lang in ("en", "zh"))
        assert english == chinese, row["key"]


def used() -> tuple[set[str], set[str]]:
    """Keys that the page names outright, and the beginnings of those that it puts together."""
    whole: set[str] = set()
    begun: set[str] = set()
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        for call in re.findall(r"\bt\(((?:[^()]|\([^()]*\))*)", text):
            whole |= set(re.findall(r'"([a-z][\w.-]*)"', call))
        begun |= set(re.findall(r"`([a-z]+(?:\.[a-z]+)*\.)\$\{", text))
        # Keys in lists, chosen between, or handed on.
        whole |= {key for key in re.findall(r'"([a-z]+(?:[.-][a-z-]+)+)"', text) if key in keys()}
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    whole |= set(re.findall(r'data-t(?:-label|-placeholder)?="([^"]+)"', page))
    return whole, begun


def test_every_key_that_the_page_uses_exists() -> None:
    whole, begun = used()
    known = keys()
    # What t() is called with besides keys: names of values, or words compared with.
    assert {key for key in whole if "." in key} - known == set()
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'data-t(?:-label|-placeholder)?="([^"]+)"', page)) <= known
    for start in begun:
        assert any(key.startswith(start) for key in known), start


def test_no_message_is_left_over() -> None:
    whole, begun = used()
    left = {k for k in keys() if k not in whole and not k.startswith(tuple(begun))}
    assert left == set()


def test_the_page_s_own_text_is_the_english_one() -> None:
    """What stands in index.html before any script has run says the same as the table."""
    english = {row["key"]: row["en"] for row in table()}
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    found = re.findall(r'data-t="([^"]+)"[^>]*>([^<]*)<', page)
    assert len(found) > 30
    for key, text in found:
        assert text == english[key], key


def hazard_key(sentence: str) -> str:
    return "hazard." + re.sub(r"[^a-z0-9]+", "-", sentence.lower()).strip("-")


def test_every_safety_note_of_the_catalogue_is_told_in_both_languages() -> None:
    notes = {n for m in load_catalogue() for n in (m.toxicity, m.radioactivity) if n}
    english = {row["key"]: row["en"] for row in table()}
    assert {hazard_key(note): note for note in notes}.items() <= english.items()
    assert {k for k in english if k.startswith("hazard.")} == {hazard_key(n) for n in notes}


def test_every_outcome_of_a_test_is_told() -> None:
    known = keys()
    for name, observer in load_observers().items():
        for outcome in observer.outcomes:
            assert f"outcome.{name}.{outcome}" in known
        if observer.destructive:
            assert f"harm.{observer.destructive}" in known


@pytest.mark.parametrize("name", list(load_tests()))
def test_every_test_says_how_it_is_made_and_made_again(name: str) -> None:
    assert {f"how.{name}", f"again.{name}"} <= keys()


def test_every_word_but_the_streaks_has_its_line() -> None:
    known = keys()
    for name in ("luster", "magnetism", "acid"):
        for token in load_vocabulary(name).tokens:
            assert f"word.{name}.{token}" in known


def test_a_word_s_token_can_be_told_from_its_label() -> None:
    """The page finds the token of an outcome by its English label, spaces for hyphens."""
    for name in ("luster", "streak", "magnetism", "acid"):
        vocabulary = load_vocabulary(name)
        for token in vocabulary.tokens:
            assert vocabulary.label(token) == token.replace("-", " ")


def test_every_tool_of_the_page_is_known() -> None:
    text = (STATIC / "controls" / "hardness.js").read_text(encoding="utf-8")
    listed = re.search(r"const TOOLS = \[(.*?)\]", text)
    assert listed is not None
    tools = re.findall(r'"([^"]+)"', listed[1])
    assert len(tools) == 6
    assert set(tools) <= {tool.name for tool in TOOLS}
    assert {f"tool.{tool}" for tool in tools} <= keys()


def test_every_luster_is_drawn_and_every_sign_is_there() -> None:
    drawn = {path.stem for path in (STATIC / "luster").glob("*.svg")}
    assert drawn == set(load_vocabulary("luster").tokens)
    signs = set(re.findall(r'id="([^"]+)"', (STATIC / "icons" / "signs.svg").read_text()))
    asked: set[str] = set()
    for path in [*SCRIPTS, STATIC / "index.html"]:
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'\bicon\("([^"]+)"', text))
        asked |= set(re.findall(r"signs\.svg#([\w-]+)", text))
    for name in load_tests():
        asked.add(f"test-{name}")
    assert asked <= signs
