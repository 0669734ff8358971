"""What leaves no streak: the harder than the plate, and the more so the harder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mineralid.evidence import EvidenceModel, load_observers
from mineralid.evidence.likelihood import likelihoods
from mineralid.minerals import Mineral, load_vocabulary

NONE = load_vocabulary("streak").index("none")
STREAK = load_observers()["streak"]


def _none(*, streak: tuple[str, ...], mohs: float | None, slip: float = 0.1) -> float:
    """p(no streak | mineral), stray readings aside."""
    hardness = None if mohs is None else (mohs, mohs)
    mineral = Mineral(name="A", kind="species", hardness_mohs=hardness, streak=streak)
    rows, known = likelihoods(replace(STREAK, slip=slip), (mineral,))
    assert known.all() and rows.sum() == pytest.approx(1.0)
    return float(rows[0, NONE])


@pytest.mark.parametrize("streak", [("red",), ("black", "brown"), ("white",), ("none", "white")])
def test_half_of_the_hard_stones_leave_no_streak(streak: tuple[str, ...]) -> None:
    assert _none(streak=streak, mohs=9.0) >= 0.5 - 1e-6


@pytest.mark.parametrize("mohs", [1.0, 3.0, 5.0])
def test_soft_stones_leave_their_colour(mohs: float) -> None:
    assert _none(streak=("red",), mohs=mohs) < 1e-4
    assert _none(streak=("white",), mohs=mohs) < 0.05


def test_no_streak_grows_with_hardness_where_the_powder_is_coloured() -> None:
    found = [_none(streak=("red",), mohs=m) for m in np.arange(1, 10, 0.05)]
    assert np.all(np.diff(found) >= 0) and found[-1] > found[0]


def test_no_streak_grows_with_hardness_where_the_powder_is_white() -> None:
    found = [_none(streak=("white",), mohs=m) for m in np.arange(1, 10, 0.05)]
    assert np.all(np.diff(found) >= -1e-9)


def test_a_stone_of_unknown_hardness_keeps_the_word_of_its_book() -> None:
    assert _none(streak=("none",), mohs=None) > 0.4


def test_a_little_slip_makes_little_difference() -> None:
    never = _none(streak=("none",), mohs=9.0, slip=0.0)
    assert _none(streak=("none",), mohs=9.0, slip=1e-9) == pytest.approx(never, abs=1e-3)


def test_a_book_that_says_none_is_not_believed_less_for_a_hard_stone() -> None:
    said, unsaid = _none(streak=("none",), mohs=9.0), _none(streak=("white",), mohs=9.0)
    assert said >= unsaid - 1e-12


def test_the_rule_is_the_streaks_alone() -> None:
    quartz = Mineral(name="Q", kind="species", hardness_mohs=(7.0, 7.0), magnetism=("weak",))
    calcite = Mineral(name="C", kind="species", hardness_mohs=(3.0, 3.0), magnetism=("weak",))
    rows = EvidenceModel((quartz, calcite)).tests["magnetism"].outcome
    np.testing.assert_array_equal(rows[0], rows[1])
