"""The card of the bundle that ships is made from its model.json, and its promises are kept."""

from __future__ import annotations

from typing import Any

import pytest

from mineralid.lab.export.card import render_card
from mineralid.lab.export.onnx_graph import export_onnx, node_count
from mineralid.lab.export.release import plain_backbone
from mineralid.vision.bundle import Bundle, load_bundle


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return load_bundle(None)


def test_the_card_is_what_the_figures_render_to(shipped: Bundle) -> None:
    card = (shipped.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card == render_card(shipped.spec)


def test_the_card_says_by_how_much_its_choices_flatter_it(shipped: Bundle) -> None:
    card = (shipped.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    figures: Any = shipped.spec.figures
    # Of the same networks: where one was kept, the other figures are of networks trained again.
    ships = figures["compared"]["ssf+lite2"]["collection"]
    before, after = (ships[part]["mean of folds"]["top1"] for part in ("head", "read_out"))
    assert "**chosen on these folds**. Without these additions the photograph" in card
    assert f"{before:.3f} top-1 as the mean of the folds left out, as it ships" in card
    assert f"{after:.3f}; on new specimens" in card


def test_the_shipped_graph_has_no_more_nodes_than_the_plain_backbone(shipped: Bundle) -> None:
    pytest.importorskip("onnx")
    image, classes = shipped.spec.image, len(shipped.spec.classes)
    plain = export_onnx(plain_backbone(classes), image.height)
    figures: Any = shipped.spec.figures
    own, added = figures["export"]["nodes"], figures["export"]["nodes_of_readout"]
    assert node_count(shipped.graph_path.read_bytes()) == own + added
    assert 0 < own <= node_count(plain)
    assert added < 80


def test_the_shipped_network_keeps_its_limits(shipped: Bundle) -> None:
    training: Any = shipped.spec.training
    figures: Any = shipped.spec.figures
    counts = training["parameters"]
    assert counts["trained"] == counts["adapter"] + counts["head"]
    assert counts["trained"] <= 0.04 * counts["backbone"]
    assert figures["export"]["parity"] <= 1e-4
    assert 0 < figures["export"]["rounding"] <= 0.02
    assert sum(p.stat().st_size for p in shipped.path.iterdir()) <= 25e6


def test_readings_and_photograph_together_beat_either_alone_on_every_fold(shipped: Bundle) -> None:
    figures: Any = shipped.spec.figures
    for kind in ("specimen", "collection"):
        for fold, gains in figures[kind]["gains"].items():
            assert len(gains) == 2, fold
            for over, gain in gains.items():
                assert gain["interval"][0] > 0, (fold, over)
