"""The benchmark's straightforward loop trains what mineralid's stages train: the same losses."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
import torch
from backbone_cases import missing_package
from generated_photos import write_photos

from mineralid.lab.data.augment import Augmentation
from mineralid.lab.original.batches import Batch, FixedFeatures, loader
from mineralid.lab.original.codes import published_codes
from mineralid.lab.original.features import FeatureStore, decode_photographs
from mineralid.lab.original.recipe import Dmib, OriginalRecipe, Ssf

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from training.sides import DmibSides, Networks, Shape, SsfSides, normalised
from training.views import LiveViews, Photographs, first_views, global_batches, photographs

STEPS, TOLERANCE = 20, 1e-4
CODES = published_codes()
RECIPE = OriginalRecipe(
    image_size=32,
    batch_size=5,
    augmentation=Augmentation(crop=(0.5, 1.0)),
    # Slow enough that rounding is not amplified from step to step.
    ssf=Ssf(epochs=1, learning_rate=1e-3),
    dmib=Dmib(epochs=1, views=2, learning_rate=1e-3),
)
SHAPES = {
    "resnet-50": Shape("resnet-50", widths=(8, 4, 4, 8, 8), blocks=(1, 2, 1, 1)),
    "efficientnet-lite0": Shape("efficientnet-lite0", pretrained=True),
}
lite = pytest.mark.skipif(
    missing_package("efficientnet-lite0") is not None, reason="needs efficientnet-lite-pytorch"
)
names = pytest.mark.parametrize(
    "name", ["resnet-50", pytest.param("efficientnet-lite0", marks=lite)]
)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Photographs:
    folder = write_photos(tmp_path_factory.mktemp("pictures"))
    return photographs(sorted(folder.rglob("*.jpg"))[:20], CODES)


def networks(name: str, views: list[Batch]) -> Networks:
    """Both networks, with batch norms fitted to some of the pictures."""
    torch.manual_seed(0)
    some = tuple(torch.cat(part) for part in zip(*(v.image for v in views[:4]), strict=True))
    return Networks(RECIPE, SHAPES[name], len(CODES.classes), some)


@pytest.mark.parametrize(
    ("name", "teacher"),
    [
        ("resnet-50", None),
        pytest.param("efficientnet-lite0", None, marks=lite),
        pytest.param("efficientnet-lite0", "efficientnet-lite0", marks=lite),
    ],
)
def test_ssf_steps_have_the_same_losses(name: str, teacher: str | None, given: Photographs) -> None:
    views = first_views(RECIPE, CODES, given, STEPS)
    both = networks(name, views)
    sides = SsfSides(both, CODES, teacher, pretrained=True)
    features = [torch.randn(len(v.labels), 64) for v in views]
    images = [normalised(name, v.image) for v in views]
    ours = [sides.ours(*each) for each in zip(views, features, strict=True)]
    plain = [sides.plain(*each) for each in zip(views, images, features, strict=True)]
    assert ours == pytest.approx(plain, abs=TOLERANCE)
    assert len(set(ours)) == STEPS
    trained = dict(both.plain.named_parameters())
    for number, adapter in enumerate(both.ours.backbone.adapters().values()):
        assert adapter.scale is not None
        assert not torch.equal(adapter.scale, torch.ones_like(adapter.scale))
        same = trained[f"encoder.taps.{number}.scale"]
        torch.testing.assert_close(adapter.scale, same, atol=TOLERANCE, rtol=0)


@names
def test_dmib_steps_have_the_same_losses_on_cached_and_on_live_views(
    name: str, given: Photographs, tmp_path: Path
) -> None:
    both = networks(name, first_views(RECIPE, CODES, given, 4))
    sides = DmibSides(both)
    features = FeatureStore(both.ours.backbone, tmp_path).of_views(
        given.manifest,
        lambda: decode_photographs(given.manifest),
        views=RECIPE.dmib.views,
        image_size=RECIPE.image_size,
        options=RECIPE.augmentation,
        seed=RECIPE.seed,
    )
    cached = loader(
        FixedFeatures(torch.from_numpy(features), given.labels, seed=RECIPE.seed),
        global_batches(RECIPE, CODES, given),
    )
    live = LiveViews(RECIPE, CODES, given)
    ours, plain = [], []
    for epoch in range(STEPS // len(cached)):
        cached.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
        for batch, (same, pixels) in itertools.zip_longest(cached, live.epoch(epoch)):
            assert torch.equal(batch.given, same.given)
            ours.append(sides.ours(batch))
            plain.append(sides.plain(same, normalised(name, pixels)))
    assert len(ours) == STEPS
    assert ours == pytest.approx(plain, abs=TOLERANCE)
    assert len(set(ours)) == STEPS
