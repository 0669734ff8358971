"""The confusion matrix, its table per class and its figure, against counts made by hand."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mineralid.lab.evaluation.averaged import macro_share, micro_share
from mineralid.lab.evaluation.confusion import (
    confusion_figure,
    confusion_matrix,
    per_class,
    table_csv,
    write_figure,
)

NAMES = ("Agate", "Beryl", "Copper", "Gold")
TRUTH = np.array([0, 0, 0, 0, 1, 1, 2])
ANSWERS = np.array([0, 1, 1, 2, 1, 0, 1])
COUNTED = [[1, 2, 1, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_rows_are_the_truth_and_columns_the_answer() -> None:
    assert confusion_matrix(TRUTH, ANSWERS, 4).tolist() == COUNTED


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40))
def test_every_photograph_is_in_one_cell(pairs: list[tuple[int, int]]) -> None:
    truth, answers = (np.array([p[side] for p in pairs], dtype=int) for side in (0, 1))
    found = confusion_matrix(truth, answers, 6)
    assert {cell: found[cell] for cell in pairs} == {cell: pairs.count(cell) for cell in pairs}
    assert found.sum() == len(pairs)


@pytest.mark.parametrize(
    ("truth", "answers", "told"),
    [
        ([0, 1], [0], "one index each"),
        ([0, 4], [0, 1], "truth runs from 0 to 4"),
        ([0], [-1], "-1"),
    ],
)
def test_what_is_no_pair_of_classes_is_refused(
    truth: list[int], answers: list[int], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        confusion_matrix(np.array(truth), np.array(answers), 4)


def test_the_table_per_class_by_hand() -> None:
    agate, beryl, copper, gold = per_class(np.array(COUNTED), NAMES)
    assert (agate.n, agate.recall, agate.precision) == (4, 1 / 4, 1 / 2)
    assert (agate.most_frequent_wrong, agate.wrong) == ("Beryl", 2)
    assert (beryl.n, beryl.recall, beryl.precision) == (2, 1 / 2, 1 / 4)
    assert (beryl.most_frequent_wrong, beryl.wrong) == ("Agate", 1)
    assert (copper.n, copper.recall, copper.precision) == (1, 0, 0)
    assert (copper.most_frequent_wrong, copper.wrong) == ("Beryl", 1)
    # No photograph, never an answer: there is nothing to share.
    assert (gold.n, gold.recall, gold.precision) == (0, None, None)
    assert (gold.most_frequent_wrong, gold.wrong) == (None, 0)


def test_the_first_of_equally_frequent_wrong_answers_is_told_and_none_where_all_is_right() -> None:
    rows = per_class(np.array([[0, 0, 2, 2], [0, 3, 0, 0], [0] * 4, [0] * 4]), NAMES)
    assert rows[0].most_frequent_wrong == "Copper"
    assert (rows[1].recall, rows[1].most_frequent_wrong) == (1, None)


def test_counts_averaged_over_draws_keep_n() -> None:
    row = per_class(np.array([[1.05, 1.95], [0, 0]]), NAMES[:2])[0]
    assert (row.n, row.recall) == (3, pytest.approx(0.35))


def test_the_csv_says_what_each_table_is_of() -> None:
    rows = per_class(np.array(COUNTED), NAMES)
    text = table_csv([({"head": "clean"}, rows), ({"head": "error"}, rows[:1])])
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["head"] for row in read] == ["clean"] * 4 + ["error"]
    assert read[0] == {
        "head": "clean",
        "class": "Agate",
        "n": "4",
        "recall": "0.2500",
        "precision": "0.5000",
        "most_frequent_wrong": "Beryl",
        "wrong": "2.0000",
    }
    assert (read[3]["recall"], read[3]["precision"], read[3]["most_frequent_wrong"]) == ("",) * 3


def texts(matrix: np.ndarray, names: tuple[str, ...]) -> dict[tuple[int, int], str]:
    axes = confusion_figure(matrix, names, "a title").axes[0]
    return {
        (int(text.get_position()[1]), int(text.get_position()[0])): text.get_text()
        for text in axes.texts
    }


def test_the_figure_names_every_class_on_both_axes_and_counts_where_they_fit() -> None:
    matrix = np.array([[12.0, 0.25, 0.04], [0, 1234, 0], [0, 0, 0]])
    assert texts(matrix, NAMES[:3]) == {(0, 0): "12", (0, 1): "0.2"}
    axes = confusion_figure(matrix, NAMES[:3]).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == list(NAMES[:3])
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "Agate (12)",
        "Beryl (1234)",
        "Copper (0)",
    ]


def test_colours_are_shares_of_the_row_and_none_where_there_is_no_photograph() -> None:
    image = confusion_figure(np.array(COUNTED), NAMES).axes[0].images[0].get_array()
    assert image[0].tolist() == [0.25, 0.5, 0.25, 0]
    assert image[3].mask.all()
    assert not image[:3].mask.any()


def test_the_picture_is_there_whole_whatever_the_names(tmp_path: Path) -> None:
    names = ("石英", "$x_1$", "a name that is much longer than there is room on an axis", "_")
    path = tmp_path / "confusion.png"
    write_figure(confusion_figure(np.array(COUNTED), names), path, dpi=60)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 200
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_matrix_of_other_classes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[4, 4\]; allowed: \[2, 2\]"):
        per_class(np.array(COUNTED), NAMES[:2])
    with pytest.raises(ValueError, match=r"\[4, 4\]; allowed: \[2, 2\]"):
        confusion_figure(np.array(COUNTED), NAMES[:2])


def test_macro_weighs_classes_alike_and_micro_photographs() -> None:
    hit = np.array([1, 1, 1, 0.5, 0.25])
    labels = np.array([0, 0, 0, 0, 3])
    stones = list("abcde")
    assert micro_share(hit, stones).value == pytest.approx(3.75 / 5)
    assert macro_share(hit, labels, stones).value == pytest.approx((3.5 / 4 + 0.25) / 2)


def test_intervals_of_what_never_varies_are_points_and_one_stone_has_no_spread() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2])
    stones = list("aabcde")
    assert macro_share(np.ones(6), labels, stones) == (1, 1, 1)
    found = macro_share(np.array([1, 0, 1, 0, 0, 1.0]), labels, ["a"] * 6)
    assert (found.low, found.high) == pytest.approx((found.value, found.value))


def test_the_macro_interval_is_the_binomials_where_classes_are_equal() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 100)
    hit = (rng.random(400) < 0.6).astype(float)
    found = macro_share(hit, labels, [str(i) for i in range(400)])
    half = 1.96 * np.sqrt(np.mean([hit[labels == c].var() / 100 for c in range(4)]) / 4)
    assert (found.low, found.high) == pytest.approx(
        (found.value - half, found.value + half), abs=0.01
    )
    # Photographs of one stone are no new evidence.
    copied = macro_share(
        np.repeat(hit, 3), np.repeat(labels, 3), [str(i // 3) for i in range(1200)]
    )
    assert copied == pytest.approx(found, abs=0.01)


def test_a_macro_figure_lies_within_its_interval_where_classes_are_rare() -> None:
    # Twenty classes of one photograph, none right: dropping some from a draw would lift the mean.
    labels = np.array([0] * 60 + list(range(1, 21)))
    hit = np.array([1.0, 0.0] * 30 + [0.0] * 20)
    found = macro_share(hit, labels, [str(i) for i in range(80)])
    assert found.low <= found.value <= found.high
    assert found.high < 1 / 21
