"""Write MODEL_CARD.md of a bundle made of one run on somebody's own photographs."""

from __future__ import annotations

from typing import Any

from mineralid.lab.export.markdown import markdown_table
from mineralid.vision.bundle_spec import BundleSpec

# Below so many held-out photographs of a class its share says little.
FEW = 10


def render_own_card(spec: BundleSpec) -> str:
    """Return the card of such a bundle as Markdown."""
    parts = [*_head(spec), *_accuracy(spec), *_calibration(spec), *_not_measured(spec)]
    return "\n".join(parts) + "\n"


def _head(spec: BundleSpec) -> list[str]:
    training: Any = spec.training
    counts, (recipe,) = training["parameters"], training["recipes"].values()
    export: Any = spec.figures["export"]
    stones = f"{training['specimens']:,} specimens"
    if not training["specimens_known"]:
        stones += " (each photograph taken for another: nobody said which show the same stone)"
    return [
        f"# Model card: bundle `{spec.name}`",
        "",
        "*Generated from `model.json`; do not edit.*",
        "",
        f"Made {spec.created} by mineralid {spec.code_version}, catalogue {spec.catalogue_version}, "
        "from one training on a folder of photographs.",
        "",
        "| | |",
        "|---|---|",
        f"| task | name one of {len(spec.classes)} classes from photographs, with or without field "
        "tests |",
        f"| network | {recipe['backbone']}, {spec.image.height}×{spec.image.width} pixels, "
        f"{export['megabytes']} MB; ONNX and torch differ by at most {export['parity']:.1e} in "
        "probability |",
        f"| trained | {counts['trained']:,} parameters: {counts['adapter']:,} in adapters "
        f"({recipe['adapter']}), {counts['head']:,} in the head |",
        f"| trained on | {training['photographs']:,} photographs of {stones} |",
        f"| held out | {training['held_out_photographs']:,} photographs of "
        f"{training['held_out_specimens']:,} specimens; never trained on |",
        f"| other stones | {training['other_photographs']:,} photographs of stones that are none of "
        "the classes |",
        f"| recipe | {recipe['epochs']} epochs at {recipe['image_size']} pixels, learning rate "
        f"{recipe['learning_rate']:g}, batch {recipe['batch_size']}, seed {recipe['seed']} |",
        "",
    ]


def _accuracy(spec: BundleSpec) -> list[str]:
    training: Any = spec.training
    found: Any = spec.figures["held_out"]
    lines = ["## Accuracy", ""]
    if found:
        low, high = found["top1_interval"]
        lines += [
            f"The photograph alone, on {found['n']} held-out photographs of {found['specimens']} "
            f"specimens: **top-1 {found['top1']:.3f}** (95 % interval {low:.3f}–{high:.3f}, bootstrap "
            f"over specimens), top-5 {found['top5']:.3f}; the mean over the {found['classes']} classes "
            f"that have a photograph there: {found['macro_top1']:.3f}.",
            "",
        ]
        if low == high:
            lines += [
                "All of them were alike, so the interval has no width. That does not make the figure "
                f"certain: with {found['specimens']} specimens, up to one in {_one_in(found)} may turn out "
                "otherwise (95 %).",
                "",
            ]
        if not training["specimens_known"]:
            lines += [
                "**Nobody said which photographs show the same stone.** Where some do, they lie on "
                "both sides, and this figure flatters.",
                "",
            ]
    else:
        lines += ["**Not measured**: no photograph was held out of training.", ""]
    rows = []
    for name in spec.classes:
        of, judged = training["by_class"][name], (found or {}).get("by_class", {}).get(name)
        rows.append(
            (
                name if of["folder"] == name else f"{name} (given as {of['folder']})",
                _known_by(spec, name),
                f"{of['photographs']}",
                f"{of['specimens']}",
                "not measured" if judged is None else f"{judged['right']} of {judged['n']}",
            )
        )
    return [
        *lines,
        *markdown_table(
            ("class", "facts", "photographs trained on", "specimens", "right of held out"), rows
        ),
        f"A class with fewer than {FEW} held-out photographs was hardly measured.",
        "",
    ]


def _one_in(found: Any) -> int:
    """Return how rare what was never seen must be: the exact 95 % limit of 0 of n."""
    return round(1 / (1 - 0.05 ** (1 / found["specimens"])))


def _known_by(spec: BundleSpec, name: str) -> str:
    own = spec.own_minerals.get(name)
    if own is None:
        return "the catalogue's"
    return f"own: {', '.join(own.to_json()) or 'none'}"


def _calibration(spec: BundleSpec) -> list[str]:
    c = spec.calibration
    return [
        "## Calibration",
        "",
        c.note,
        "",
        *markdown_table(
            ("tests done", "temperature", "ε (wrong record)", "a species is named from"),
            [
                (f"{n}", f"{t:g}", f"{e:g}", f"{c.species_threshold_for(n):.2f}")
                for n, (t, e) in enumerate(zip(c.temperature, c.wrong_record_rate, strict=True))
            ],
        ),
        "## Stones that are none of the classes",
        "",
        spec.unknown.note,
        "",
    ]


def _not_measured(spec: BundleSpec) -> list[str]:
    shipped: Any = spec.figures["shipped_bundle"]
    lines = [
        "## Not measured",
        "",
        "- Other collections: every figure is of photographs from the same folder as those trained "
        "on. Expect less on photographs of another place, light or camera: the bundle that ships was "
        f"right {shipped['known_collections']:.3f} of the time on new stones of collections it knew, "
        f"{shipped['unseen_collections']:.3f} on collections that it had not seen.",
        "- What readings add: no reading was made on these stones.",
        "- Whether the labels are right.",
    ]
    silent = [name for name, own in spec.own_minerals.items() if not own.to_json()]
    if silent:
        lines.append(
            f"- Nothing is stated of {', '.join(silent)}: a reading neither speaks for nor against "
            "such a stone by itself."
        )
    return lines
