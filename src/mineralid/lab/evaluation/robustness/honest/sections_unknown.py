"""Sections on what an answer does not know: other species, no mineral at all, wrong records."""

from __future__ import annotations

from collections.abc import Iterator

from mineralid.lab.evaluation.robustness.honest.plots import FIGURES
from mineralid.lab.evaluation.robustness.honest.written import FOLDER, Results, interval, share
from mineralid.lab.evaluation.robustness.readings import ERROR_KINDS
from mineralid.lab.evaluation.robustness.tables import SIDES, table

KIND_WORDS = {
    "record": "whole record of another species",
    "one": "one reading of another species",
    "similar": "record of a similar species",
    "unskilled": "unskilled observer",
}


def unknown_species(results: Results) -> Iterator[str]:
    yield "### Stones of other species"
    yield ""
    yield f"![Other species told from the classes]({FOLDER}/{FIGURES[2]})"
    yield ""
    found = results["unknown"]["collection"]
    gone = "; ".join(f"{why} {count}" for why, count in found["left_out"].items())
    yield (
        "P(none of the classes) as the field computes it: what the photograph's detector says, and "
        f"how badly the readings fit the classes. {found['other_photographs']} photographs of "
        f"{found['other_species']} other species against {found['core_photographs']} of the classes, "
        "within each collection that has five of both, averaged over the collections "
        f"({_collections(found)}). Left out: {gone}. The detector is fitted without the photographs "
        "that are judged. *False alarms*: share of stones of the classes that score as high as 95 % "
        "of the others do. *Said none*: P ≥ 0.5."
    )
    for kind, side in SIDES.items():
        rows = [
            [
                tests,
                f"{e['auroc']:.3f} {interval(e['auroc_interval'])}",
                f"{e['false_alarms_95']:.3f} {interval(e['false_alarms_95_interval'])}",
                f"{e['said_none_other']:.1%}",
                f"{e['said_none_core']:.1%}",
            ]
            for tests, e in results["unknown"][kind]["readings"].items()
        ]
        yield ""
        yield f"{side.capitalize()}:"
        yield ""
        yield from table(
            [
                "readings",
                "area under the curve",
                "false alarms",
                "others said none",
                "classes said none",
            ],
            rows,
        )
    yield ""
    yield (
        "**A photograph alone hardly tells an unknown species from a known one**; readings do, and "
        "the more of them the better."
    )
    yield ""


def no_mineral(results: Results) -> Iterator[str]:
    found = results["nothing"]
    apart = found["told_apart"]
    weakest = sorted(apart["by_kind"].items(), key=lambda item: item[1])[:3]
    yield "### No mineral at all"
    yield ""
    yield (
        f"Drawings of textures, noise and plain colours against {apart['photographs']} photographs of "
        "minerals, both never seen by the networks, each kind of drawing judged by a detector that "
        f"was not fitted on it: area under the curve {apart['auroc']:.4f}; "
        f"{apart['found_at_1_percent_false']:.1%} of the drawings are found where one photograph in "
        "a hundred is taken for none. Weakest: "
        f"{', '.join(f'{kind} {share:.0%}' for kind, share in weakest)}."
    )
    for name, words in (
        ("drawn", "drawings with seeds of their own"),
        ("samples", "sample pictures of scikit-image that come with its wheel"),
    ):
        if name not in found or not found[name]["pictures"]:
            continue
        entry = found[name]
        kind, surest = max(entry["kinds"].items(), key=lambda item: item[1]["surest"])
        yield ""
        yield (
            f"Of {entry['pictures']} {words}, the bundle `{entry['bundle']}` names **{entry['species']}** "
            f"as a species and {entry['group']} as a group. The surest: {surest['name']} with "
            f"{surest['surest']:.0%} for *{kind}*."
        )
    yield ""


def wrong_records(results: Results) -> Iterator[str]:
    yield "### Wrong records found out"
    yield ""
    yield f"![Wrong records found]({FOLDER}/{FIGURES[3]})"
    yield ""
    yield (
        "P(the record belongs to another stone), right records against wrong ones. Precision and "
        "recall where that probability is 0.5 or more, three records in ten being wrong. *Found at "
        "5 %*: recall where one right record in twenty is suspected too."
    )
    for kind, side in SIDES.items():
        rows = []
        for error in ERROR_KINDS:
            for tests, e in results["wrong_records"][kind][error].items():
                at = e["0.3"]
                rows.append(
                    [
                        KIND_WORDS[error],
                        tests,
                        f"{e['auroc']:.3f} {interval(e['auroc_interval'])}",
                        share(at["precision"]),
                        share(at["recall"]),
                        f"{at['ap']:.3f}",
                        f"{e['recall_at_5_percent_false']:.3f}",
                    ]
                )
        yield ""
        yield f"{side.capitalize()}:"
        yield ""
        yield from table(
            [
                "error",
                "readings",
                "area under the curve",
                "precision",
                "recall",
                "average precision",
                "found at 5 %",
            ],
            rows,
        )
    yield ""


def _collections(found: Results) -> str:
    return ", ".join(f"{n} {e['core']}/{e['other']}" for n, e in found["collections"].items())
