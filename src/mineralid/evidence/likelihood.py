"""p(outcome | mineral) of each test, from the catalogue's cell and the observer's errors.

A measured number: the true value is anywhere in the catalogue's interval, read with a Gaussian
tolerance. A word: one of the words that the catalogue lists (the usual ones more often), a
neighbour of it with probability `slip`. Both: nothing to do with the stone with probability
`stray`. A blank cell is "not known" and scores the population's marginal, never 1, so that a
half-empty row wins nothing by its blanks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence.observer import Observer
from mineralid.evidence.outcomes import grid, normal_cdf
from mineralid.minerals.mineral import Mineral

Matrix = NDArray[np.float64]

# The second word that a catalogue lists is seen about this much as often as the first.
RANK_DECAY = 0.7
# How often a stone that is harder than the plate is written down as leaving no streak, rather
# than by the colour of its powder; and how sharply that sets in, in Mohs.
NO_STREAK_SHARE = 0.5
PLATE_SPREAD_MOHS = 0.4
# Points at which an interval test's true value is averaged over the catalogue's interval.
QUADRATURE = 9


def likelihoods(
    observer: Observer, minerals: tuple[Mineral, ...], tolerance: float | None = None
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Return p(outcome | mineral) float64 [M, K] without `stray`, and which rows are known [M].

    tolerance: of a measured number, if not the observer's own.

    Rows that are not known are left at zero; `EvidenceModel` fills in the marginal.
    """
    cells = [mineral.value(observer.test.column) for mineral in minerals]
    known = np.array([bool(cell) for cell in cells])
    if observer.test.kind == "interval":
        spread = observer.tolerance if tolerance is None else tolerance
        matrix = _interval_rows(observer, [cell or None for cell in cells], spread)  # type: ignore[misc]
    else:
        matrix = _word_rows(observer, cells, minerals)  # type: ignore[arg-type]
    return matrix, known


def _interval_rows(
    observer: Observer, cells: list[tuple[float, float] | None], tolerance: float
) -> Matrix:
    centers = grid(observer)
    rows = np.zeros((len(cells), len(centers)))
    measure = np.log if observer.scale == "log" else np.asarray
    position = measure(centers)
    share = (np.arange(QUADRATURE) + 0.5) / QUADRATURE
    done: dict[tuple[float, float], Matrix] = {}  # many minerals share an interval
    for row, cell in zip(rows, cells, strict=True):
        if cell is None:
            continue
        if cell in done:
            row[:] = done[cell]
            continue
        low, high = (float(v) for v in measure(np.array(cell)))
        truth = low + share * (high - low)
        z = (position[None, :] - truth[:, None]) / tolerance
        density = np.exp(-0.5 * z**2)
        row[:] = done[cell] = (density / density.sum(1, keepdims=True)).mean(0)
    return rows


def _word_rows(
    observer: Observer, cells: list[tuple[str, ...]], minerals: tuple[Mineral, ...]
) -> Matrix:
    vocabulary = observer.test.vocabulary
    size = len(vocabulary.tokens)
    confused = np.zeros((size, size))
    for token in vocabulary.tokens:
        neighbours = [vocabulary.index(n) for n in vocabulary.neighbours(token)]
        confused[vocabulary.index(token), neighbours] = 1 / max(1, len(neighbours))
        confused[vocabulary.index(token), vocabulary.index(token)] += not neighbours
    rows = np.zeros((len(cells), size))
    for row, cell in zip(rows, cells, strict=True):
        for rank, token in enumerate(cell):
            row[vocabulary.index(token)] = RANK_DECAY**rank
    total = rows.sum(1, keepdims=True)
    rows = np.divide(rows, total, out=rows, where=total > 0)
    rows = (1 - observer.slip) * rows + observer.slip * (rows @ confused)
    if observer.plate_mohs is not None and "none" in vocabulary.tokens:
        _leave_no_streak(rows, vocabulary.index("none"), observer.plate_mohs, minerals)
    return rows


def _leave_no_streak(
    rows: Matrix, none: int, plate_mohs: float, minerals: tuple[Mineral, ...]
) -> None:
    """Move probability to "no streak" by hardness: books print the powder's colour all the same."""
    middle = np.array([sum(m.hardness_mohs) / 2 if m.hardness_mohs else np.nan for m in minerals])
    harder = normal_cdf((np.nan_to_num(middle, nan=0.0) - plate_mohs) / PLATE_SPREAD_MOHS)
    # A book that gives no streak itself is believed; otherwise hardness decides.
    sure = np.where(rows.sum(1) > 0, np.maximum(NO_STREAK_SHARE * harder, rows[:, none]), 0.0)
    colored = rows.copy()
    colored[:, none] = 0
    total = colored.sum(1, keepdims=True)
    colored = np.divide(colored, total, out=np.zeros_like(colored), where=total > 0)
    rows[:] = (1 - sure)[:, None] * colored
    rows[:, none] = np.where((total[:, 0] == 0) & (sure > 0), 1.0, sure)
