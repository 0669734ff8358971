"""Reference for the golden numbers of test_evaluation_golden.py: plain Python, no numpy.

Written from the definitions alone (METHOD.md, section 4; the docstrings of metrics.py), with
fractions where they are exact. Run `python tests/lab/evaluation_reference.py` to print the
numbers that the test holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

# Six photographs, four classes (class 3 has no photograph), probabilities that sum to 1.
PROBABILITIES = (
    (0.70, 0.10, 0.15, 0.05),
    (0.40, 0.35, 0.15, 0.10),
    (0.20, 0.50, 0.25, 0.05),
    (0.25, 0.30, 0.05, 0.40),
    (0.10, 0.20, 0.65, 0.05),
    (0.05, 0.55, 0.15, 0.25),
)
LABELS = (0, 0, 1, 1, 1, 2)

# One stone: scores of four classes and p(reading | class) of two readings.
SCORES = (2.0, 1.0, 0.5, -1.0)
LIKELIHOODS = ((0.02, 0.6, 0.1, 0.3), (0.3, 0.5, 0.04, 0.2))
TEMPERATURE, RATE = 1.5, 0.12


def share_right(k: int) -> float:
    """Share of photographs whose class is among the k most probable."""
    return sum(_right(p, y, k) for p, y in zip(PROBABILITIES, LABELS, strict=True)) / len(LABELS)


def macro_right(k: int) -> float:
    """Mean of that share over the classes that have a photograph."""
    shares = []
    for label in sorted(set(LABELS)):
        rows = [p for p, y in zip(PROBABILITIES, LABELS, strict=True) if y == label]
        shares.append(sum(_right(p, label, k) for p in rows) / len(rows))
    return sum(shares) / len(shares)


def _right(row: Sequence[float], label: int, k: int) -> bool:
    return sorted(range(len(row)), key=lambda c: -row[c]).index(label) < k


def calibration_error(bins: int) -> float:
    """Mean gap between leading probability and share right, over bins of equal size."""
    pairs = sorted(
        (max(p), float(_right(p, y, 1))) for p, y in zip(PROBABILITIES, LABELS, strict=True)
    )
    size, error = len(pairs) // bins, 0.0
    for start in range(0, len(pairs), size):
        part = pairs[start : start + size]
        gap = abs(sum(p for p, _ in part) / len(part) - sum(h for _, h in part) / len(part))
        error += gap * len(part) / len(pairs)
    return error


def decided(with_photograph: bool) -> list[float]:
    """p(class | photograph, two readings, one of the records perhaps another stone's)."""
    classes = range(len(SCORES))
    photo = [math.exp(s / TEMPERATURE) if with_photograph else 1.0 for s in SCORES]
    product = [math.prod(test[c] for test in LIKELIHOODS) for c in classes]
    other = sum(product) / len(product)
    weight = [photo[c] * ((1 - RATE) * product[c] + RATE * other) for c in classes]
    return [w / sum(weight) for w in weight]


def set_score(row: Sequence[float], label: int, penalty: float, free_rank: int) -> float:
    """Conformity of a class: what ranks above it, and a penalty for a low rank."""
    order = sorted(range(len(row)), key=lambda c: -row[c])
    rank = order.index(label) + 1
    return sum(row[c] for c in order[: rank - 1]) + penalty * max(0, rank - free_rank)


if __name__ == "__main__":
    for k in (1, 2, 5):
        print(f"top-{k}: {share_right(k)!r}, macro {macro_right(k)!r}")
    print(f"calibration error: 3 bins {calibration_error(3)!r}, 1 bin {calibration_error(1)!r}")
    print(f"decided: {decided(True)!r}")
    print(f"readings alone: {decided(False)!r}")
    print(
        "set scores:",
        [set_score(p, y, 0.01, 1) for p, y in zip(PROBABILITIES, LABELS, strict=True)],
    )
