"""Write MODEL_CARD.md from a bundle's own figures: generated, never retyped."""

from __future__ import annotations

from typing import Any

from mineralid.lab.evaluation.calibrate import ASSUMED_WRONG_RECORDS
from mineralid.lab.evaluation.figures import METHODS
from mineralid.lab.evaluation.gallery import AXES, GALLERY_WEIGHT, KERNEL_WIDTH
from mineralid.lab.evaluation.prototypes import PROTOTYPE_WEIGHT
from mineralid.lab.evaluation.readout import COLOR_WEIGHT
from mineralid.lab.evaluation.robustness.intervals import Interval
from mineralid.lab.evaluation.robustness.tables import difference
from mineralid.lab.export.compared import MEAN
from mineralid.lab.export.markdown import markdown_table
from mineralid.lab.export.recipes import SHIPPED, TITLES
from mineralid.vision.bundle_spec import BundleSpec

# The folds on which prototypes, gallery, size and crop were chosen (docs/log.md), as figures name them.
CHOSEN_ON = {"A": ["c04"], "B": ["c21", "c22"], "C": "all others"}
KINDS = {
    "specimen": "New specimens of known collections (five folds by specimen)",
    "collection": "Collections never seen in training (left-out folds)",
}
ON = {"specimen": "known collections", "collection": "unseen collections"}
WRONG = ("nothing wrong", "0.6 wrong")


def render_card(spec: BundleSpec) -> str:
    """Return the card of a bundle as Markdown."""
    parts = [
        *_head(spec),
        *_accuracy(spec.figures),
        *_compared(spec.figures),
        *_standing(spec.figures),
        *_calibration(spec),
        *_limits(spec),
    ]
    return "\n".join(parts) + "\n"


def _fold_names(figures: Any) -> dict[str, str]:
    """Return what each left-out fold is called: its name and its collections."""
    return {
        name: f"{name}: {c if isinstance(c, str) else ' + '.join(c)}"
        for name, c in figures["left_out"].items()
    }


def _head(spec: BundleSpec) -> list[str]:
    training: Any = spec.training
    counts, recipes = training["parameters"], [*training["recipes"].values()]
    share = counts["trained"] / counts["backbone"]
    export: Any = spec.figures["export"]
    return [
        f"# Model card: bundle `{spec.name}`",
        "",
        "*Generated from `model.json`; do not edit.*",
        "",
        f"Made {spec.created} by mineralid {spec.code_version}, catalogue {spec.catalogue_version}.",
        *_kept_network(spec.figures),
        "",
        "| | |",
        "|---|---|",
        f"| task | name one of {len(spec.classes)} minerals from photographs, with or without field tests |",
        f"| network | {' and '.join(r['backbone'] for r in recipes)} side by side, their scores "
        f"averaged, {spec.image.height}×{spec.image.width} pixels, {export['megabytes']} MB, "
        f"{export['nodes']} graph nodes (the plain backbones have "
        f"{export['nodes_of_plain_backbone']}) "
        f"and {export['nodes_of_readout']} of the readout |",
        f"| trained | {counts['trained']:,} parameters: {counts['adapter']:,} scale and shift, "
        f"{counts['head']:,} head; {share:.1%} of the backbones' {counts['backbone']:,} |",
        "| adapter | folded into plain weights; ONNX and torch differ by at most "
        f"{export['parity']:.1e} in probability; weights are stored in half precision, which "
        f"changes a probability by at most {export['rounding']:.1e} |",
        f"| photographs | {training['photographs']:,} of {training['specimens']:,} specimens from "
        f"{training['collections']} collections, for local use: none of them is shipped |",
        *(_recipe(r) for r in recipes),
        f"| head | trained head + {PROTOTYPE_WEIGHT:g} × similarity to class prototypes, each the mean "
        "over collections of a collection's mean feature: one linear layer; + "
        f"{GALLERY_WEIGHT:g} × log of a kernel sum over the gallery, the training photographs' "
        f"features on {AXES} axes (cosine, width {KERNEL_WIDTH:g}); + {COLOR_WEIGHT:g} × "
        "similarity to class prototypes of the colours; nothing more to train |",
        "",
        "The shipped network was trained on **all** the photographs; every figure below is of "
        "networks trained by the same recipe on a part, measured on photographs that they had not "
        "seen.",
        "",
    ]


def _kept_network(figures: Any) -> list[str]:
    """Say so where the network is that of an earlier bundle, and what is of that one too."""
    if "network_of" not in figures:
        return []
    made = figures["network_of"]
    return [
        "",
        f"The network, its export and how it compares with other networks (the table *What ships, "
        f"against the alternatives*) are of the bundle made {made['created']} by mineralid "
        f"{made['code_version']}. Dials, detectors, thresholds and all other figures were made anew "
        "on networks trained again by the same recipes on the same folds; trained twice, a network "
        "is not the same to the last bit, nor are figures of the photograph alone.",
    ]


def _recipe(recipe: Any) -> str:
    return (
        f"| recipe of {recipe['backbone']} | {recipe['epochs']} epochs at {recipe['image_size']} "
        f"pixels, AdamW {recipe['learning_rate']:g}, batch {recipe['batch_size']}, label smoothing "
        f"{recipe['label_smoothing']:g}, crops from {recipe['augmentation']['crop'][0]:.0%} of the "
        f"area, balance of classes {recipe['balance_power']:g} and of a class's collections "
        f"{recipe['collection_power']:g} (powers), averaged weights "
        f"({recipe['average_decay']:g}), seed {recipe['seed']} |"
    )


def _accuracy(figures: Any) -> list[str]:
    readings = figures["readings"]
    lines = [
        "## Accuracy",
        "",
        "Shares of photographs over all classes. Readings are **simulated**: hardness uniform in "
        "the interval of a table ± 0.5, luster and streak one word of it, replaced by a "
        "neighbouring one 10 % of the time. They are drawn from the table "
        f"`{readings['source']}`, which the evidence of this measurement does not use, nor anything "
        "of its lineage; "
        f"{readings['share_of_cells_from_the_evidence_own_table']:.0%} of the cells "
        f"({readings['share_by_photograph']:.0%} weighted by photograph) are not in it"
        f"{' nor in ' + readings['relatives'] if readings.get('relatives') else ''} and come "
        "from the evidence's own table. Temperature and ε are fitted without the photographs "
        "judged. Intervals: 95 %, bootstrap over specimens; of a mean of folds, within each fold.",
        "",
        *_chosen_on_these_folds(figures),
    ]
    fold_names = _fold_names(figures)
    for kind, title in KINDS.items():
        table = figures[kind]["accuracy"]
        folds = [*table[METHODS[0]]]
        shown = folds if kind == "collection" else ["mean of folds"]
        lines += [f"### {title}", ""]
        rows = []
        for fold in shown:
            for method in METHODS:
                a = table[method][fold]
                low, high = a["top1_interval"]
                rows.append(
                    (
                        fold_names.get(fold, fold),
                        method,
                        f"{a['top1']:.3f} ({low:.3f}–{high:.3f})",
                        f"{a['top5']:.3f}",
                        f"{a['macro_top1']:.3f}",
                        f"{a['macro_top5']:.3f}",
                        f"{a['n']}",
                        f"{a['classes']}",
                    )
                )
        lines += markdown_table(
            ("fold", "given", "top-1", "top-5", "macro top-1", "macro top-5", "n", "classes"), rows
        )
        gains = figures[kind]["gains"]
        lines += [
            "What photograph and readings together gain in top-1 (paired):",
            "",
            *markdown_table(
                ("fold", *gains[next(iter(gains))]),
                [
                    (
                        fold_names.get(fold, fold),
                        *(
                            f"{g['top1']:+.3f} ({g['interval'][0]:+.3f} to {g['interval'][1]:+.3f})"
                            for g in row.values()
                        ),
                    )
                    for fold, row in gains.items()
                ],
            ),
        ]
    return lines


def _chosen_on_these_folds(figures: Any) -> list[str]:
    """What was chosen on the photographs that judge it makes their figures too kind."""
    if figures["left_out"] != CHOSEN_ON:
        return []
    ships = figures["compared"][SHIPPED]
    alone = {
        kind: tuple(ships[kind][part][MEAN]["top1"] for part in ("head", "read_out"))
        for kind in KINDS
    }
    (before, after), (known_before, known_after) = alone["collection"], alone["specimen"]
    return [
        "The weights of prototypes, gallery and colours, the size of the image and its crop were **chosen on "
        f"these folds**. Without these additions the photograph alone has {before:.3f} "
        f"top-1 as the mean of the folds left out, as it ships {after:.3f}; on new specimens "
        f"{known_before:.3f} and {known_after:.3f}. By up to that much, and by what size and crop "
        "gained beside it (docs/log.md), the photograph's figures are too kind.",
        "",
    ]


def _compared(figures: Any) -> list[str]:
    rows = []
    for network, entry in figures["compared"].items():
        for kind, title in (("specimen", "new specimens"), ("collection", "unseen collections")):
            head, read_out = entry[kind]["head"][MEAN], entry[kind]["read_out"][MEAN]
            gain = "–"
            if network != SHIPPED:
                found = entry[kind]["gain"][MEAN]
                gain = _points(found["top1"], *found["interval"])
            rows.append(
                (
                    TITLES[network],
                    f"{entry['trained']:,}",
                    title,
                    f"{head['top1']:.3f} / {head['top5']:.3f}",
                    f"{read_out['top1']:.3f} / {read_out['top5']:.3f}",
                    f"{read_out['macro_top1']:.3f}",
                    gain,
                )
            )
    worse = [
        f"{TITLES[network]} ({title})"
        for network, entry in figures["compared"].items()
        for kind, title in (("specimen", "new specimens"), ("collection", "unseen collections"))
        if network != SHIPPED and entry[kind]["gain"][MEAN]["interval"][0] <= 0
    ]
    plainly = (
        "What ships is not clearly better than: " + "; ".join(worse) + "."
        if worse
        else "What ships is clearly better than every one of them, on both kinds of folds."
    )
    return [
        "## What ships, against the alternatives",
        "",
        "The photograph alone, same splits and seed, top-1 / top-5 as means of the folds: of the "
        "trained head, and with prototypes, gallery and colours beside it, as a bundle answers. "
        "The last column: points of top-1 that what ships has more, in pairs, 95 % over specimens.",
        "",
        *markdown_table(
            (
                "network",
                "trained parameters",
                "measured on",
                "head",
                "as a bundle",
                "macro top-1",
                "what ships is better by",
            ),
            rows,
        ),
        plainly,
        "",
    ]


def _points(value: float, low: float, high: float) -> str:
    """Return a difference of shares with its interval, in points; plain minus signs."""
    return difference(Interval(value, low, high)).replace("−", "-")


def _standing(figures: Any) -> list[str]:
    """How the formula stands against other ways to join photograph and readings, if measured."""
    lines = ["### Photograph and three readings, joined in other ways", ""]
    if not figures.get("standing"):
        return [*lines, "Not measured for this bundle (`mineralid lab benchmark --card`).", ""]
    states = {
        (kind, wrong): f"{ON[kind]}, {WRONG[wrong]}" for kind in ON for wrong in range(len(WRONG))
    }
    rows: list[list[str]] = []
    ahead: dict[tuple[str, int], list[str]] = {state: [] for state in states}
    for found in figures["standing"]:
        row = [found["title"]]
        for kind, wrong in states:
            if kind not in found["gains"]:
                row.append("–")
                continue
            gain = found["gains"][kind][wrong]
            row.append(_points(*gain))
            if gain[-1] < 0:
                ahead[kind, wrong].append(found["title"])
        rows.append(row)
    plainly = [
        f"- Clearly better than what ships on {name}: {'; '.join(ahead[state]) or 'none'}."
        for state, name in states.items()
    ]
    return [
        *lines,
        "Points of top-1 that the formula at default trust, as it ships, has more than each other way on the "
        "same networks, readings and errors, in pairs, 95 % over specimens, means of folds and "
        "seeds; the whole record wrong or none. Methods that learn did so from the very table that judges, "
        "but for those marked *the evidence's table*. Dials here are fitted on other folds, as in "
        "docs/results/robustness.md, which has every case, rate and kind of error.",
        "",
        *markdown_table(("over", *states.values()), rows),
        *plainly,
        "",
    ]


def _calibration(spec: BundleSpec) -> list[str]:
    c = spec.calibration
    figures: Any = spec.figures
    lines = [
        "## Calibration",
        "",
        c.note,
        "",
        *markdown_table(
            ("tests done", "temperature", "ε (wrong record)"),
            [
                (f"{n}", f"{t:g}", f"{e:g}")
                for n, (t, e) in enumerate(zip(c.temperature, c.wrong_record_rate, strict=True))
            ],
        ),
        "A species is named from "
        + ", ".join(f"{t:.2f}" for t in c.species_thresholds)
        + f" on (0, 1, ... tests done), where four of five such answers were right, a group from "
        f"{c.group_threshold:.2f}; from {c.unknown_threshold:.2f} on the answer is unknown.",
        "",
        f"Prediction sets at 90 %, {ASSUMED_WRONG_RECORDS:.0%} of the records wrong, thresholds from "
        "the other folds of the same kind (the shipped ones are those of the unseen collections, so "
        "on known collections they hold the truth more often than asked):",
        "",
    ]
    rows: list[tuple[str, ...]] = []
    for kind in KINDS:
        for tests, s in figures[kind]["sets"].items():
            rows.append(
                (
                    ON[kind],
                    tests,
                    f"{s['coverage']:.3f}",
                    f"{s['mean_size']:.1f}",
                    f"{s['median_size']:.0f}",
                )
            )
    lines += markdown_table(("on", "tests done", "coverage", "mean size", "median size"), rows)
    rows = []
    for kind in KINDS:
        for method, e in figures[kind]["calibration"].items():
            rows.append(
                (
                    ON[kind],
                    method,
                    f"{e['mean_confidence']:.3f}",
                    f"{e['ece']:.3f}",
                )
            )
    lines += markdown_table(("on", "given", "mean confidence", "calibration error"), rows)
    lines += [
        "### Wrong records",
        "",
        "Top-1 / top-5 with photograph and three readings (means of folds), the whole record replaced by another "
        "species' in a share of the cases (default trust):",
        "",
    ]
    rows = []
    for kind in KINDS:
        curve: Any = figures[kind]["wrong_records"]
        alone: Any = figures[kind]["accuracy"][METHODS[0]]["mean of folds"]
        rows.append(
            (
                ON[kind],
                f"{alone['top1']:.3f} / {alone['top5']:.3f}",
                *(f"{a['top1']:.3f} / {a['top5']:.3f}" for a in curve.values()),
            )
        )
    rates = figures["specimen"]["wrong_records"]
    lines += markdown_table(
        ("on", "photograph alone", *(f"{float(r):.0%} wrong" for r in rates)), rows
    )
    return lines


def _no_mineral(figures: Any) -> list[str]:
    found = figures["no_mineral"]
    return [
        "A picture that shows no mineral at all is told by a direction of the feature that was learned "
        "from drawings of textures, noise and plain colours. Of kinds of drawings that it was not "
        f"made of, it finds {found['found_at_1_percent_false']:.1%} where it takes one photograph of "
        f"a mineral in a hundred for none (area under the curve {found['auroc']:.4f}).",
        "",
    ]


def _limits(spec: BundleSpec) -> list[str]:
    figures: Any = spec.figures
    lines = [
        "## Stones that are none of the classes",
        "",
        "Area under the curve of telling other species from core ones by the photograph alone, "
        "within each collection that has both, averaged: "
        + ", ".join(
            f"{figures[kind]['unknown']['auroc_mean']:.3f} ({'known' if kind == 'specimen' else 'unseen'} "
            f"collections, {len(figures[kind]['unknown']['auroc_by_collection'])} of them)"
            for kind in KINDS
        )
        + ". 0.5 is chance: **a photograph alone hardly tells whether a stone is one of the "
        "classes**; readings help more.",
        "",
        *_no_mineral(figures),
        "## Limits",
        "",
        "- A photograph from a source that the network has not seen is named much less often "
        "than one from a known collection; make tests.",
        "- About 3–5 % of the training labels may be wrong, up to 10 % for Biotite and Muscovite.",
        "- Readings in this card are simulated from tables, not made on the stones photographed.",
        f"- Classes: {', '.join(spec.classes)}.",
    ]
    return lines
