"""The page of results: a line for each of the eight cases, and how far reduced the run was.

Every number comes from the files of a run, so that the page is generated anew after another run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mineralid.lab.original.codes import CASES, NO_TESTS
from mineralid.lab.original.evaluation import Condition, Evaluation
from mineralid.lab.original.measured import (
    MeasuredNetwork,
    check_alike,
    draws_averaged,
    error_rates,
    is_trained,
    read_measured,
)
from mineralid.lab.original.recipe import ANY, RECIPES, STAGES, OriginalRecipe

NOT_TRAINED = "not trained"
# Fields that are no reduction: which case, how a machine computes it, and names of files. The
# error rate of the training has a sentence of its own: the paper has two.
NOT_COMPARED = ("tests", "error_rate", "compile", "workers", "model_name", "checkpoint_every")
PUBLISHED_ERROR_RATES = "0.3 for all three tests and 0.6 for the seven other cases"
MEASURES = {"top1": "top-1", "top5": "top-5", "macro_recall": "macro recall"}


def results_markdown(out: Path) -> str:
    """Return the page of a run's folder as Markdown.

    A case that was not trained has a line that says so. Raises ValueError where a trained one was
    not measured, or by another network than the one that lies there, or where the networks were
    measured on different photographs or at different error rates; OSError.
    """
    networks = {
        tests: read_measured(out, tests)
        for tests in (*map(str, CASES), ANY)
        if is_trained(out, tests)
    }
    cases = {tests: network for tests, network in networks.items() if tests != ANY}
    if not cases:
        raise ValueError(f"no finished network of a case in {out}: train all stages of one first")
    check_alike(out, list(networks.values()))
    return "\n".join(_page(cases, networks.get(ANY))) + "\n"


def page_problem(page: Path, out: Path) -> str | None:
    """Return how a committed page differs from the one that is generated from a run's folder.

    None where it does not, or where there is no run to generate it from. Raises as
    `results_markdown`.
    """
    if not out.is_dir():
        return None
    expected = results_markdown(out).splitlines()
    found = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    if found == expected:
        return None
    if not found:
        return f"{page} is not there or empty: generate it from {out}"
    length = max(len(found), len(expected))
    pairs = zip(_padded(found, length), _padded(expected, length), strict=True)
    number, (there, now) = next((n, p) for n, p in enumerate(pairs, 1) if p[0] != p[1])
    return (
        f"{page} line {number} is {there!r}; generated from {out} it is {now!r}: generate it anew"
    )


def _page(
    cases: Mapping[str, MeasuredNetwork], any_network: MeasuredNetwork | None
) -> Iterator[str]:
    one = next(iter(cases.values()))
    yield "# The published protocol, reduced"
    yield ""
    yield (
        "This page is generated from the files of a run; what is written into it by hand is lost "
        "when it is generated again."
    )
    yield ""
    recipe, paper = one.found.recipe, RECIPES["original"]()
    yield (
        f"The four stages with {recipe.teacher.backbone} as teacher and {recipe.student.backbone} "
        f"as student at {recipe.image_size} pixels, in place of {paper.teacher.backbone} and "
        f"{paper.student.backbone} at {paper.image_size}; epochs of the stages: "
        f"{_epochs(recipe)}, in place of {_epochs(paper)}. All that differs is listed under "
        "[How far reduced](#how-far-reduced)."
    )
    yield ""
    yield from _measured(one, [*cases.values(), *([any_network] if any_network else [])])
    yield ""
    yield from _tables(cases, any_network)
    yield from _reduced([*cases.values(), *([any_network] if any_network else [])])
    yield from _seconds(cases, any_network)


def _epochs(recipe: OriginalRecipe) -> str:
    return ", ".join(f"{stage} {getattr(recipe, stage).epochs}" for stage in STAGES)


def _measured(one: MeasuredNetwork, networks: Sequence[MeasuredNetwork]) -> Iterator[str]:
    found, codes = one.by_pool["case"], one.found.codes
    stones = (
        ", each counted as a specimen of its own"
        if found.specimens == found.photographs
        else f" of {found.specimens} specimens"
    )
    yield (
        f"Measured on {found.photographs} photographs{stones}; {found.classes_present} of the "
        f"{len(found.classes)} classes are present. All figures are in per cent, with 95 % "
        "intervals in brackets from drawing specimens with replacement; the intervals say nothing "
        "of what another training would give. Macro recall is the mean over the "
        f"{found.classes_present} classes present."
    )
    yield ""
    yield (
        "**The readings are simulated.** A photograph's hardness, luster and streak are the "
        f"codes of its class, so they are derived from the label. The {len(codes.classes)} classes "
        f"have {len(codes.distinct)} different triples of codes: whoever reads all three without "
        "fault, sees no photograph and guesses among the classes that agree is right in "
        f"{100 * len(codes.distinct) / len(codes.classes):.0f} %, the mean over the classes."
    )
    if draws := draws_averaged([pool for network in networks for pool in network.by_pool.values()]):
        yield ""
        yield (
            "**Wrong readings.** At an error rate r exactly ⌊N · r⌋ of the N photographs have all "
            f"their readings replaced; figures are means over {draws} draws of which photographs "
            "and by what. A replacement is another candidate in which the same tests were made, "
            "so a reading that is truly of another kind; the table of the published pool draws "
            "from the published candidates instead, some of which are the same stone's readings "
            "with other tests missing. The clean head is trained on right readings; the error "
            "head stands behind the bottleneck and is trained with wrong ones."
        )


def _tables(
    cases: Mapping[str, MeasuredNetwork], any_network: MeasuredNetwork | None
) -> Iterator[str]:
    yield "## A network for each case"
    yield ""
    for measure in MEASURES:
        yield from _table(cases, measure, "case")
    yield "### With the published pool of wrong readings"
    yield ""
    yield from _table(cases, "top1", "original")
    if any_network is None:
        return
    yield "## One network for all cases"
    yield ""
    yield (
        "The same encoder with one head, trained with tests dropped at random, measured with the "
        "tests of each case given."
    )
    yield ""
    alone = {str(case): any_network for case in CASES}
    for measure in MEASURES:
        yield from _table(alone, measure, "case")
    yield "### One network, with the published pool of wrong readings"
    yield ""
    yield from _table(alone, "top1", "original")


def _table(networks: Mapping[str, MeasuredNetwork], measure: str, pool: str) -> Iterator[str]:
    """Yield one table: a line for each case, a column for each error rate and head."""
    first = next(iter(networks.values())).by_pool[pool]
    rates, heads = error_rates(first), tuple(first.conditions[0].heads)
    columns = [f"{head}, {rate:g} wrong" for rate in rates for head in heads]
    yield f"{MEASURES[measure].capitalize()}, n = {first.photographs}:"
    yield ""
    yield f"| case | tests | {' | '.join(columns)} |"
    yield "|---" * (2 + len(columns)) + "|"
    for case in CASES:
        network = networks.get(str(case))
        if network is None:
            cells = [NOT_TRAINED] * len(columns)
        else:
            by_rate = _conditions(network.by_pool[pool], str(case))
            cells = [
                getattr(by_rate[rate].heads[head], measure).percent()
                for rate in rates
                for head in heads
            ]
        yield f"| {case.name} | {str(case).replace(',', ', ')} | {' | '.join(cells)} |"
    yield ""
    if str(NO_TESTS) in networks and any(rates):
        yield "In the last line no test was made, so no reading can be wrong."
        yield ""


def _conditions(found: Evaluation, tests: str) -> dict[float, Condition]:
    return {c.error_rate: c for c in found.conditions if c.tests == tests}


def _reduced(networks: Sequence[MeasuredNetwork]) -> Iterator[str]:
    one = networks[0]
    found = one.by_pool["case"]
    present, count = found.classes_present, len(found.classes)
    recipe = one.found.recipe
    yield "## How far reduced"
    yield ""
    yield (
        f"Trained on {_values({n.tests: n.trained_on for n in networks})} photographs, after "
        f"{100 * recipe.validation_share:g} % of the training photographs were carved off to watch "
        f"the training with; measured on {found.photographs}. {present} of {count} classes have "
        f"photographs to measure on"
        + (f"; without: {', '.join(_absent(found))}." if present < count else ".")
    )
    yield ""
    rates = _values({n.tests: n.found.recipe.error_rate for n in networks})
    yield (
        f"Error rate in training: {rates}; the paper has {PUBLISHED_ERROR_RATES}. Other fields of "
        "the recipe that differ from `--recipe original` are below. That recipe holds the paper's "
        "values where the paper gives them; of stage 3 it gives neither learning rate nor weights of "
        "the losses."
    )
    yield ""
    yield "| field | original | this run |"
    yield "|---|---|---|"
    paper = _flat(RECIPES["original"]().model_dump(mode="json"))
    runs = {n.tests: _flat(n.found.recipe.model_dump(mode="json")) for n in networks}
    # A list may be longer in one of them: a field that only one has is a difference too.
    names = dict.fromkeys([*paper, *(name for run in runs.values() for name in run)])
    for name in names:
        if name in NOT_COMPARED:
            continue
        here = {tests: run.get(name) for tests, run in runs.items()}
        if any(value != paper.get(name) for value in here.values()):
            yield f"| `{name}` | {_shown(paper.get(name))} | {_values(here)} |"
    yield ""


def _absent(found: Evaluation) -> list[str]:
    """Return the classes without a photograph."""
    head = next(iter(found.conditions[0].heads.values()))
    return [name for name in found.classes if name not in head.confusion]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        elif name == "losses":
            found[prefix + name] = [_loss(term) for term in value]
        else:
            found[prefix + name] = value
    return found


def _loss(term: Mapping[str, Any]) -> str:
    told = {name: value for name, value in term.items() if name != "name" and value}
    weight = told.pop("weight", 1)
    options = ", ".join(f"{name} {value}" for name, value in told.items())
    return f"{weight:g} × {term['name']}" + (f" ({options})" if options else "")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _values(by_tests: Mapping[str, Any]) -> str:
    """Return the one value of all networks, or each with the tests of those that have it."""
    tests_of: dict[str, list[str]] = {}
    for tests, value in by_tests.items():
        tests_of.setdefault(_shown(value), []).append(tests.replace(",", "+"))
    if len(tests_of) == 1:
        return next(iter(tests_of))
    return "; ".join(f"{value} ({', '.join(tests)})" for value, tests in tests_of.items())


def _seconds(
    cases: Mapping[str, MeasuredNetwork], any_network: MeasuredNetwork | None
) -> Iterator[str]:
    networks = [*cases.values(), *([any_network] if any_network else [])]
    shared = {
        stage: networks[0].seconds[stage] for stage in STAGES[:2] if stage in networks[0].seconds
    }
    yield "## Time taken"
    yield ""
    yield (
        "Seconds that each stage took by the clock, whatever else the machine did meanwhile, features "
        "that were not in the cache yet and checkpoints included; of a stage that was interrupted "
        "those since it was last taken up. All cases share the teacher and the student"
        + (": " + ", ".join(f"{s} {v:.0f} s" for s, v in shared.items()) if shared else "")
        + "."
    )
    yield ""
    yield "| tests | ssf | dmib |"
    yield "|---|---|---|"
    for network in networks:
        cells = [
            f"{network.seconds[stage]:.0f}" if stage in network.seconds else "–"
            for stage in STAGES[2:]
        ]
        yield f"| {network.tests.replace(',', ', ')} | {' | '.join(cells)} |"


def _padded(lines: Sequence[str], length: int) -> list[str]:
    return [*lines, *[""] * (length - len(lines))]
