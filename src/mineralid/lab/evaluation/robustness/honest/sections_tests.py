"""Sections on the tests: in which order to make them, and how often books differ about a word."""

from __future__ import annotations

from collections.abc import Iterator

from mineralid.lab.evaluation.robustness.honest.plots import FIGURES
from mineralid.lab.evaluation.robustness.honest.written import FOLDER, Results, interval, signed
from mineralid.lab.evaluation.robustness.tables import SIDES, table


def advised_order(results: Results) -> Iterator[str]:
    yield "### The advised order of tests"
    yield ""
    yield f"![Number of tests in each order]({FOLDER}/{FIGURES[4]})"
    yield ""
    yield (
        "Number of tests after which the right name leads for the first time, the photograph being "
        "given; a stone that never gets there with all three counts four. *Fixed*: hardness, luster, "
        "streak. *Random*: mean of all orders. *Advised*: expected information times ease, as the "
        "answer advises them. *Best possible*: the order that turns out best for each stone, which "
        "nobody can know."
    )
    names = ("advised", "by information alone", "fixed", "random", "best possible")
    for kind, side in SIDES.items():
        orders = results["order"][kind]["orders"]
        rows = [
            [
                name,
                f"{e['tests']:.3f} {interval(e['interval'])}",
                signed(e["minus_fixed"], e["minus_fixed_interval"]) if name != "fixed" else "–",
                signed(e["minus_random"], e["minus_random_interval"]) if name != "random" else "–",
                f"{e['never']:.1%}",
            ]
            for name in names
            for e in [orders[name]]
        ]
        first = ", ".join(
            f"{test} {share:.0%}" for test, share in results["order"][kind]["first_advised"].items()
        )
        yield ""
        yield f"{side.capitalize()} (advised first: {first}):"
        yield ""
        yield from table(["order", "tests", "less fixed", "less random", "never"], rows)
    yield ""


def words(results: Results) -> Iterator[str]:
    if "words" not in results:
        return
    yield "### How often books differ about a word"
    yield ""
    found = results["words"]
    minerals = " and ".join(f"{e['minerals']} ({test})" for test, e in found.items())
    yield (
        "The evidence takes a luster or streak for a neighbouring word with probability *slip*, and "
        "for any word at all with probability *stray*. Likelihood of the words of the table that "
        f"judges, in nats a reading, on minerals that are none of the classes: {minerals}."
    )
    yield ""
    rows = [
        [
            test,
            name,
            f"{e[key]['slip']:g}",
            f"{e[key]['stray']:g}",
            f"{e[key]['nats']:.3f}",
        ]
        for test, e in found.items()
        for key, name in (("field", "in use"), ("best", "most likely"))
    ]
    yield from table(["test", "", "slip", "stray", "nats"], rows, words=2)
    yield ""
