"""A new field test is data: a row in each of two tables, a vocabulary, a column of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from evidence import reference as ref
from mineralid.evidence import EvidenceModel, Observer, next_tests
from mineralid.evidence.observer import OBSERVERS_FILE, read_observers
from mineralid.minerals import Mineral, load_vocabulary, vocabulary
from mineralid.minerals.mineral import Value
from mineralid.minerals.tests_table import TESTS_FILE, read_tests
from mineralid.observation import WordsReading

VOCABULARY = """token,synonyms,groups,neighbours,zh,meaning
none,dark,,blue,无荧光,stays dark
blue,bluish,yes,none,蓝色,glows blue
orange,,yes,red,橙色,glows orange
red,,yes,orange,红色,glows red
"""
TEST_ROW = "fluorescence,words,fluorescence,,,,fluorescence,fluorescence,荧光,What glows?\n"
OBSERVER_ROW = "fluorescence,0.2,0.05,,,,,,,0.6,,Hold it under an ultraviolet lamp.,\n"


@dataclass(frozen=True)
class Glowing(Mineral):
    """The stub of a catalogue with one more column."""

    fluorescence: tuple[str, ...] = ()

    def value(self, column: str) -> Value:
        return self.fluorescence if column == "fluorescence" else Mineral.value(self, column)


MINERALS = (
    Glowing(name="Ruby", kind="species", commonness=2, fluorescence=("red", "orange")),
    Glowing(name="Fluorite", kind="species", commonness=5, fluorescence=("blue",)),
    Glowing(name="Calcite", kind="species", commonness=5),
)


@pytest.fixture
def observers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Observer]]:
    (tmp_path / "fluorescence.csv").write_text(VOCABULARY, encoding="utf-8")
    for file in vocabulary.VOCABULARIES.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tests, table = tmp_path / "tests_table.csv", tmp_path / "observers.csv"
    tests.write_text(TESTS_FILE.read_text(encoding="utf-8") + TEST_ROW, encoding="utf-8")
    table.write_text(OBSERVERS_FILE.read_text(encoding="utf-8") + OBSERVER_ROW, encoding="utf-8")
    monkeypatch.setattr(vocabulary, "VOCABULARIES", tmp_path)
    yield dict(read_observers(table, read_tests(tests)))
    load_vocabulary.cache_clear()


def test_a_seventh_test_is_taken_without_a_change_of_code(observers: dict[str, Observer]) -> None:
    model = EvidenceModel(MINERALS, observers=observers)
    assert list(model.tests)[-1] == "fluorescence" and len(model.tests) == 7
    tokens = ("none", "blue", "orange", "red")
    neighbours = {"none": ["blue"], "blue": ["none"], "orange": ["red"], "red": ["orange"]}
    rows, _ = ref.with_blanks_and_strays(
        [
            ref.listed(("red", "orange"), tokens, neighbours, 0.2),
            ref.listed(("blue",), tokens, neighbours, 0.2),
            None,
        ],
        model.population.tolist(),
        0.05,
        4,
    )
    for token in tokens:
        found = np.exp(model.log_likelihood(WordsReading((token,), "fluorescence")))
        expected = [row[tokens.index(token)] for row in rows]
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    advised = next_tests(models=[model], posteriors=[model.population], done=(), most=1)[0]
    assert advised.test == "fluorescence"
    assert advised.advice == "Hold it under an ultraviolet lamp."


def test_readings_of_old_and_new_tests_stand_together(observers: dict[str, Observer]) -> None:
    model = EvidenceModel(MINERALS, observers=observers)
    record = {
        "fluorescence": WordsReading(("red",), "fluorescence"),
        "luster": WordsReading(("vitreous",), "luster"),
    }
    found = model.log_likelihoods(record)
    assert found.shape == (2, 3)
    np.testing.assert_array_equal(found[0], model.log_likelihood(record["luster"]))
    assert found[1].argmax() == 0
