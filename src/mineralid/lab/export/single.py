"""Export one run on somebody's own photographs: measure, calibrate as far as possible, bundle."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mineralid.lab.data.class_names import ClassNames, resolve_classes
from mineralid.lab.data.manifest import Manifest
from mineralid.lab.data.properties import read_properties
from mineralid.lab.evaluation.metrics import accuracy, bootstrap_interval, hits
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.prototypes import class_prototypes
from mineralid.lab.evaluation.scoring import score_photographs
from mineralid.lab.export.onnx_graph import INPUT, OUTPUTS, PARITY, export_onnx, parity
from mineralid.lab.export.own_calibration import calibrate_own, detector_own
from mineralid.lab.export.own_card import render_own_card
from mineralid.lab.export.release import IMAGE, add_to_head, training_summary
from mineralid.lab.training.own import FolderRun, read_folder_run
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.train import load_network
from mineralid.minerals import load_catalogue
from mineralid.version import __version__
from mineralid.vision.bundle import SPEC_FILE, Bundle, load_bundle, write_bundle
from mineralid.vision.bundle_own import OwnMineral
from mineralid.vision.bundle_spec import BundleSpec
from mineralid.vision.prepare import ImageSpec, prepare_photo

# The graph takes whole steps of its greatest stride.
STRIDE = 32
SAMPLES = 64


def export_run(
    run: Path,
    bundle: Path,
    *,
    properties: Path | None = None,
    own: bool | Sequence[str] = (),
    data: Path | None = None,
    say: Callable[[str], None] = print,
) -> Bundle:
    """Write the bundle of a finished run of `train_folder`, and return it.

    properties: a CSV of what is known of one's own classes (`read_properties`). own: classes that
    are one's own although a mineral has nearly that name, beside those told to the training. data:
    where the photographs are now (default: where they were). Raises ValueError or OSError: a run
    that is none or not finished, photographs that have changed, class names, properties, a place
    for the bundle that holds something else. RuntimeError where the graph differs from the network.
    """
    if bundle.exists() and not bundle.is_dir():
        raise ValueError(f"{bundle} is a file; allowed: a folder, or a place for a new one")
    if bundle.is_dir() and any(bundle.iterdir()) and not (bundle / SPEC_FILE).is_file():
        raise ValueError(f"{bundle} holds something else; allowed: a bundle, or an empty folder")
    trained = read_folder_run(run, data, say)
    names = resolve_classes(trained.record.classes, _own(trained.data.own, own))
    for sentence in names.told():
        say(sentence)
    stated = {} if properties is None else read_properties(properties, names)
    facts = {name: stated.get(name, OwnMineral()) for name in names.own}

    image = image_of(trained.record.recipe)
    network = load_network(run)
    train, held_out = (_renamed(part, names) for part in (trained.train, trained.held_out))
    say(f"scoring {len(train) + len(held_out) + len(trained.others)} photographs")
    of_train = score_photographs(network, train, image)
    prototypes = class_prototypes(
        of_train.feature,
        np.array(train.labels()),
        [p.collection for p in train.photographs],
        len(train.classes),
    )
    head = prototypes.head()
    judged = OutOfFold(
        kind="specimen",
        folds=(trained.record.split,),
        manifest=held_out,
        labels=np.array(held_out.labels(), dtype=int),
        fold=np.zeros(len(held_out), dtype=int),
        scores=score_photographs(network, held_out, image).with_head(*head),
        beyond=score_photographs(network, trained.others, image).with_head(*head),
        beyond_fold=np.zeros(len(trained.others), dtype=int),
        beyond_collections=tuple(p.collection for p in trained.others.photographs),
        prototypes=(prototypes.arrays(),),
    )
    calibrated = calibrate_own(judged, facts)
    detector, detects = detector_own(judged)
    say(calibrated.spec.note)
    say(detector.note)

    add_to_head(network, *head)
    graph = export_onnx(network, image.height)
    sample = train.photographs[:: max(1, len(train) // SAMPLES)]
    difference = parity(graph, network, np.stack([prepare_photo(p.photo, image) for p in sample]))
    if difference > PARITY:
        raise RuntimeError(
            f"ONNX and torch differ by {difference:.2g} in probability; allowed: {PARITY:g}"
        )
    figures = {
        "held_out": held_out_figures(judged),
        "fitted": {"calibration": calibrated.fitted or "nothing", "detector": detects},
        "shipped_bundle": _shipped_figures(),
        "export": {"parity": difference, "megabytes": round(len(graph) / 1e6, 2)},
    }
    spec = BundleSpec.model_validate(
        {
            "name": bundle.resolve().name,
            "code_version": __version__,
            "catalogue_version": load_catalogue().version,
            "created": datetime.date.today().isoformat(),
            "classes": names.names,
            "own_minerals": facts,
            "image": image,
            "graph": {"input": INPUT, **{name: name for name in OUTPUTS}},
            "feature_dim": network.head.in_features,
            "calibration": calibrated.spec,
            "unknown": detector,
            "training": {
                **training_summary(train, {run.name: trained.record.recipe}),
                "held_out_photographs": len(held_out),
                "held_out_specimens": len({p.specimen for p in held_out.photographs}),
                "specimens_known": trained.data.specimens_known,
                "other_photographs": len(trained.others),
                "by_class": _by_class(trained, names),
            },
            # Through JSON, so that the spec holds plain values.
            "figures": json.loads(json.dumps(figures)),
        }
    )
    arrays = {
        "head_weight": network.head.weight.detach().numpy(),
        "head_bias": network.head.bias.detach().numpy(),
        **prototypes.arrays(),
    }
    written = write_bundle(bundle, spec, graph, arrays, render_own_card(spec))
    say(f"wrote {bundle}")
    return written


def image_of(recipe: Recipe) -> ImageSpec:
    """Return how photographs are prepared: as for the bundle that ships, at the recipe's size.

    Seven pixels for every six of training, in whole steps of the graph's stride.
    """
    side = max(STRIDE, round(recipe.image_size * 7 / 6 / STRIDE) * STRIDE)
    return IMAGE.model_copy(update={"height": side, "width": side})


def held_out_figures(judged: OutOfFold) -> dict[str, Any]:
    """Return accuracy of the photograph alone on what was held out, {} where nothing was."""
    labels, photographs = judged.labels, judged.manifest.photographs
    if not len(labels):
        return {}
    scores = judged.scores.scores
    specimens = [p.specimen for p in photographs]
    right = hits(scores, labels, 1)
    found: dict[str, Any] = dict(accuracy(scores, labels).to_json())
    found["specimens"] = len(set(specimens))
    found["top1_interval"] = bootstrap_interval(right, specimens)
    found["by_class"] = {
        name: {"n": int((labels == c).sum()), "right": int(right[labels == c].sum())}
        for c, name in enumerate(judged.manifest.classes)
        if (labels == c).any()
    }
    return found


def _shipped_figures() -> dict[str, float]:
    """Return how much the bundle that ships loses on collections that it has not seen."""
    figures: Any = load_bundle().spec.figures
    return {
        f"{name}_collections": figures[kind]["accuracy"]["photograph alone"]["mean of folds"][
            "top1"
        ]
        for name, kind in (("known", "specimen"), ("unseen", "collection"))
    }


def _own(recorded: bool | Sequence[str], given: bool | Sequence[str]) -> bool | tuple[str, ...]:
    if recorded is True or given is True:
        return True
    told = [*(recorded or ()), *(given or ())]
    return tuple(dict.fromkeys(told))


def _renamed(manifest: Manifest, names: ClassNames) -> Manifest:
    """Return the photographs with their classes under the bundle's names."""
    name_of: Mapping[str, str] = dict(zip(names.given, names.names, strict=True))
    return Manifest(
        tuple(replace(p, species=name_of[p.species]) for p in manifest.photographs), names.names
    )


def _by_class(trained: FolderRun, names: ClassNames) -> dict[str, dict[str, Any]]:
    counted = {}
    for given, name in zip(names.given, names.names, strict=True):
        own = [p for p in trained.train.photographs if p.species == given]
        counted[name] = {
            "photographs": len(own),
            "specimens": len({p.specimen for p in own}),
            "folder": given,
        }
    return counted
