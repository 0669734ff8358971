"""The honest answers as Markdown: tables and words around the results of `measure`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mineralid.lab.evaluation.calibrate import ASSUMED_WRONG_RECORDS, KNOWN_SHARE
from mineralid.lab.evaluation.robustness.honest.judged import RATES, RIGHT, WRONG
from mineralid.lab.evaluation.robustness.honest.plots import FIGURES, draw_figures
from mineralid.lab.evaluation.robustness.honest.sections_tests import advised_order, words
from mineralid.lab.evaluation.robustness.honest.sections_unknown import (
    no_mineral,
    unknown_species,
    wrong_records,
)
from mineralid.lab.evaluation.robustness.honest.written import (
    FOLDER,
    Results,
    interval,
    met,
    signed,
)
from mineralid.lab.evaluation.robustness.tables import SIDES, table

# What the page is measured against: see issue 4.
MOST_ECE, LEAST_AUROC, SET_CONFIDENCE = 0.05, 0.75, "0.9"
LEAST_COVERAGE, MOST_COVERAGE = 0.85, 0.95


def sections(results: Results, folder: Path | None) -> str:
    """Return the sections of the page; figures are drawn into `folder`, none where it is None."""
    if folder is not None:
        draw_figures(results, folder)
    parts = (
        _heading,
        _calibration,
        _sets,
        unknown_species,
        no_mineral,
        wrong_records,
        advised_order,
        words,
    )
    return "\n".join(line for part in parts for line in part(results))


def _heading(results: Results) -> Iterator[str]:
    yield "## Honest answers"
    yield ""
    yield (
        "How sure an answer may be. Every photograph is judged by a network that has not seen it, "
        "with dials, sets and detectors that are fitted **without the fold that is judged**: sets "
        "on collections left out of training, temperature and ε on both kinds of folds, those "
        f"collections weighing {1 - KNOWN_SHARE:.0%}, for a user's photograph is hardly ever of a "
        "collection that the network knows. On new specimens of known collections the answers are "
        "therefore right more often than they say. Specimens weigh the same, whatever the number of "
        f"their photographs; readings are drawn {results['about']['draws']} times."
    )
    yield ""
    yield from _verdicts(results)
    yield ""


def _verdicts(results: Results) -> Iterator[str]:
    calibration = results["calibration"]["collection"]
    rows = []
    for name, entry in (
        ("photograph alone", calibration[RIGHT]["0"]),
        ("three readings", calibration[RIGHT]["3"]),
        (
            f"three readings, {ASSUMED_WRONG_RECORDS:.0%} of the records wrong",
            calibration[WRONG]["3"],
        ),
    ):
        good = entry["ece"] <= MOST_ECE
        rows.append(
            [f"calibration error, {name}", f"≤ {MOST_ECE:g}", f"{entry['ece']:.3f}", met(good)]
        )
    sets = results["sets"]["collection"][SET_CONFIDENCE]
    shares = [entry["coverage"] for of in sets.values() for entry in of.values()]
    inside = all(LEAST_COVERAGE <= share <= MOST_COVERAGE for share in shares)
    rows.append(
        [
            "sets at 90 % hold the truth, 0 to 3 readings",
            f"{LEAST_COVERAGE:.0%}–{MOST_COVERAGE:.0%}",
            f"{min(shares):.1%}–{max(shares):.1%}",
            met(inside),
        ]
    )
    area = results["unknown"]["collection"]["readings"]["3"]["auroc"]
    rows.append(
        [
            "other species, area under the curve, photograph and three readings",
            f"≥ {LEAST_AUROC:g}",
            f"{area:.3f}",
            met(area >= LEAST_AUROC),
        ]
    )
    for name, things in (("drawn", "drawings"), ("samples", "sample pictures")):
        if name not in results["nothing"]:
            continue
        entry = results["nothing"][name]
        rows.append(
            [
                f"{things} that the bundle names as a species",
                "0",
                f"{entry['species']} of {entry['pictures']}",
                met(not entry["species"]),
            ]
        )
    order = results["order"]["collection"]["orders"]["advised"]
    rows.append(
        [
            "tests in the advised order less those in fixed order",
            "< 0",
            signed(order["minus_fixed"], order["minus_fixed_interval"]),
            met(order["minus_fixed_interval"][1] < 0),
        ]
    )
    yield "On collections never seen:"
    yield ""
    yield from table(["what", "wanted", "found", ""], rows, words=4)


def _calibration(results: Results) -> Iterator[str]:
    yield "### Calibration"
    yield ""
    yield f"![Share right by confidence]({FOLDER}/{FIGURES[0]})"
    yield ""
    yield (
        "The expected calibration error (ECE) is over ten bins of equal weight. *Noise floor*: the "
        "error that a perfectly calibrated model with these confidences shows on so few specimens, "
        "on average (and in one case of twenty): less than that cannot be told from none."
    )
    for kind, side in SIDES.items():
        found = results["calibration"][kind]
        rows = [
            [
                tests,
                name,
                f"{e['right']:.3f}",
                f"{e['mean_confidence']:.3f}",
                f"{e['ece']:.3f}",
                f"{e['noise_floor']:.3f} ({e['noise_floor_95']:.3f})",
                f"{e['nll']:.3f}",
                f"{e['brier']:.3f}",
            ]
            for name in RATES.values()
            for tests, e in found[name].items()
        ]
        yield ""
        yield f"{side.capitalize()}, {found['photographs']} photographs of {found['specimens']} specimens:"
        yield ""
        yield from table(
            ["readings", "records", "right", "confidence", "ECE", "noise floor", "NLL", "Brier"],
            rows,
            words=2,
        )
    folds = results["calibration"]["collection"]["by_fold"]
    told = "; ".join(
        f"{fold} {e['0']['mean_confidence']:.2f} and {e['0']['right']:.2f}, with three readings "
        f"{e['3']['mean_confidence']:.2f} and {e['3']['right']:.2f}"
        for fold, e in folds.items()
    )
    yield ""
    yield (
        "**One collection is not as the next.** Mean confidence and share right of each fold left "
        f"out, photograph alone: {told}. What is calibrated over all of them is too sure of the "
        "hardest and too careful with the easiest."
    )
    yield ""


def _sets(results: Results) -> Iterator[str]:
    yield "### Prediction sets"
    yield ""
    yield f"![Coverage and size of sets]({FOLDER}/{FIGURES[1]})"
    yield ""
    yield (
        "Share of sets that hold the truth, with its interval over specimens, and how many minerals "
        f"they name. Thresholds are fitted with {ASSUMED_WRONG_RECORDS:.0%} of the records wrong, "
        "every fold counting alike."
    )
    for kind, side in SIDES.items():
        rows = []
        for confidence, found in results["sets"][kind].items():
            for name, of in found.items():
                for tests, e in of.items():
                    rows.append(
                        [
                            f"{float(confidence):.0%}",
                            tests,
                            name,
                            f"{e['coverage']:.1%} {interval(e['interval'], 100, 1)}",
                            f"{e['mean_size']:.1f}",
                            f"{e['median_size']:.0f}",
                        ]
                    )
        yield ""
        yield f"{side.capitalize()}:"
        yield ""
        yield from table(
            ["sets at", "readings", "records", "coverage", "mean size", "median size"],
            rows,
            words=3,
        )
    found = results["sets"]["collection"][SET_CONFIDENCE][RIGHT]
    told = "; ".join(
        f"{tests} readings " + ", ".join(f"{f} {share:.0%}" for f, share in e["by_fold"].items())
        for tests, e in found.items()
    )
    yield ""
    yield f"Coverage at 90 % by fold left out, records right: {told}."
    yield ""
