"""Run a Lightning module to its last epoch: resumes, shows rate and time left, on any machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from mineralid.lab.training.record import CHECKPOINT_FILE, whole

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
ACCELERATORS = ("auto", "cpu", "cuda", "mps")


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
    def world(self) -> int:
        """Return the number of processes."""
        return self.devices * self.nodes


ONE_PROCESS = Compute()


def rank() -> int:
    """Return this process's number among all, from 0; what launched it says so."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


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
    several = compute.world > 1
    trainer = Trainer(
        max_epochs=epochs,
        accelerator=compute.accelerator,
        devices=compute.devices,
        num_nodes=compute.nodes,
        strategy="ddp" if several else "auto",
        precision=compute.precision,  # type: ignore[arg-type]
        sync_batchnorm=several and compute.accelerator != "cpu" and torch.cuda.is_available(),
        use_distributed_sampler=False,  # batches are shared out by what draws them
        logger=TensorBoardLogger(run, name=None, version="tensorboard"),
        log_every_n_steps=10,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=run,
        callbacks=[
            ModelCheckpoint(run, filename=last.stem, save_top_k=1, enable_version_counter=False),
            TQDMProgressBar(refresh_rate=20),
            *callbacks,
        ],
    )
    trainer.fit(
        module, train, validation, ckpt_path=last if last.is_file() else None, weights_only=True
    )
