"""Make a release: train every network, calibrate on what they have not seen, ship the bundle."""

from __future__ import annotations

import datetime
import functools
import json
import os
from collections.abc import Callable
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
from mineralid.lab.evaluation.metrics import accuracy, mean_of_folds
from mineralid.lab.evaluation.out_of_fold import judges, out_of_fold
from mineralid.lab.evaluation.readout import make_readout
from mineralid.lab.evaluation.scoring import cached_scores, color_histograms
from mineralid.lab.evaluation.simulated import (
    READING_SOURCE,
    evidence_catalogue,
    reading_source,
)
from mineralid.lab.export.card import render_card
from mineralid.lab.export.onnx_graph import (
    INPUT,
    OUTPUTS,
    PARITY,
    export_onnx,
    node_count,
    parity,
)
from mineralid.lab.export.plan import ADAPTERS, KINDS, SHIPPED, Plan
from mineralid.lab.network.lite import LiteNetwork, build_lite, parameter_counts
from mineralid.lab.network.read_out import WithReadOut
from mineralid.lab.training.launch import run_jobs
from mineralid.lab.training.module import MEAN, STD
from mineralid.lab.training.record import read_record
from mineralid.lab.training.train import load_network
from mineralid.minerals import load_catalogue
from mineralid.version import __version__
from mineralid.vision.bundle import write_bundle
from mineralid.vision.bundle_spec import BundleSpec
from mineralid.vision.prepare import ImageSpec, prepare_photo

# Trained at 192 pixels on random crops and used at 224: objects then look as large as in training
# (Touvron et al., NeurIPS 2019). 224 against 192 and the crop were chosen on folds A and B.
IMAGE = ImageSpec(height=224, width=224, fit="crop", crop_fraction=0.9, mean=MEAN, std=STD)


def make_release(plan: Plan, *, at_once: int, threads: int, say: Callable[[str], None]) -> Path:
    """Train what is missing, then measure, calibrate, export and write the bundle.

    Returns the bundle's folder. Raises RuntimeError where a training fails.
    """
    run_jobs(plan.jobs, plan.photos, at_once=at_once, threads=threads, say=say)
    manifest, out = plan.manifest, plan.out
    say("measuring on photographs held out of training")
    figures, calibration, detector = measure(manifest, plan.facts, out, say, plan.left_out)
    (out / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    say("exporting")
    run = out / f"{SHIPPED}-{EVERYTHING}"
    network = load_network(run)
    core = manifest.of_classes()
    readout = make_readout(
        cached_scores(run, network, core, IMAGE).feature,
        color_histograms(core, IMAGE, out),
        np.array(core.labels()),
        np.array([p.collection for p in core.photographs]),
        len(core.classes),
    )
    add_to_head(network, *readout.prototypes.head())
    graph = export_onnx(network, IMAGE.height, readout)
    sample = core.photographs[:: max(1, len(core) // 64)]
    images = np.stack([prepare_photo(p.path, IMAGE) for p in sample])
    difference = parity(graph, WithReadOut(network, readout, MEAN, STD), images)
    if difference > PARITY:
        raise RuntimeError(
            f"ONNX and torch differ by {difference:.2g} in probability; allowed: {PARITY:g}"
        )
    plain = export_onnx(build_lite(len(core.classes), adapter="none"), IMAGE.height)
    figures["export"] = {
        "parity": difference,
        "nodes": node_count(export_onnx(network, IMAGE.height)),
        "nodes_of_readout": node_count(graph) - node_count(export_onnx(network, IMAGE.height)),
        "nodes_of_plain_backbone": node_count(plain),
        "megabytes": round(len(graph) / 1e6, 2),
    }
    arrays = {
        "head_weight": network.head.weight.detach().numpy(),
        "head_bias": network.head.bias.detach().numpy(),
        **readout.prototypes.arrays(),
    }
    spec = BundleSpec.model_validate(
        {
            "name": plan.bundle.resolve().name,
            "code_version": __version__,
            "catalogue_version": load_catalogue().version,
            "created": datetime.date.today().isoformat(),
            "classes": core.classes,
            "image": IMAGE,
            "graph": {"input": INPUT, **{name: name for name in OUTPUTS}},
            "feature_dim": network.head.in_features,
            "calibration": calibration,
            "unknown": detector,
            "training": training_summary(core, run),
            # Through JSON, so that the spec holds plain values.
            "figures": json.loads(json.dumps(figures)),
        }
    )
    write_bundle(plan.bundle, spec, graph, arrays, render_card(spec))
    say(f"wrote {plan.bundle}")
    return plan.bundle


@torch.no_grad()
def add_to_head(network: LiteNetwork, weight: np.ndarray, bias: np.ndarray) -> None:
    """Add a linear head [C, D], [C] to the network's own, in place."""
    network.head.weight.add_(torch.from_numpy(weight))
    network.head.bias.add_(torch.from_numpy(bias))


def training_summary(core: Manifest, run: Path) -> dict[str, Any]:
    """Return what the shipped network was trained on, and how."""
    recipe = read_record(run).recipe
    return {
        "photographs": len(core),
        "specimens": len({p.specimen for p in core.photographs}),
        "collections": len({p.collection for p in core.photographs}),
        "recipe": recipe.model_dump(mode="json"),
        "parameters": parameter_counts(
            build_lite(
                len(core.classes), name=recipe.backbone, adapter=recipe.adapter, pretrained=False
            )
        ),
    }


def measure(
    manifest: Manifest,
    facts: Path,
    out: Path,
    say: Callable[[str], None],
    left_out: LeftOut = LEFT_OUT_FOLDS,
) -> tuple[dict[str, Any], Any, Any]:
    """Return the card's figures, the calibration and the unknown detector, all held out."""
    core = manifest.of_classes()
    catalogue = evidence_catalogue(facts)
    # As in the field: blanks and stray readings follow the whole catalogue.
    model = Hypotheses(catalogue, tuple(core.classes)).class_evidence
    source = reading_source(facts, catalogue, core.classes)

    measured = {}
    for kind in KINDS:
        held_out = out_of_fold(kind, manifest, _runs(out, SHIPPED), IMAGE, left_out)
        measured[kind] = Measured(held_out, simulate_cases(held_out, model, source))
        say(f"scored the photographs of the {kind} folds")
    both = list(measured.values())
    figures: dict[str, Any] = {
        "left_out": {n: "all others" if c is None else sorted(c) for n, c in left_out.items()},
        "readings": {
            "source": READING_SOURCE,
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
    figures["compared"] = compare_adapters(manifest, out, left_out)
    note = (
        "Fitted on photographs held out of training (five folds by specimen and collections left "
        f"out) with simulated readings, {ASSUMED_WRONG_RECORDS:.0%} of the records taken to be "
        "another stone's; set thresholds and levels on the collections left out alone."
    )
    calibration = fit_calibration([m.cases for m in both], measured["collection"].cases, note)
    detector = fit_unknown(
        [m.held_out for m in both],
        "Logistic regression on held-out photographs of core and other species, both weighted "
        "alike within each collection.",
    )
    return figures, calibration, detector


def _simulate(target: Measured, model: EvidenceModel, source: Any, rate: float) -> Any:
    return simulate_cases(target.held_out, model, source, wrong_share=rate, seed=1)


def _runs(out: Path, adapter: str) -> Callable[[str], Path]:
    return lambda split: out / f"{adapter}-{split}"


def compare_adapters(
    manifest: Manifest, out: Path, left_out: LeftOut = LEFT_OUT_FOLDS
) -> dict[str, Any]:
    """Return accuracy of the photograph alone for linear probe, bias-only and SSF, same recipe."""
    core = manifest.of_classes()
    labels = np.array(core.labels())
    table: dict[str, Any] = {}
    for adapter in ADAPTERS:
        counts = parameter_counts(build_lite(len(core.classes), adapter=adapter, pretrained=False))
        entry: dict[str, Any] = {"trained": counts["trained"], "adapter": counts["adapter"]}
        for kind in KINDS:
            folds = {}
            for split in judges(kind, core, left_out)[0]:
                run, test = out / f"{adapter}-{split.name}", list(split.test)
                found = cached_scores(run, load_network(run), core.subset(test), IMAGE)
                folds[split.name] = accuracy(found.scores, labels[test])
            entry[kind] = {name: a.to_json() for name, a in folds.items()}
            entry[kind]["mean of folds"] = mean_of_folds(list(folds.values())).to_json()
        table[adapter] = entry
    return table


def usable_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
