"""Stored answers: measures as the reference has them, whole files only, intervals by specimen."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.lab.evaluation.metrics import (
    accuracy,
    expected_calibration_error,
    hits,
    mean_of_folds_interval,
)
from mineralid.lab.evaluation.robustness.grid import cell
from mineralid.lab.evaluation.robustness.intervals import Fold, mean_of_folds
from mineralid.lab.evaluation.robustness.plots import apart
from mineralid.lab.evaluation.robustness.results import (
    MEASURES,
    Answers,
    PartName,
    judge_answers,
    read_part,
    write_part,
)

CELLS = (cell(()), cell(rate=0.3))
PART = PartName("evidence", "full", "A", 0)


def posteriors(n: int = 90, classes: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.3), n).round(1) + 0.01  # with ties
    return p / p.sum(1, keepdims=True), rng.integers(0, classes, n)


def test_measures_are_those_of_the_plain_functions() -> None:
    p, labels = posteriors()
    answers, values = judge_answers(p, labels)
    found = dict(zip(MEASURES, values, strict=True))
    plain = accuracy(p, labels)
    for name in ("top1", "top5", "macro_top1", "macro_top5"):
        assert found[name] == pytest.approx(getattr(plain, name))
    truth = np.eye(p.shape[1])[labels]
    assert found["brier"] == pytest.approx(((p - truth) ** 2).sum(1).mean())
    assert found["nll"] == pytest.approx(-np.log((p * truth).sum(1)).mean())
    first = hits(p, labels, 1)
    assert found["ece"] == pytest.approx(expected_calibration_error(p.max(1), first))
    assert np.array_equal(answers.top1, first.astype(bool))
    assert np.array_equal(answers.top5, hits(p, labels, 5).astype(bool))
    np.testing.assert_allclose(answers.confidence, p.max(1), atol=1e-3)


@pytest.mark.parametrize("spoil", [np.nan, 2.0])
def test_what_is_no_distribution_is_refused(spoil: float) -> None:
    p, labels = posteriors()
    p[3, 2] = spoil
    with pytest.raises(ValueError, match="not probabilities"):
        judge_answers(p, labels)


def store(out: Path) -> list[Answers]:
    judged = [judge_answers(*posteriors(seed=i)) for i in range(2)]
    head = {"inputs": "i", "settings": "s", "title": "t", "notes": {}}
    write_part(out, PART, head, CELLS, [a for a, _ in judged], [m for _, m in judged])
    return [a for a, _ in judged]


def test_a_part_comes_back_as_it_was(tmp_path: Path) -> None:
    answers = store(tmp_path)
    part = read_part(tmp_path, PART)
    assert part is not None
    assert part.head["inputs"] == "i"
    assert part.cells == [c.key for c in CELLS]
    for row, expected in enumerate(answers):
        assert np.array_equal(part.hits(1)[row], expected.top1)
        assert np.array_equal(part.hits(5)[row], expected.top5)
        assert np.array_equal(part.confidence[row], expected.confidence)
    assert part.measures.shape == (2, len(MEASURES))


def test_a_file_that_is_not_whole_is_no_part(tmp_path: Path) -> None:
    store(tmp_path)
    path = PART.path(tmp_path)
    whole = path.read_bytes()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert read_part(tmp_path, PART) is None, length
    path.unlink()
    path.with_name(f"{path.name}.1.partial").write_bytes(whole)
    assert read_part(tmp_path, PART) is None


def folds(seed: int = 0) -> tuple[list[Fold], list[np.ndarray], list[np.ndarray]]:
    """Two folds of 150 photographs, three a specimen and often alike, and 0/1 values of them."""
    rng = np.random.default_rng(seed)
    found, values, specimens = [], [], []
    for number in range(2):
        stones = np.repeat(np.arange(50), 3)
        labels = np.repeat(rng.integers(0, 5, 50), 3)
        chance = np.repeat(rng.beta(0.4, 0.3, 50), 3)
        specimens.append(np.array([f"{number}-{s}" for s in stones]))
        found.append(Fold(labels, specimens[-1], seed=number))
        values.append((rng.random(150) < chance).astype(float))
    return found, values, specimens


def test_intervals_are_those_of_drawing_specimens_within_folds() -> None:
    found, values, specimens = folds()
    interval = mean_of_folds(found, values)
    assert interval.value == pytest.approx(np.mean([v.mean() for v in values]))
    low, high = mean_of_folds_interval(
        np.concatenate(values), list(np.concatenate(specimens)), np.repeat([0, 1], 150), draws=4000
    )
    assert interval.low == pytest.approx(low, abs=0.01)
    assert interval.high == pytest.approx(high, abs=0.01)
    # Photographs taken for stones would give an interval that is too narrow.
    single = [Fold(f.labels, np.arange(150).astype(str)) for f in found]
    narrow = mean_of_folds(single, values)
    assert narrow.high - narrow.low < 0.8 * (interval.high - interval.low)


def test_a_paired_difference_of_equal_answers_is_0_with_no_width() -> None:
    found, values, _ = folds()
    assert mean_of_folds(found, [v - v for v in values]) == (0, 0, 0)
    better = mean_of_folds(found, [np.full(len(v), 0.25) for v in values])
    assert better == pytest.approx((0.25, 0.25, 0.25))


def test_macro_weighs_every_class_alike() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    fold = Fold(labels, np.arange(100).astype(str))
    hit = (labels == 0).astype(float)
    assert mean_of_folds([fold], [hit]).value == pytest.approx(0.9)
    assert mean_of_folds([fold], [hit], macro=True) == pytest.approx((0.5, 0.5, 0.5))


def test_intervals_cover() -> None:
    """The interval of a mean holds the true one about as often as it says."""
    rng, held = np.random.default_rng(5), 0
    for _ in range(200):
        stones = np.repeat(np.arange(60), 2)
        chance = np.repeat(rng.beta(2, 2, 60), 2)
        hit = (rng.random(120) < chance).astype(float)
        fold = Fold(np.zeros(120, dtype=int), stones.astype(str), draws=400)
        found = mean_of_folds([fold], [hit])
        held += found.low <= 0.5 <= found.high
    assert 0.88 <= held / 200 <= 0.99


@given(values=st.lists(st.floats(0, 100), max_size=12).map(sorted), gap=st.floats(0.1, 20))
def test_labels_are_moved_apart_no_more_than_needed(values: list[float], gap: float) -> None:
    found = apart(values, gap)
    assert len(found) == len(values)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(found))
    if all(b - a >= gap for a, b in itertools.pairwise(values)):
        assert found == pytest.approx(values)
    if values:  # as a whole they stay where they were
        assert np.mean(found) == pytest.approx(np.mean(values))
