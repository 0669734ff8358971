"""The page of results, docs/results/robustness.md: words around generated tables and figures."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mineralid.lab.evaluation.calibrate import ASSUMED_WRONG_RECORDS, KNOWN_SHARE
from mineralid.lab.evaluation.robustness import tables
from mineralid.lab.evaluation.robustness.answers import StoredAnswers
from mineralid.lab.evaluation.robustness.grid import cell
from mineralid.lab.evaluation.robustness.intervals import DRAWS
from mineralid.lab.evaluation.robustness.method import PACKAGE
from mineralid.lab.evaluation.robustness.plots import draw_figures, drawn_methods
from mineralid.lab.evaluation.robustness.readings import SIMILAR_SPECIES, VOCABULARIES
from mineralid.lab.evaluation.robustness.results import DESCRIPTION
from mineralid.lab.evaluation.robustness.tables import SIDES
from mineralid.lab.evaluation.simulated import HARDNESS_NOISE, NEIGHBOUR_RATE

PAGE, FIGURES = "robustness.md", "robustness"
# A module with `sections(out, figures)`: lines of Markdown from what it keeps in the folder of
# results; figures go into the folder `figures`, none are drawn where that is None.
FURTHER = (f"{PACKAGE}.honest.page",)
# Beside the page, folders with what it was before a catalogue was changed: kept, and linked.
EARLIER = "catalogue-*"
# Beside the folder of results, those of the first release's networks.
FIRST_RELEASE = "-first"
READOUTS = {
    "prototypes": "class prototypes of the training side added to the trained head",
    "shipped": "class prototypes and the gallery of the training side added to the trained head",
}


def write_page(out: Path, folder: Path, say: Callable[[str], None] = lambda text: None) -> Path:
    """Write robustness.md and its figures to `folder` from the results in `out`; returns the page.

    Raises ResultsError where there are none.
    """
    stored = StoredAnswers(out)
    for path in draw_figures(stored, folder / FIGURES):
        say(f"drew {path}")
    page = folder / PAGE
    page.write_text(markdown(out, folder, figures=folder / FIGURES), encoding="utf-8")
    return page


def markdown(out: Path, folder: Path | None = None, figures: Path | None = None) -> str:
    """Return the page.

    folder: where it stands, if pages measured with earlier catalogues may stand there too. figures:
    where other parts of the page draw theirs; None: nowhere.
    """
    stored = StoredAnswers(out)
    first = out.with_name(out.name + FIRST_RELEASE)
    earlier = sorted(folder.glob(f"{EARLIER}/{PAGE}")) if folder else []
    lines = [*_page(stored, earlier), *_first_release(stored, first), *_further(out, figures)]
    return "\n".join(lines) + "\n"


def page_problem(page: Path, out: Path) -> str | None:
    """Return how a committed page differs from the one that is generated from `out`, or None."""
    found = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    expected = markdown(out, page.parent).splitlines()
    for number in range(max(len(found), len(expected))):
        there, now = (lines[number : number + 1] for lines in (found, expected))
        if there != now:
            return (
                f"{page} line {number + 1} is {there}; generated from {out} it is {now}: write it "
                f"anew with `mineralid lab benchmark --out {out} --page {page.parent}`"
            )
    return None


def _further(out: Path, figures: Path | None) -> Iterator[str]:
    for name in FURTHER:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
        else:
            yield from module.sections(out, figures)


def _where_it_lacks_a_species(readings: Mapping[str, Any]) -> str:
    share = f"{readings['share_of_cells_from_the_evidence_own_table']:.0%}"
    if not readings.get("relatives"):
        return f"where the table lacks a species ({share} of its cells), the cell is the evidence's own."
    return (
        f"where the table lacks a species, the cell is of {readings['relatives']}, or ({share} of "
        "the cells) the evidence's own."
    )


def _page(stored: StoredAnswers, earlier: Sequence[Path]) -> Iterator[str]:
    yield "# Robust, measured"
    yield ""
    yield (
        "What tests that are missing or wrong do to every method, on stones of known collections "
        "and on collections never seen. This page and its figures are generated from stored "
        "answers, without any network, by `mineralid lab benchmark --page docs/results`; what is "
        "written into it by hand is lost when it is generated again."
    )
    yield ""
    if earlier:
        pages = [f"[{page.parent.name}]({page.parent.name}/{page.name})" for page in earlier]
        yield (
            "The same page as measured before the catalogue was changed, with the methods and seeds of "
            f"then: {', '.join(pages)}. Its figures can't be set against those here: the readings "
            "that judge may differ too."
        )
        yield ""
    yield from _in_short(stored)
    yield from _how(stored)
    yield from _methods(stored)
    for vocabulary in VOCABULARIES:
        if any(stored.methods(kind, vocabulary) for kind in SIDES):
            yield from _three_tests(stored, vocabulary)
    yield from _subsets(stored)
    yield from _per_case(stored)
    yield from _wrong_tests(stored)
    yield from _missing(stored)


def _in_short(stored: StoredAnswers) -> Iterator[str]:
    """What a reader in a hurry wants to know: the default, and where it stands."""
    kinds = [k for k in SIDES if stored.has(k, "full", tables.PHOTOGRAPH, tables.DEFAULT)]
    if not kinds:
        return
    yield "## In short"
    yield ""
    yield (
        "The evidence at default trust, as it ships; full vocabulary, per cent of the photographs "
        "whose species is named first / among the first five:"
    )
    yield ""
    yield from tables.right_names(stored, kinds)
    yield ""
    yield from tables.standing(stored, kinds)
    yield ""


def _how(stored: StoredAnswers) -> Iterator[str]:
    about = stored.described
    readings = about["readings"]
    yield "## How it was measured"
    yield ""
    yield (
        f"**Photographs.** {stored.photographs('specimen')} photographs of {len(about['classes'])} "
        f"species. *{SIDES['specimen'].capitalize()}*: {len(stored.splits('specimen'))} folds by "
        f"specimen; stones that training has not seen. *{SIDES['collection'].capitalize()}*: "
        f"{len(stored.splits('collection'))} folds "
        f"({', '.join(stored.splits('collection'))}), each leaves whole collections out of "
        f"training. One network a fold (`{about['network']}`, {READOUTS[about['readout']]}); all "
        "methods get the same features and scores. Temperature, ε, gates and thresholds are "
        "fitted on other folds than the one that is judged. Figures are means of the folds and of "
        f"the seeds, in per cent; 95 % intervals in brackets come from {DRAWS} draws of specimens "
        "with replacement within each fold, paired where two methods are compared, on the seeds "
        "that both have. They say nothing of what other collections or trainings would give."
    )
    yield ""
    yield (
        "**The readings are simulated.** Each photograph gets a hardness, a luster and a streak "
        f"drawn from one table of its species (`{readings['source']}`): hardness even in the "
        f"table's interval, ± {HARDNESS_NOISE:g}; luster and streak one listed word, in "
        f"{NEIGHBOUR_RATE:.0%} of cases a neighbouring one. The evidence, of catalogue "
        f"{about.get('catalogue', 'not recorded')}, uses neither that table nor any of its lineage, "
        f"so that the catalogue is not its own judge; {_where_it_lacks_a_species(readings)} "
        "**Methods that learn are trained on readings drawn from the judge's table: an advantage that the evidence does not have.** The same networks "
        "trained on readings drawn in the same way from the evidence's table stand beside them, "
        "marked *the evidence's table* (`-own`). Of the judge's readings the evidence has only "
        "its dials, and three figures of how far books differ that were chosen on them "
        "(docs/log.md). All methods, subsets and rates meet the same draws, one a seed. "
        "*Full vocabulary*: a Mohs number and words. *Coarse codes* of the same readings, as in the "
        "original: hardness soft, medium or hard (nail, knife), luster metallic or not, streak white "
        "or coloured; the evidence adds up the likelihood of all readings with that code."
    )
    yield ""
    yield (
        "**What goes wrong.** At an error rate r, the readings of ⌊r · n⌋ of a fold's n stones are "
        "wrong. *Record*: all of them are those of another species, uniform over the others. "
        "*One*: one tested reading is. *Similar*: all are those of one of the "
        f"{SIMILAR_SPECIES} species whose readings are most alike. *Unskilled*: hardness one Mohs "
        "off, luster a neighbouring word, streak right; a coarse code may hide it. A record that "
        "reads the same as the right one is no wrong record: another is drawn. *Missing rate*: "
        "each reading is lost with that probability, before anything goes wrong."
    )
    yield ""


def _methods(stored: StoredAnswers) -> Iterator[str]:
    yield "## Methods"
    yield ""
    rows = [
        [stored.title(name), f"`{name}`", *(str(stored.seeds(name, v) or "") for v in VOCABULARIES)]
        for name in stored.described["methods"]
        if any(stored.has(kind, v, name) for kind in SIDES for v in VOCABULARIES)
    ]
    yield from tables.table(
        ["method", "name", *(f"seeds, {_words(v)}" for v in VOCABULARIES)], rows, words=2
    )
    yield ""
    yield (
        "The evidence is posterior(s) ∝ p_photo(s)^(1/T) · [(1−ε) ∏ L(o | s) + ε · mean_s′ "
        "∏ L(o | s′)]. *Default trust*: T and ε minimise the negative log-likelihood per number of "
        f"tests on the other folds, {ASSUMED_WRONG_RECORDS:.0%} of the records there being wrong; "
        f"networks that have not seen the collection weigh {1 - KNOWN_SHARE:.0%} there, those that "
        "have not seen the specimen the rest. "
        "*Trust matched*: ε is the true share of wrong records, which nobody knows in the field. "
        "*Every test trusted*: ε = 0, T fitted to right records. *The evidence's table*: T and ε are "
        "fitted on readings of its own table; *the judge's table*: its catalogue is the table that "
        "judges; both for a comparison with networks that learned from the same. The dials of the "
        "default trust, full vocabulary:"
    )
    yield ""
    if stored.has("collection", "full", tables.DEFAULT) and stored.has(
        "specimen", "full", tables.DEFAULT
    ):
        yield from tables.dials_table(stored, "full")
    yield ""


def _three_tests(stored: StoredAnswers, vocabulary: str) -> Iterator[str]:
    yield f"## Photograph and three readings, {_words(vocabulary)}"
    yield ""
    yield "Nothing missing, nothing wrong. Macro is the mean over the species present in a fold."
    for kind, side in SIDES.items():
        if not stored.methods(kind, vocabulary):
            continue
        yield ""
        yield f"{side.capitalize()}:"
        yield ""
        yield from tables.both_sides(stored, vocabulary, kind, cell())
    if vocabulary == "full" and stored.methods("collection", vocabulary):
        yield ""
        yield "Each fold of collections never seen, top-1 micro / macro:"
        yield ""
        yield from tables.by_fold(stored, vocabulary, "collection", cell())
    yield ""


def _subsets(stored: StoredAnswers) -> Iterator[str]:
    yield "## Which tests were made"
    yield ""
    yield "Top-1 with the photograph and the tests named: nothing wrong → 0.6 of the records wrong."
    for vocabulary in VOCABULARIES:
        for kind, side in SIDES.items():
            if not stored.methods(kind, vocabulary):
                continue
            yield ""
            yield f"{_words(vocabulary).capitalize()}, {side}:"
            yield ""
            yield from tables.by_subset(stored, vocabulary, kind)
    yield ""


def _per_case(stored: StoredAnswers) -> Iterator[str]:
    """One model against the original's one model per case, where that was measured."""
    measured = list(tables.per_case_measured(stored))
    if not measured:
        return
    yield "## One model against one model per case"
    yield ""
    yield (
        "The original trains one model for each case of tests made; the methods here are one model "
        "for all. Its networks are there twice: trained on readings of the evidence's table, and of "
        "the very table that judges. Against each stand the default and the evidence that has the "
        "same table as they and no other. The error heads were trained with wrong records, 0.3 of "
        "them with all three tests and 0.6 with fewer; the default trust expects "
        f"{ASSUMED_WRONG_RECORDS:.0%}; *trust matched* is told the rate."
    )
    yield ""
    yield (
        "First a summary: paired differences of top-1 in points, the mean of the seven cases with "
        "tests. *Cells above −1*: in how many of the seven the 95 % interval lies wholly above −1 "
        "point. *The worst*: the case with the lowest bound."
    )
    yield ""
    yield from tables.evidence_against_per_case(stored)
    yield ""
    yield (
        "Case by case; the first line of each table is the baseline's own top-1, so that it can be "
        "seen what it was given. What learned from the other table is left out."
    )
    for vocabulary, kind, baseline in measured:
        for rate in (0.0, 0.6):
            wrong = f"{rate:g} of the records wrong" if rate else "nothing wrong"
            yield ""
            yield (
                f"{_words(vocabulary).capitalize()}, {SIDES[kind]}, {wrong}, against "
                f"{stored.title(baseline)}:"
            )
            yield ""
            yield from tables.against_per_case(stored, vocabulary, kind, baseline, rate)
    yield ""


def _wrong_tests(stored: StoredAnswers) -> Iterator[str]:
    trusts = (tables.PHOTOGRAPH, tables.DEFAULT, tables.MATCHED, tables.TRUSTING)
    if not all(stored.has(kind, "full", *trusts) for kind in SIDES):
        return
    yield "## What a wrong test costs"
    yield ""
    yield f"![Top-1 by share of wrong records, at four trusts]({FIGURES}/wrong-records.png)"
    yield ""
    yield (
        "Whole records of another species, three tests, full vocabulary; the bands are 95 % "
        "intervals. Against the photograph alone, paired:"
    )
    for kind, side in SIDES.items():
        yield ""
        yield f"{side.capitalize()}:"
        yield ""
        yield from tables.limits_table(tables.wrong_test_limits(stored, "full", kind))
    yield ""
    yield f"![The same for four kinds of errors]({FIGURES}/error-kinds.png)"
    yield ""
    yield (
        "The evidence has one way to doubt: that the whole record is another stone's. Matched to the "
        "share of stones with *some* wrong reading, it gives up right readings with the wrong one."
    )
    for error, words in (
        ("record", "whole records of another species"),
        ("one", "one reading of another species"),
        ("similar", "records of a similar species"),
        ("unskilled", "an unskilled observer"),
    ):
        for kind, side in SIDES.items():
            yield ""
            yield f"Top-1 with three tests, {words}, {side}:"
            yield ""
            yield from tables.by_error(stored, "full", kind, error)
    yield ""
    if drawn_methods(stored, "full"):
        yield f"![Methods by share of wrong records]({FIGURES}/methods.png)"
        yield ""


def _missing(stored: StoredAnswers) -> Iterator[str]:
    yield "## Readings that are lost"
    yield ""
    yield "Top-1 with three tests, each reading lost at the rate named, records wrong at the other."
    for vocabulary in VOCABULARIES:
        for kind, side in SIDES.items():
            if not stored.methods(kind, vocabulary):
                continue
            yield ""
            yield f"{_words(vocabulary).capitalize()}, {side}:"
            yield ""
            yield from tables.by_missing(stored, vocabulary, kind)
    yield ""


def _first_release(stored: StoredAnswers, folder: Path) -> Iterator[str]:
    if not (folder / DESCRIPTION).is_file():
        return
    first = StoredAnswers(folder)
    methods = tables.PHOTOGRAPH, tables.DEFAULT
    kinds = [k for k in SIDES if stored.has(k, "full", *methods) and first.has(k, "full", *methods)]
    if not kinds:
        return
    about = first.described
    yield "## Against the first release"
    yield ""
    yield (
        f"The first release answered from networks `{about['network']}` with "
        f"{READOUTS[about['readout']]}. Evidence at default trust, full vocabulary, dials fitted "
        "to each; the same photographs and readings, differences paired."
    )
    for kind in kinds:
        yield ""
        yield f"{SIDES[kind].capitalize()}:"
        yield ""
        yield from tables.over_first_release(stored, first, kind)
    yield ""


def _words(vocabulary: str) -> str:
    return {"full": "full vocabulary", "coarse": "coarse codes"}[vocabulary]
