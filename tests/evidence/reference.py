"""An independent reference of the evidence and the posterior: plain loops over plain floats.

Written from METHOD.md, section 4, and from docstrings; it shares no code with
the package and imports nothing of it. `test_golden.py` here and in tests/identify compare the package
with it to 1e-10.

A cell is (low, high) or a list of words, most usual first; None or an empty list is not known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Row = list[float]
Cell = Sequence[str] | tuple[float, float] | None

TRUTHS = 9  # the true value is averaged over the midpoints of nine equal parts of the interval
SECOND_WORD = 0.7  # a word is seen this much as often as the one listed before it
NO_STREAK = 0.5  # half of the stones harder than the plate are written down as leaving no streak
PLATE_SPREAD = 0.4
SCRATCH_SPREAD = 0.3


def normal_distribution(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


# The outcomes of a measured number


def bins(low: float, high: float, step: float, scale: str) -> Row:
    """Centres that cover low..high in equal steps, of the value or of its logarithm."""
    centers: Row = []
    if scale == "linear":
        for k in range(round((high - low) / step) + 1):
            centers.append(low + step * k)
    else:
        while not centers or centers[-1] < high:
            centers.append(low * math.exp(step * len(centers)))
    return centers


def measured(cell: tuple[float, float], centers: Row, tolerance: float, scale: str) -> Row:
    """p(bin): truth uniform in the interval, read with a Gaussian tolerance, within the range."""
    measure: Callable[[float], float] = math.log if scale == "log" else float
    low, high = measure(cell[0]), measure(cell[1])
    row = [0.0] * len(centers)
    for part in range(TRUTHS):
        truth = low + (high - low) * (2 * part + 1) / (2 * TRUTHS)
        heights = [math.exp(-(((measure(c) - truth) / tolerance) ** 2) / 2) for c in centers]
        area = math.fsum(heights)
        for k, height in enumerate(heights):
            row[k] += height / area / TRUTHS
    return row


# The outcomes of a word test


def listed(
    cell: Sequence[str], tokens: Sequence[str], neighbours: Mapping[str, Sequence[str]], slip: float
) -> Row:
    """p(word): one of those listed, the usual ones more often; a neighbour with p = slip."""
    total = math.fsum(SECOND_WORD**rank for rank in range(len(cell)))
    chance = dict.fromkeys(tokens, 0.0)
    for rank, word in enumerate(cell):
        share = SECOND_WORD**rank / total
        chance[word] += (1 - slip) * share
        for other in neighbours[word]:
            chance[other] += slip * share / len(neighbours[word])
    return [chance[token] for token in tokens]


def after_the_plate(
    row: Row, tokens: Sequence[str], hardness: tuple[float, float] | None, plate_mohs: float
) -> Row:
    """Half of what is harder than the plate leaves no streak, more where the book says so.

    What has no known hardness keeps its row.
    """
    none = tokens.index("none")
    share = row[none]
    if hardness is not None:
        middle = (hardness[0] + hardness[1]) / 2
        harder = normal_distribution((middle - plate_mohs) / PLATE_SPREAD)
        share = max(share, NO_STREAK * harder)
    colored = math.fsum(p for k, p in enumerate(row) if k != none)
    if colored == 0:
        return row
    return [share if k == none else (1 - share) * p / colored for k, p in enumerate(row)]


# The whole test: blanks, stray readings


def with_blanks_and_strays(
    rows: Sequence[Row | None], population: Sequence[float], stray: float, outcomes: int
) -> tuple[list[Row], Row]:
    """Rows with blanks filled by the population's marginal, all mixed with stray readings."""
    weight = math.fsum(w for row, w in zip(rows, population, strict=True) if row is not None)
    marginal = []
    for k in range(outcomes):
        mass = math.fsum(
            w * row[k] for row, w in zip(rows, population, strict=True) if row is not None
        )
        marginal.append(mass / weight if weight > 0 else 1 / outcomes)

    def mixed(row: Row) -> Row:
        return [
            (1 - stray) * p + stray * (0.5 * marginal[k] + 0.5 / outcomes)
            for k, p in enumerate(row)
        ]

    return [mixed(marginal if row is None else row) for row in rows], mixed(marginal)


def commonness(grades: Sequence[int], parents: Sequence[str | None], names: Sequence[str]) -> Row:
    """Five times as often for each grade; a variety (one with a parent) below its species."""
    grade_of = dict(zip(names, grades, strict=True))
    weights = []
    for grade, parent in zip(grades, parents, strict=True):
        capped = grade if parent is None else min(grade, grade_of[parent] - 1)
        weights.append(5.0**capped)
    return [w / math.fsum(weights) for w in weights]


# What a reading weighs


def weights_of_number(centers: Row, low: float, high: float) -> Row:
    """1 for every bin inside low..high, and for the bins nearest to both ends."""
    nearest = {min(range(len(centers)), key=lambda k: abs(centers[k] - v)) for v in (low, high)}
    return [
        1.0 if k in nearest or low - 1e-9 <= c <= high + 1e-9 else 0.0
        for k, c in enumerate(centers)
    ]


def weights_of_comparisons(centers: Row, above: Sequence[float], below: Sequence[float]) -> Row:
    """The chance of each scratch going as it went, for a stone of the bin's hardness."""
    result = []
    for center in centers:
        p = 1.0
        for mohs in above:
            p *= normal_distribution((center - mohs) / SCRATCH_SPREAD)
        for mohs in below:
            p *= normal_distribution((mohs - center) / SCRATCH_SPREAD)
        result.append(p)
    return result


def weights_of_words(tokens: Sequence[str], seen: Sequence[str]) -> Row:
    return [1.0 if token in seen else 0.0 for token in tokens]


def likelihood(row: Row, weights: Row) -> float:
    return math.fsum(p * w for p, w in zip(row, weights, strict=True))


# The decision


def photo_posterior(scores: Sequence[Row], temperature: float) -> Row:
    """p_photo^(1/T): of several photographs the geometric mean."""
    classes = len(scores[0])
    mean = [0.0] * classes
    for row in scores:
        area = math.log(math.fsum(math.exp(s - max(row)) for s in row)) + max(row)
        for k, s in enumerate(row):
            mean[k] += (s - area) / len(scores)
    raised = [math.exp((m - max(mean)) / temperature) for m in mean]
    return [r / math.fsum(raised) for r in raised]


def record(per_test: Sequence[Row], weights: Row, wrong: float) -> tuple[Row, float]:
    """(1 − ε) ∏ L + ε · mean ∏ L for each mineral, and the mean."""
    products = [math.prod(row[s] for row in per_test) for s in range(len(weights))]
    mean = math.fsum(w * p for w, p in zip(weights, products, strict=True))
    return [(1 - wrong) * p + wrong * mean for p in products], mean


def decided(base: Row, record_: Row, beyond: float, prior_unknown: float) -> tuple[Row, float]:
    """Posterior of the minerals and of the unknown: base × record against `beyond`."""
    known = [(1 - prior_unknown) * b * r for b, r in zip(base, record_, strict=True)]
    unknown = prior_unknown * beyond
    total = math.fsum([*known, unknown])
    return [k / total for k in known], unknown / total


def wrong_record(base: Row, record_: Row, mean: float, wrong: float) -> float:
    """Posterior of the ε component, the stone being one of the minerals."""
    total = math.fsum(b * r for b, r in zip(base, record_, strict=True))
    return math.fsum(b * wrong * mean for b in base) / total


def entropy(p: Row) -> float:
    return -math.fsum(x * math.log2(x) for x in p if x > 0)


def coarse(row: Row, centers: Row, cuts: Sequence[float]) -> Row:
    """p of each stretch between cuts; a bin on a cut belongs to the upper one."""
    result = [0.0] * (len(cuts) + 1)
    for p, center in zip(row, centers, strict=True):
        result[sum(center >= cut for cut in cuts)] += p
    return result


def compared(row: Row, centers: Row, tools: Sequence[float]) -> Row:
    """p of each stretch between tools, for a true hardness spread over the bins."""
    result = [0.0] * (len(tools) + 1)
    for p, center in zip(row, centers, strict=True):
        harder = [1.0, *(normal_distribution((center - t) / SCRATCH_SPREAD) for t in tools), 0.0]
        for k in range(len(tools) + 1):
            result[k] += p * (harder[k] - harder[k + 1])
    return result


def expected_information(posterior: Row, rows: Sequence[Row]) -> float:
    """EIG = H(Σ p L) − Σ p H(L), bits."""
    mixture = [
        math.fsum(p * row[k] for p, row in zip(posterior, rows, strict=True))
        for k in range(len(rows[0]))
    ]
    noise = math.fsum(p * entropy(row) for p, row in zip(posterior, rows, strict=True))
    return entropy(mixture) - noise
