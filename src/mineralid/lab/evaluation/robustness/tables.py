"""The tables of the page, from stored answers: every number is computed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mineralid.lab.evaluation.robustness.answers import StoredAnswers
from mineralid.lab.evaluation.robustness.grid import (
    ERROR_RATES_MISSING,
    MISSING_RATES,
    SUBSETS,
    Cell,
    cell,
)
from mineralid.lab.evaluation.robustness.intervals import Interval

SIDES = {"specimen": "known collections", "collection": "collections never seen"}
PHOTOGRAPH, TESTS_ALONE = "photograph", "tests"
DEFAULT, MATCHED, TRUSTING = "evidence", "evidence-matched", "evidence-trusting"
# The original's: one model for each case of tests made. Its two heads answer apart.
PER_CASE = ("dmib-case-error", "dmib-case-clean")
# Told what no one knows in the field, or blind to one side: no rivals of the original's.
NOT_RIVALS = (PHOTOGRAPH, TESTS_ALONE, MATCHED, *PER_CASE)
WITH_TESTS = tuple(tests for tests in SUBSETS if tests)


def percent(value: float) -> str:
    """Return a share in per cent."""
    return f"{100 * value:.1f}"


def shown(found: Interval) -> str:
    """Return a share with its interval, in per cent."""
    return f"{percent(found.value)} ({percent(found.low)}–{percent(found.high)})"


def points(value: float) -> str:
    """Return a difference in points, with its sign."""
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def difference(found: Interval) -> str:
    """Return a difference with its interval, in points."""
    return f"{points(found.value)} ({points(found.low)} to {points(found.high)})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Return the lines of a table; the first column is words."""
    yield "| " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * (len(head) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def named(tests: tuple[str, ...]) -> str:
    """Return a subset of tests in words."""
    return "all three" if len(tests) == 3 else " + ".join(tests) or "photograph alone"


def both_sides(
    stored: StoredAnswers, vocabulary: str, kind: str, conditions: Cell
) -> Iterator[str]:
    """Return every method in one condition: micro and macro, intervals, likelihood, calibration."""
    rows = []
    for method in stored.methods(kind, vocabulary):
        top1, five, macro1, macro5 = (
            stored.share(method, vocabulary, kind, conditions, k=k, macro=macro)
            for macro in (False, True)
            for k in (1, 5)
        )
        scored = [
            f"{stored.measure(method, vocabulary, kind, conditions, name):.{digits}f}"
            for name, digits in (("nll", 2), ("brier", 3), ("ece", 3))
        ]
        shares = [shown(top1), shown(five), shown(macro1), shown(macro5)]
        rows.append([stored.title(method), *shares, *scored])
    head = ["method", "top-1", "top-5", "macro top-1", "macro top-5", "NLL", "Brier", "ECE"]
    yield from table(head, rows)


def by_fold(stored: StoredAnswers, vocabulary: str, kind: str, conditions: Cell) -> Iterator[str]:
    """Return top-1 of every method on each fold."""
    folds = stored.folds[kind]
    rows = []
    for method in stored.methods(kind, vocabulary):
        hits = stored.hits(method, vocabulary, kind, conditions)
        values = [
            f"{percent(v.mean())} / {percent(f.macro(v)[0])}"
            for f, v in zip(folds, hits, strict=True)
        ]
        rows.append([stored.title(method), *values])
    names = [
        f"{name} (n = {stored.described['splits'][name]['test']})" for name in stored.splits(kind)
    ]
    yield from table(["method", *names], rows)


def by_subset(
    stored: StoredAnswers, vocabulary: str, kind: str, rates: Sequence[float] = (0.0, 0.6)
) -> Iterator[str]:
    """Return top-1 of methods × subsets of tests, nothing wrong → the share of records wrong."""
    rows = []
    for method in stored.methods(kind, vocabulary):
        values = []
        for tests in SUBSETS:
            found = [
                percent(stored.share(method, vocabulary, kind, cell(tests, rate=rate)).value)
                for rate in rates
            ]
            values.append(" → ".join(found) if tests else found[0])
        rows.append([stored.title(method), *values])
    yield from table(["method", *(named(tests) for tests in SUBSETS)], rows)


def against_per_case(
    stored: StoredAnswers, vocabulary: str, kind: str, baseline: str, rate: float
) -> Iterator[str]:
    """Return paired differences of one-model methods over the original's one model per case."""
    cells = [cell(tests, rate=rate) for tests in WITH_TESTS]
    own = [stored.share(baseline, vocabulary, kind, c) for c in cells]
    mean = sum(found.value for found in own) / len(own)
    rows = [[f"*{stored.title(baseline)}: top-1*", *map(shown, own), percent(mean), ""]]
    for method in rivals(stored, vocabulary, kind):
        gains = [stored.gain(method, baseline, vocabulary, kind, [c]) for c in cells]
        overall = stored.gain(method, baseline, vocabulary, kind, cells)
        above = sum(gain.low > -0.01 for gain in gains)
        rows.append(
            [
                stored.title(method),
                *map(difference, gains),
                difference(overall),
                f"{above} of {len(gains)}",
            ]
        )
    head = ["method", *map(named, WITH_TESTS), "mean of the seven", "lower bound above −1"]
    yield from table(head, rows)


def rivals(stored: StoredAnswers, vocabulary: str, kind: str) -> list[str]:
    """Return the methods that are one model for all cases and use photograph and tests."""
    return [m for m in stored.methods(kind, vocabulary) if m not in NOT_RIVALS]


def by_missing(stored: StoredAnswers, vocabulary: str, kind: str) -> Iterator[str]:
    """Return top-1 of every method where readings are lost and records wrong."""
    conditions = [
        cell(rate=rate, missing_rate=missing)
        for missing in (0.0, *MISSING_RATES)
        for rate in ERROR_RATES_MISSING
    ]
    rows = [
        [
            stored.title(method),
            *(percent(stored.share(method, vocabulary, kind, c).value) for c in conditions),
        ]
        for method in stored.methods(kind, vocabulary)
    ]
    head = [f"{c.missing_rate:g} lost, {c.error_rate:g} wrong" for c in conditions]
    yield from table(["method", *head], rows)


def by_error(stored: StoredAnswers, vocabulary: str, kind: str, error_kind: str) -> Iterator[str]:
    """Return top-1 of every method with three readings, by share of wrong stones."""
    conditions = [cell(kind=error_kind, rate=rate) for rate in (0.0, 0.1, 0.3, 0.6, 1.0)]
    rows = [
        [
            stored.title(method),
            *(percent(stored.share(method, vocabulary, kind, c).value) for c in conditions),
        ]
        for method in stored.methods(kind, vocabulary)
    ]
    yield from table(["method", *(f"{c.error_rate:g} wrong" for c in conditions)], rows)


@dataclass(frozen=True)
class Limit:
    """A difference that is to stay above a limit, in points of top-1."""

    what: str
    gain: Interval
    limit: float

    @property
    def verdict(self) -> str:
        """Say whether it does: its whole interval, its value alone, or not."""
        if self.gain.low >= self.limit:
            return "yes, with its whole interval"
        return "yes, its interval reaches below" if self.gain.value >= self.limit else "**no**"


def wrong_test_limits(stored: StoredAnswers, vocabulary: str, kind: str) -> list[Limit]:
    """Return what a wrong record costs against the photograph alone, and the limits set for it."""
    found = []
    for rate in (0.0, 0.3, 0.6, 1.0):
        gain = stored.gain(
            MATCHED, PHOTOGRAPH, vocabulary, kind, [cell(rate=rate)], over_cell=_no_tests
        )
        found.append(Limit(f"trust matched, {rate:g} wrong, over the photograph", gain, -0.01))
    for rate, limit in ((0.3, 0.0), (0.6, -0.02)):
        gain = stored.gain(
            DEFAULT, PHOTOGRAPH, vocabulary, kind, [cell(rate=rate)], over_cell=_no_tests
        )
        found.append(Limit(f"default trust, {rate:g} wrong, over the photograph", gain, limit))
    gain = stored.gain(DEFAULT, TRUSTING, vocabulary, kind, [cell()])
    found.append(Limit("default trust, none wrong, over trusting every test", gain, -0.03))
    return found


def limits_table(limits: Sequence[Limit]) -> Iterator[str]:
    """Return the limits and whether they are kept."""
    rows = [[m.what, difference(m.gain), points(m.limit), m.verdict] for m in limits]
    yield from table(["evidence, three tests", "difference", "limit", "kept"], rows)


def _no_tests(_: Cell) -> Cell:
    return cell(())


def dials_table(stored: StoredAnswers, vocabulary: str) -> Iterator[str]:
    """Return the dials that were fitted for each split: temperature and ε by number of tests."""
    rows = []
    for name in stored.described["splits"]:
        notes = stored.notes(DEFAULT, vocabulary, name)
        rows.append(
            [
                name,
                " ".join(f"{t:g}" for t in notes["temperature"]),
                " ".join(f"{e:g}" for e in notes["wrong_record_rate"][1:]),
            ]
        )
    yield from table(["split", "T with 0, 1, 2, 3 tests", "ε with 1, 2, 3 tests"], rows)
