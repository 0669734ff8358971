"""Make a release: train every network, calibrate on what they have not seen, ship the bundle."""

from __future__ import annotations

import datetime
import functools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mineralid.evidence import EvidenceModel
from mineralid.identify.hypotheses import Hypotheses
from mineralid.lab.data.manifest import Manifest
from mineralid.lab.data.splits import EVERYTHING, LEFT_OUT_FOLDS, LeftOut
from mineralid.lab.evaluation.calibrate import (
    ASSUMED_WRONG_RECORDS,
    KNOWN_SHARE,
    UNSEEN,
    fit_calibration,
    fit_unknown,
    simulate_cases,
)
from mineralid.lab.evaluation.figures import (
    Measured,
    accuracies,
    calibration_figures,
    dials_by_fold,
    paired_gains,
    posteriors,
    set_figures,
    unknown_figures,
    wrong_record_curve,
)
from mineralid.lab.evaluation.networks import Networks
from mineralid.lab.evaluation.no_mineral import (
    NoMineral,
    drawn_features,
    fit_no_mineral,
    with_no_mineral,
)
from mineralid.lab.evaluation.out_of_fold import out_of_fold
from mineralid.lab.evaluation.readout import Readout, make_readout
from mineralid.lab.evaluation.robustness.honest.nothing import told_apart
from mineralid.lab.evaluation.scoring import color_histograms
from mineralid.lab.evaluation.simulated import (
    READING_SOURCE,
    RELATIVES,
    evidence_catalogue,
    judge_readings,
)
from mineralid.lab.export.card import render_card
from mineralid.lab.export.compared import compare_networks, trained_parameters
from mineralid.lab.export.half_precision import halved
from mineralid.lab.export.onnx_graph import (
    INPUT,
    OUTPUTS,
    PARITY,
    export_onnx,
    node_count,
    parity,
    probabilities,
)
from mineralid.lab.export.plan import KINDS, Plan, named_left_out
from mineralid.lab.export.recipes import MEMBERS, SHIPPED
from mineralid.lab.network.joined import Network, side_by_side
from mineralid.lab.network.lite import build_lite
from mineralid.lab.network.read_out import WithReadOut
from mineralid.lab.training.launch import run_jobs
from mineralid.lab.training.module import MEAN, STD
from mineralid.lab.training.recipe import Recipe
from mineralid.minerals import load_catalogue
from mineralid.version import __version__
from mineralid.vision.bundle import write_bundle
from mineralid.vision.bundle_spec import BundleSpec, CalibrationSpec, UnknownSpec
from mineralid.vision.prepare import ImageSpec, prepare_photo

# Trained at 192 pixels on random crops and used at 224: objects then look as large as in training
# (Touvron et al., NeurIPS 2019). 224 against 192 and the crop were chosen on folds A and B.
IMAGE = ImageSpec(height=224, width=224, fit="crop", crop_fraction=0.9, mean=MEAN, std=STD)


def make_release(plan: Plan, *, at_once: int, threads: int, say: Callable[[str], None]) -> Path:
    """Train what is missing, then measure, calibrate, export and write the bundle.

    Where the plan keeps a network, dials, detector, thresholds and figures alone are made anew.
    Returns the bundle's folder. Raises RuntimeError where a training fails, ValueError where the
    network kept sees pictures of another size.
    """
    if plan.kept and plan.kept.spec.image != IMAGE:
        raise ValueError(
            f"{plan.bundle} sees pictures as {plan.kept.spec.image}; to measure it: {IMAGE}"
        )
    run_jobs(plan.jobs, plan.photos, at_once=at_once, threads=threads, say=say)
    manifest, out, kept = plan.manifest, plan.out, plan.kept
    core = manifest.of_classes()
    say("measuring on photographs held out of training")
    before: Any = kept.spec.figures if kept else {}
    figures, calibration, detector, nothing = measure(
        manifest, plan.facts, out, say, plan.left_out, compared=before.get("compared")
    )
    (out / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    if kept:
        say(f"the network of {kept.path} stays")
        graph, arrays, training = kept.graph_path.read_bytes(), kept.arrays, kept.spec.training
        figures["export"] = before["export"]
        figures["network_of"] = before.get("network_of") or {
            "created": kept.spec.created,
            "code_version": kept.spec.code_version,
        }
    else:
        say("exporting")
        graph, arrays, figures["export"] = exported(Networks(out, SHIPPED), core)
        training = training_summary(core, MEMBERS)
    spec = BundleSpec.model_validate(
        {
            "name": plan.bundle.resolve().name,
            "code_version": __version__,
            "catalogue_version": load_catalogue().version,
            "created": datetime.date.today().isoformat(),
            "classes": core.classes,
            "image": IMAGE,
            "graph": {"input": INPUT, **{name: name for name in OUTPUTS}},
            "feature_dim": arrays["head_weight"].shape[1],
            "calibration": calibration,
            "unknown": detector,
            "training": training,
            # Through JSON, so that the spec holds plain values.
            "figures": json.loads(json.dumps(figures)),
        }
    )
    write_bundle(plan.bundle, spec, graph, {**arrays, **nothing.arrays()}, render_card(spec))
    say(f"wrote {plan.bundle}")
    return plan.bundle


def exported(networks: Networks, core: Manifest) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """Return the graph of the network trained on everything, its arrays, figures of the export."""
    network = networks.load(EVERYTHING)
    readout = make_readout(
        networks.scores(EVERYTHING, core, IMAGE).feature,
        color_histograms(core, IMAGE, networks.folder),
        np.array(core.labels()),
        np.array([p.collection for p in core.photographs]),
        len(core.classes),
    )
    add_to_head(network, *readout.prototypes.head())
    sample = core.photographs[:: max(1, len(core) // 64)]
    images = np.stack([prepare_photo(p.path, IMAGE) for p in sample])
    graph, figures = export(network, readout, images)
    arrays = {
        "head_weight": network.head.weight.detach().numpy(),
        "head_bias": network.head.bias.detach().numpy(),
        **readout.prototypes.arrays(),
    }
    return graph, arrays, figures


def export(network: Network, readout: Readout, images: np.ndarray) -> tuple[bytes, dict[str, Any]]:
    """Return the graph that ships, its weights in half precision, and figures of the export.

    images: float32 [B, 3, H, W] to compare the answers on. Raises RuntimeError where torch and
    ONNX differ.
    """
    graph = export_onnx(network, IMAGE.height, readout)
    difference = parity(graph, WithReadOut(network, readout, MEAN, STD), images)
    if difference > PARITY:
        raise RuntimeError(
            f"ONNX and torch differ by {difference:.2g} in probability; allowed: {PARITY:g}"
        )
    stored = halved(graph)
    own = node_count(export_onnx(network, IMAGE.height))
    return stored, {
        "parity": difference,
        "rounding": float(
            np.abs(probabilities(stored, images) - probabilities(graph, images)).max()
        ),
        "nodes": own,
        "nodes_of_readout": node_count(graph) - own,
        "nodes_of_plain_backbone": node_count(
            export_onnx(plain_backbone(network.head.out_features), IMAGE.height)
        ),
        "megabytes": round(len(stored) / 1e6, 2),
    }


def plain_backbone(classes: int) -> Network:
    """Return the backbones of what ships with a head each, as built without any adapter."""
    plain = [
        build_lite(classes, name=recipe.backbone, adapter="none", pretrained=False)
        for recipe in MEMBERS.values()
    ]
    return side_by_side(plain)


@torch.no_grad()
def add_to_head(network: Network, weight: np.ndarray, bias: np.ndarray) -> None:
    """Add a linear head [C, D], [C] to the network's own, in place."""
    network.head.weight.add_(torch.from_numpy(weight))
    network.head.bias.add_(torch.from_numpy(bias))


def training_summary(core: Manifest, recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    """Return what a network was trained on, and how; recipes: of networks side by side, by name."""
    return {
        "photographs": len(core),
        "specimens": len({p.specimen for p in core.photographs}),
        "collections": len({p.collection for p in core.photographs}),
        "recipes": {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()},
        "parameters": trained_parameters(tuple(recipes.values()), len(core.classes)),
    }


def measure(
    manifest: Manifest,
    facts: Path,
    out: Path,
    say: Callable[[str], None],
    left_out: LeftOut = LEFT_OUT_FOLDS,
    *,
    compared: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], CalibrationSpec, UnknownSpec, NoMineral]:
    """Return the card's figures, calibration, unknown detector and what tells no mineral.

    All on photographs held out of training. compared: how what ships compares with other networks,
    where that was measured already.
    """
    core = manifest.of_classes()
    catalogue = evidence_catalogue(facts)
    # As in the field: blanks and stray readings follow the whole catalogue.
    model = Hypotheses(catalogue, tuple(core.classes)).class_evidence
    source = judge_readings(facts, catalogue, core.classes)

    networks, measured = Networks(out, SHIPPED), {}
    for kind in KINDS:
        held_out = out_of_fold(kind, manifest, networks, IMAGE, left_out)
        measured[kind] = Measured(held_out, simulate_cases(held_out, model, source))
        say(f"scored the photographs of the {kind} folds")
    both, unseen = list(measured.values()), measured[UNSEEN]
    figures: dict[str, Any] = {
        "left_out": named_left_out(left_out),
        "readings": {
            "source": READING_SOURCE,
            "relatives": RELATIVES,
            "share_of_cells_from_the_evidence_own_table": source.shared_share(core.classes),
            "share_by_photograph": source.shared_share([p.species for p in core.photographs]),
        },
    }
    for kind, target in measured.items():
        dials = dials_by_fold(both, target)
        found = posteriors(target, dials, wrong=False)
        figures[kind] = {
            "accuracy": accuracies(target, found),
            "gains": paired_gains(target, found),
            "calibration": calibration_figures(target, found),
            "sets": set_figures(target, dials, 0.9),
            "unknown": unknown_figures(target),
            "wrong_records": wrong_record_curve(
                target,
                dials,
                functools.partial(_simulate, target, model, source),
            ),
        }
        say(f"measured the {kind} folds")
    figures["compared"] = compared or compare_networks(
        {kind: m.held_out for kind, m in measured.items()}, manifest, out, IMAGE, left_out
    )
    note = (
        "Fitted on photographs held out of training: of collections left out, which weigh "
        f"{1 - KNOWN_SHARE:.0%}, and of new specimens of known ones; with simulated readings, "
        f"{ASSUMED_WRONG_RECORDS:.0%} of the records taken to be another stone's. Set thresholds and "
        "levels are of the collections left out alone, for the sets each fold of them counting "
        "alike. On known collections the answers are therefore right more often than they say."
    )
    calibration = fit_calibration([m.cases for m in both], unseen.cases, note)
    detector = fit_unknown(
        [m.held_out for m in both],
        "Logistic regression on held-out photographs of core and other species, both weighted "
        "alike within each collection; beside it a direction that tells drawings of things that "
        "are no mineral from photographs of minerals.",
    )
    detector = detector.model_copy(update={"weights": with_no_mineral(detector.weights)})
    drawn = drawn_features(networks, unseen.held_out.folds, IMAGE)
    figures["no_mineral"] = told_apart(unseen.held_out, drawn)
    say("told drawings from photographs of minerals")
    return figures, calibration, detector, fit_no_mineral(unseen.held_out, drawn)


def _simulate(target: Measured, model: EvidenceModel, source: Any, rate: float) -> Any:
    return simulate_cases(target.held_out, model, source, wrong_share=rate, seed=1)


def usable_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
