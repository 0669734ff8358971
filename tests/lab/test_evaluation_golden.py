"""Golden numbers of evaluation, from the independent reference in evaluation_reference.py."""

from __future__ import annotations

import evaluation_reference as reference
import numpy as np
import pytest

from mineralid.identify import conformal
from mineralid.lab.evaluation.calibrate import class_posterior
from mineralid.lab.evaluation.metrics import (
    accuracy,
    expected_calibration_error,
    hits,
    macro,
)

P = np.array(reference.PROBABILITIES)
Y = np.array(reference.LABELS)
SCORES = np.array([reference.SCORES], dtype=np.float32)
READINGS = [np.log(np.array([row])) for row in reference.LIKELIHOODS]

# Printed by `python tests/lab/evaluation_reference.py`.
TOP1, MACRO_TOP1 = 0.5, 0.4444444444444444
TOP2, MACRO_TOP2 = 0.8333333333333334, 0.6666666666666666
ERROR_3_BINS, ERROR_1_BIN = 0.1, 0.033333333333333326
DECIDED = [0.09542820177949954, 0.8228558831543579, 0.03133399238054741, 0.05038192268559522]
READINGS_ALONE = [
    0.04427027027027026,
    0.7435135135135135,
    0.03951351351351351,
    0.1727027027027027,
]
SET_SCORES = [0.0, 0.0, 0.0, 0.41000000000000003, 0.66, 0.8200000000000001]


def test_the_script_still_gives_these_numbers() -> None:
    assert (reference.share_right(1), reference.macro_right(1)) == (TOP1, MACRO_TOP1)
    assert (reference.share_right(2), reference.macro_right(2)) == (TOP2, MACRO_TOP2)
    assert reference.calibration_error(3) == pytest.approx(ERROR_3_BINS)
    assert reference.calibration_error(1) == pytest.approx(ERROR_1_BIN)
    assert reference.decided(True) == pytest.approx(DECIDED)
    assert reference.decided(False) == pytest.approx(READINGS_ALONE)


def test_micro_and_macro() -> None:
    found = accuracy(P, Y)
    assert (found.n, found.classes) == (6, 3)  # the fourth class has no photograph
    assert found.top1 == pytest.approx(TOP1)
    assert found.macro_top1 == pytest.approx(MACRO_TOP1)
    assert (found.top5, found.macro_top5) == (1.0, 1.0)
    second = hits(P, Y, 2)
    assert second.mean() == pytest.approx(TOP2)
    assert macro(second, Y) == pytest.approx(MACRO_TOP2)


def test_calibration_error() -> None:
    leading, right = P.max(1), hits(P, Y, 1)
    assert expected_calibration_error(leading, right, 3) == pytest.approx(ERROR_3_BINS)
    assert expected_calibration_error(leading, right, 1) == pytest.approx(ERROR_1_BIN)


def test_posterior_over_the_classes() -> None:
    found = class_posterior(SCORES, READINGS, reference.TEMPERATURE, reference.RATE)
    np.testing.assert_allclose(found[0], DECIDED, rtol=1e-12)
    alone = class_posterior(None, READINGS, 1.0, reference.RATE)
    np.testing.assert_allclose(alone[0], READINGS_ALONE, rtol=1e-12)


def test_conformity_of_the_true_class() -> None:
    found = conformal.true_class_scores(P, Y, penalty=0.01, free_rank=1)
    np.testing.assert_allclose(found, SET_SCORES, rtol=1e-12)
    for confidence, expected in ((0.5, 0.41), (0.7, 0.66), (0.85, 0.82), (0.9, np.inf)):
        # The ceil(7 * confidence)-th smallest of the six.
        assert conformal.conformal_threshold(found, confidence) == pytest.approx(expected)
