"""The tables of the page, from stored answers: every number is computed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mineralid.lab.evaluation.robustness.answers import StoredAnswers
from mineralid.lab.evaluation.robustness.grid import (
    ERROR_RATES,
    ERROR_RATES_MISSING,
    MISSING_RATES,
    SUBSETS,
    Cell,
    cell,
)
from mineralid.lab.evaluation.robustness.intervals import Interval
from mineralid.lab.evaluation.robustness.method import OWN_TABLE
from mineralid.lab.evaluation.robustness.readings import VOCABULARIES

SIDES = {"specimen": "known collections", "collection": "collections never seen"}
PHOTOGRAPH, TESTS_ALONE = "photograph", "tests"
DEFAULT, MATCHED, TRUSTING = "evidence", "evidence-matched", "evidence-trusting"
# The default with no more and no less than a network has: its own table alone, or the judge's.
ALIKE = (f"{DEFAULT}{OWN_TABLE}", "evidence-judge")
# The original's: one model for each case of tests made. Its two heads answer apart.
HEADS = ("dmib-case-error", "dmib-case-clean")
PER_CASE = (*(f"{head}{OWN_TABLE}" for head in HEADS), *HEADS)
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


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> Iterator[str]:
    """Return the lines of a table; so many first columns are words, the others numbers."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * words + "---:|" * (len(head) - words)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def named(tests: tuple[str, ...]) -> str:
    """Return a subset of tests in words."""
    return "all three" if len(tests) == 3 else " + ".join(tests) or "photograph alone"


def measured(stored: StoredAnswers, conditions: Iterable[Cell]) -> list[Cell]:
    """Return those of the conditions that the grid has, each once."""
    return [c for c in dict.fromkeys(conditions) if c in stored.cells]


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
            conditions = measured(stored, (cell(tests, rate=rate) for rate in rates))
            found = [percent(stored.top1(method, vocabulary, kind, c)) for c in conditions]
            values.append(" → ".join(found))
        rows.append([stored.title(method), *values])
    yield from table(["method", *(named(tests) for tests in SUBSETS)], rows)


def against_per_case(
    stored: StoredAnswers, vocabulary: str, kind: str, baseline: str, rate: float
) -> Iterator[str]:
    """Return paired differences of one-model methods over the original's one model per case."""
    cells = cases(stored, rate)
    own = [stored.share(baseline, vocabulary, kind, c) for c in cells]
    mean = sum(found.value for found in own) / len(own)
    rows = [[f"*{stored.title(baseline)}: top-1*", *map(shown, own), percent(mean), ""]]
    for method in rivals(stored, vocabulary, kind, baseline):
        gains = [stored.gain(method, baseline, vocabulary, kind, [c]) for c in cells]
        overall = stored.gain(method, baseline, vocabulary, kind, cells)
        rows.append(
            [
                stored.title(method),
                *map(difference, gains),
                difference(overall),
                above_limit(gains),
            ]
        )
    head = ["method", *(named(c.tests) for c in cells), "mean", "cells above −1"]
    yield from table(head, rows)


def cases(stored: StoredAnswers, rate: float) -> list[Cell]:
    """Return the cases with tests, that share of the records wrong."""
    return measured(stored, (cell(tests, rate=rate) for tests in WITH_TESTS))


def above_limit(gains: Sequence[Interval]) -> str:
    """Return in how many of the cases the whole interval is above −1 point."""
    return f"{sum(gain.low > -0.01 for gain in gains)} of {len(gains)}"


def rivals(stored: StoredAnswers, vocabulary: str, kind: str, baseline: str) -> list[str]:
    """Return the methods that are one model for all cases and use photograph and tests.

    Not those that learned from another table than the baseline did.
    """
    allowed = ("", stored.learned_from(baseline))
    return [
        m
        for m in stored.methods(kind, vocabulary)
        if m not in NOT_RIVALS and stored.learned_from(m) in allowed
    ]


def evidence_against_per_case(stored: StoredAnswers) -> Iterator[str]:
    """Return how the evidence stands against every baseline that was measured, in short.

    The default, and the one that has learned from the same table as the baseline.
    """
    rows = []
    for vocabulary, kind, baseline in per_case_measured(stored):
        table_of = stored.learned_from(baseline)
        same = [m for m in ALIKE if stored.learned_from(m) == table_of]
        for method in [DEFAULT, *(m for m in same if stored.has(kind, vocabulary, m))]:
            rows.append(
                [
                    f"{vocabulary}, {SIDES[kind]}",
                    stored.title(baseline),
                    *_standing_against(stored, vocabulary, kind, baseline, method),
                ]
            )
    head = ["", "baseline", "its mean, nothing → 0.6 wrong", "against it", "nothing wrong"]
    head += ["cells above −1", "the worst", "0.6 wrong", "0.6 wrong, trust matched"]
    yield from table(head, rows, words=2)


def _standing_against(
    stored: StoredAnswers, vocabulary: str, kind: str, baseline: str, method: str
) -> Iterator[str]:
    clean, wrong = cases(stored, 0.0), cases(stored, 0.6)

    def gain(own: str, cells: Sequence[Cell]) -> Interval:
        return stored.gain(own, baseline, vocabulary, kind, cells)

    means = (
        percent(sum(stored.top1(baseline, vocabulary, kind, c) for c in cells) / len(cells))
        for cells in (clean, wrong)
    )
    gains = [gain(method, [c]) for c in clean]
    worst = min(gains, key=lambda found: found.low)
    yield " → ".join(means)
    yield stored.title(method)
    yield difference(gain(method, clean))
    yield above_limit(gains)
    yield f"{named(clean[gains.index(worst)].tests)}: {difference(worst)}"
    yield difference(gain(method, wrong))
    told = method == DEFAULT and stored.has(kind, vocabulary, MATCHED)
    yield difference(gain(MATCHED, wrong)) if told else ""


def per_case_measured(stored: StoredAnswers) -> Iterator[tuple[str, str, str]]:
    """Go through the vocabularies, kinds of splits and baselines that were measured."""
    for vocabulary in VOCABULARIES:
        for kind in SIDES:
            for baseline in PER_CASE:
                if stored.has(kind, vocabulary, DEFAULT, baseline):
                    yield vocabulary, kind, baseline


def by_missing(stored: StoredAnswers, vocabulary: str, kind: str) -> Iterator[str]:
    """Return top-1 of every method where readings are lost and records wrong."""
    conditions = measured(
        stored,
        (
            cell(rate=rate, missing_rate=missing)
            for missing in (0.0, *MISSING_RATES)
            for rate in ERROR_RATES_MISSING
        ),
    )
    rows = [
        [
            stored.title(method),
            *(percent(stored.top1(method, vocabulary, kind, c)) for c in conditions),
        ]
        for method in stored.methods(kind, vocabulary)
    ]
    head = [f"{c.missing_rate:g} lost, {c.error_rate:g} wrong" for c in conditions]
    yield from table(["method", *head], rows)


def by_error(stored: StoredAnswers, vocabulary: str, kind: str, error_kind: str) -> Iterator[str]:
    """Return top-1 of every method with three readings, by share of wrong stones."""
    conditions = measured(stored, (cell(kind=error_kind, rate=rate) for rate in ERROR_RATES))
    rows = [
        [
            stored.title(method),
            *(percent(stored.top1(method, vocabulary, kind, c)) for c in conditions),
        ]
        for method in stored.methods(kind, vocabulary)
    ]
    yield from table(["method", *(f"{c.error_rate:g} wrong" for c in conditions)], rows)


def right_names(stored: StoredAnswers, kinds: Sequence[str]) -> Iterator[str]:
    """Return top-1 / top-5 of the default without readings, with three, and with wrong ones."""
    rows = []
    for what, where in (
        ("photograph alone", cell(())),
        ("photograph and three readings", cell()),
        ("the same, 0.3 of the records wrong", cell(rate=0.3)),
        ("the same, 0.6 of the records wrong", cell(rate=0.6)),
    ):
        if where in stored.cells:
            found = [
                [stored.share(DEFAULT, "full", kind, where, k=k) for k in (1, 5)] for kind in kinds
            ]
            rows.append([what, *(" / ".join(map(shown, pair)) for pair in found)])
    yield from table(["", *(SIDES[kind] for kind in kinds)], rows)


@dataclass(frozen=True)
class Standing:
    """What the default gains over a method with three readings, shares of top-1.

    gains: with nothing wrong and with 0.6 of the records wrong, by kind of folds; a kind on which
    the method was not measured is not there.
    """

    title: str
    gains: Mapping[str, tuple[Interval, Interval]]


def standings(stored: StoredAnswers, kinds: Sequence[str]) -> list[Standing]:
    """Return how the default stands against every other method.

    Without those that are the default itself, told or given what it does not have.
    """
    conditions = cell(), cell(rate=0.6)
    if not set(conditions) <= stored.cells:
        return []
    found = []
    for method in stored.described["methods"]:
        measured_on = [k for k in kinds if stored.has(k, "full", DEFAULT, method)]
        if method in (DEFAULT, MATCHED, *ALIKE) or not measured_on:
            continue
        gains = {}
        for kind in measured_on:
            clean, wrong = (stored.gain(DEFAULT, method, "full", kind, [c]) for c in conditions)
            gains[kind] = clean, wrong
        found.append(Standing(stored.title(method), gains))
    return found


def standing(stored: StoredAnswers, kinds: Sequence[str]) -> Iterator[str]:
    """Return what the default gains over other methods with three readings, a line each."""
    rows = [
        [
            found.title,
            *(
                text
                for kind in kinds
                for text in (
                    map(difference, found.gains[kind]) if kind in found.gains else ("", "")
                )
            ),
        ]
        for found in standings(stored, kinds)
    ]
    if rows:
        yield (
            "What it gains over other methods with three readings, points of top-1, paired. Methods "
            "that learn did so from the very table that judges, but for those marked *the "
            "evidence's table*:"
        )
        yield ""
        head = [f"{SIDES[k]}, {w}" for k in kinds for w in ("nothing wrong", "0.6 wrong")]
        yield from table(["over", *head], rows)


@dataclass(frozen=True)
class Limit:
    """A difference that is to stay above a limit, in points of top-1; None: no limit was set."""

    what: str
    gain: Interval
    limit: float | None

    @property
    def verdict(self) -> str:
        """Say whether it does: its whole interval, its value alone, or not."""
        if self.limit is None:
            return ""
        if self.gain.low >= self.limit:
            return "yes, with its whole interval"
        return "yes, its interval reaches below" if self.gain.value >= self.limit else "**no**"


def wrong_test_limits(stored: StoredAnswers, vocabulary: str, kind: str) -> list[Limit]:
    """Return what a wrong record costs against the photograph alone, and the limits set for it."""
    asked: list[tuple[str, str, float, float | None]] = [
        *((MATCHED, PHOTOGRAPH, rate, -0.01) for rate in (0.0, 0.3, 0.6, 1.0)),
        (DEFAULT, PHOTOGRAPH, 0.3, 0.0),
        (DEFAULT, PHOTOGRAPH, 0.6, -0.02 if kind == "collection" else None),
        (DEFAULT, TRUSTING, 0.0, -0.03),
    ]
    words = {
        MATCHED: "trust matched",
        DEFAULT: "default trust",
        PHOTOGRAPH: "the photograph",
        TRUSTING: "trusting every test",
    }
    found = []
    for method, over, rate, limit in asked:
        where = cell(rate=rate)
        if where in stored.cells:
            gain = stored.gain(method, over, vocabulary, kind, [where])
            what = f"{words[method]}, {rate:g} wrong, over {words[over]}"
            found.append(Limit(what, gain, limit))
    return found


def limits_table(limits: Sequence[Limit]) -> Iterator[str]:
    """Return the limits and whether they are kept."""
    rows = [
        [m.what, difference(m.gain), "" if m.limit is None else points(m.limit), m.verdict]
        for m in limits
    ]
    yield from table(["evidence, three tests", "difference", "not below", "kept"], rows)


def over_first_release(stored: StoredAnswers, first: StoredAnswers, kind: str) -> Iterator[str]:
    """Return what the networks gain over the first release's, with the same readings, paired."""
    rows = []
    for what, method, where in (
        ("photograph alone", PHOTOGRAPH, cell(())),
        ("with three readings", DEFAULT, cell()),
        ("with three readings, 0.3 of the records wrong", DEFAULT, cell(rate=0.3)),
    ):
        if where not in stored.cells & first.cells:
            continue
        for k in (1, 5):
            shares = [s.share(method, "full", kind, where, k=k) for s in (first, stored)]
            gains = [
                stored.gain(method, method, "full", kind, [where], k=k, macro=m, other=first)
                for m in (False, True)
            ]
            rows.append([f"{what}, top-{k}", *map(shown, shares), *map(difference, gains)])
    head = ["", "first release", "now", "difference", "difference, macro"]
    yield from table(head, rows)


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
