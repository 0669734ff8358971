"""The observation: absent tests are absent, names are checked, and nothing changes it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.minerals import tests_table
from mineralid.minerals.tests_table import load_tests
from mineralid.observation import (
    HardnessReading,
    IntervalReading,
    Observation,
    ReadingError,
    WordsReading,
    parse_reading,
)

NAMES = tuple(load_tests())
GIVEN = {
    "hardness": "6-6.5, >glass",
    "luster": "metallic",
    "streak": "greenish black or brownish black",
    "density": (4.9, 5.1),
    "magnetism": "no",
    "acid": False,
}
BLANKS = [None, "", "  ", "\t\n", "-", "--", "–", "—", " - ", "?", "n/a", "N/A", "not tested", "Not  Tested",
          "unknown", "untested", "not known", "未测", [], (), [None, ""]]  # fmt: skip


def test_what_users_give_becomes_readings_in_the_order_of_the_table() -> None:
    observation = Observation.of("stone.jpg", **dict(reversed(GIVEN.items())))
    assert observation.photos == ("stone.jpg",)
    assert observation.tests_done == NAMES
    assert observation.readings["hardness"] == HardnessReading(6, 6.5, above_mohs=(5.5,))
    assert observation.readings["luster"] == WordsReading(("metallic",), "luster")
    assert observation.readings["density"] == IntervalReading(4.9, 5.1)
    assert observation.readings["acid"] == WordsReading(("none",), "acid")
    assert observation.describe().startswith("hardness 6–6.5, scratches a knife; luster metallic;")


@pytest.mark.parametrize(
    ("photos", "expected"),
    [
        (None, ()),
        ((), ()),
        ("a.jpg", ("a.jpg",)),
        (Path("a.jpg"), (Path("a.jpg"),)),
        (b"\xff\xd8", (b"\xff\xd8",)),
        (["a.jpg", b"x"], ("a.jpg", b"x")),
    ],
)
def test_photographs_are_kept_as_given(photos: object, expected: tuple[object, ...]) -> None:
    assert Observation.of(photos).photos == expected


def test_an_array_is_one_photograph() -> None:
    array = np.zeros((2, 3, 3), dtype=np.uint8)
    assert Observation.of(array).photos[0] is array


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("name", NAMES)
def test_blank_is_not_tested(name: str, blank: object) -> None:
    assert parse_reading(blank, name) is None
    observation = Observation.of(**{name: blank})
    assert observation == Observation()
    assert observation.tests_done == ()


@given(st.text(alphabet=" \t-–—", max_size=6))
def test_any_white_space_and_dashes_are_not_tested(text: str) -> None:
    assert all(parse_reading(text, name) is None for name in NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "streak"])
@pytest.mark.parametrize("number", [-1, 99])
def test_no_number_stands_for_not_tested(name: str, number: int) -> None:
    with pytest.raises(ReadingError, match=str(number)):
        parse_reading(number, name)


def test_unknown_tests_are_refused_with_the_nearest() -> None:
    message = (
        "unknown test 'hardnes': did you mean hardness\\? "
        "Known: hardness, luster, streak, density, magnetism, acid."
    )
    with pytest.raises(ReadingError, match=message) as caught:
        Observation.of(hardnes=7)
    assert caught.value.field == "hardnes"
    with pytest.raises(ReadingError, match="unknown test 'taste'"):
        Observation.of(taste=None)
    with pytest.raises(ReadingError, match="unknown test 'lustre': did you mean luster"):
        Observation().without("lustre")


def test_a_reading_passes_as_it_is_and_only_for_its_own_test() -> None:
    luster = WordsReading(("dull",), "luster")
    assert Observation.of(luster=luster).readings["luster"] is luster
    for build in (
        lambda: Observation.of(streak=luster),
        lambda: Observation(readings={"streak": luster}),
        lambda: Observation(readings={"hardness": 6.5}),  # type: ignore[dict-item]
    ):
        with pytest.raises(ReadingError, match="is not a reading of"):
            build()


@given(st.sets(st.sampled_from(NAMES)), st.sampled_from(NAMES))
def test_without_a_test_is_as_if_it_had_not_been_made(done: set[str], name: str) -> None:
    observation = Observation.of("a.jpg", **{n: GIVEN[n] for n in done})
    left = observation.without(name)
    assert left == Observation.of("a.jpg", **{n: GIVEN[n] for n in done - {name}})
    assert set(observation.tests_done) == done
    assert set(left.tests_done) == done - {name}


def test_it_cannot_be_changed_and_survives_a_pickle() -> None:
    observation = Observation.of(["a.jpg"], **GIVEN)
    with pytest.raises(AttributeError):
        observation.photos = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        observation.readings["luster"] = WordsReading(("dull",))  # type: ignore[index]
    assert pickle.loads(pickle.dumps(observation)) == observation


def test_errors_survive_a_pickle() -> None:
    with pytest.raises(ReadingError) as caught:
        Observation.of(hardness=11)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.field, copy.received, str(copy)) == ("hardness", 11, str(caught.value))


def test_a_new_word_test_is_a_new_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "tests.csv"
    row = "smell,words,acid,,,,acid,smell,气味,Does it smell?\ntaste,interval,,1,5,points,taste,taste,味,How?\n"
    table.write_text(tests_table.TESTS_FILE.read_text(encoding="utf-8") + row, encoding="utf-8")
    monkeypatch.setattr(tests_table, "TESTS_FILE", table)
    load_tests.cache_clear()
    try:
        observation = Observation.of(taste="2-3", smell="no", luster="dull")
        assert observation.describe() == "luster dull; smell none; taste 2–3 points"
        assert parse_reading("taste 2–3 points", "taste") == observation.readings["taste"]
    finally:
        load_tests.cache_clear()


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, mineralid.observation; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"numpy", "PIL", "pydantic", "onnxruntime", "rich", "typer", "torch"}
    assert "mineralid.observation.observation" in loaded
    assert not heavy & set(loaded)
