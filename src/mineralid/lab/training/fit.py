"""Run a Lightning module to its last epoch: resumes, shows rate and time left, on any machine."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader

from mineralid.lab.training.record import CHECKPOINT_FILE, whole

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
ACCELERATORS = ("auto", "cpu", "cuda", "mps")
# What Lightning says of things that are meant here: beginnings of its warnings.
MEANT = (
    r"Found \d+ module\(s\) in eval mode",  # what is frozen
    r"Checkpoint directory .* exists and is not empty",  # the record of the run is there
    r"The '\w+' does not have many workers",
    r"You defined a `validation_step` but have no `val_dataloader`",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's own, of torch
)


@dataclass(frozen=True)
class Compute:
    """On what a training runs; none of it is part of a recipe.

    devices: processes on each machine; nodes: machines. More than one process: Lightning's DDP,
    started by Lightning itself or, on several machines, by torchrun on each.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "32-true"

    def __post_init__(self) -> None:
        for name, allowed in (("accelerator", ACCELERATORS), ("precision", PRECISIONS)):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}"
                )
        for name in ("devices", "nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: 1 or more")
        if self.accelerator == "cuda" and not torch.cuda.is_available():
            raise ValueError("accelerator is 'cuda', but torch finds no CUDA device here")

    @property
    def device(self) -> str:
        """Return the device of what is computed outside a training: a process's first."""
        if self.accelerator in ("auto", "cuda") and torch.cuda.is_available():
            return "cuda"
        return "mps" if self.accelerator == "mps" else "cpu"

    @property
    def world(self) -> int:
        """Return the number of processes."""
        return self.devices * self.nodes

    @property
    def on_cuda(self) -> bool:
        """Return whether it runs on CUDA devices."""
        return self.accelerator in ("auto", "cuda") and torch.cuda.is_available()


ONE_PROCESS = Compute()


def use_threads(threads: int | None) -> None:
    """Let torch compute on so many threads; None: as many as it likes."""
    if threads is not None:
        torch.set_num_threads(threads)


def rank() -> int:
    """Return this process's number among all, from 0; what launched it says so."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


class _Progress(TQDMProgressBar):
    """Rate, time left and figures, without Lightning's number of the version."""

    def get_metrics(self, *args: Any, **kwargs: Any) -> Any:
        shown = super().get_metrics(*args, **kwargs)
        return {name: value for name, value in shown.items() if name != "v_num"}


class _SameStatistics(Callback):
    """Give every process the first one's buffers: batch norms end with those of their own rows."""

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.world_size > 1:
            for buffer in pl_module.buffers():
                torch.distributed.broadcast(buffer, 0)


@contextmanager
def _quietly() -> Iterator[None]:
    """Leave out of Lightning's talk what says nothing of this training; its warnings stay."""
    log = logging.getLogger("lightning.pytorch")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in MEANT:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        log.setLevel(before)


@contextmanager
def norms_kept(module: nn.Module) -> Iterator[None]:
    """Put batch norms back as they were, with what they learned.

    For several processes Lightning replaces them, and leaves others of its own behind, which
    nothing here would know for batch norms.
    """
    norms = {n: m for n, m in module.named_modules() if isinstance(m, nn.BatchNorm2d)}
    yield
    for name, norm in norms.items():
        now = module.get_submodule(name)
        if now is norm:
            continue
        norm.to(next(now.parameters()).device).load_state_dict(now.state_dict())
        above, _, own = name.rpartition(".")
        setattr(module.get_submodule(above), own, norm.train(now.training))


def fit(
    module: LightningModule,
    train: DataLoader[Any],
    run: Path,
    *,
    epochs: int,
    seed: int,
    validation: DataLoader[Any] | None = None,
    compute: Compute = ONE_PROCESS,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train to the last epoch; an interrupted run goes on from `run/last.ckpt`.

    The checkpoint is written after each epoch and stays until the caller removes it; curves for
    TensorBoard are in `run/tensorboard`. Raises ValueError where the checkpoint is damaged.
    """
    last = run / CHECKPOINT_FILE
    if last.is_file():
        with whole(last, "begin this network anew"):
            torch.load(last, map_location="cpu", weights_only=True)["state_dict"]
    run.mkdir(parents=True, exist_ok=True)
    seed_everything(seed, workers=True, verbose=False)
    # Lightning trains a module in the mode it finds it in; what is frozen stays as in evaluation.
    module.train()
    several = compute.world > 1
    with _quietly(), norms_kept(module):
        trainer = Trainer(
            max_epochs=epochs,
            accelerator=compute.accelerator,
            devices=compute.devices,
            num_nodes=compute.nodes,
            strategy="ddp" if several else "auto",
            precision=compute.precision,  # type: ignore[arg-type]
            sync_batchnorm=several and compute.on_cuda and _learns_statistics(module),
            use_distributed_sampler=False,  # batches are shared out by what draws them
            logger=TensorBoardLogger(run, name=None, version="tensorboard"),
            log_every_n_steps=max(1, min(10, len(train))),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=run,
            callbacks=[
                ModelCheckpoint(
                    run, filename=last.stem, save_top_k=1, enable_version_counter=False
                ),
                _Progress(refresh_rate=20),
                _SameStatistics(),
                *callbacks,
            ],
        )
        trainer.fit(
            module, train, validation, ckpt_path=last if last.is_file() else None, weights_only=True
        )


def _learns_statistics(module: nn.Module) -> bool:
    return any(isinstance(m, nn.BatchNorm2d) and m.training for m in module.modules())
