"""Train one network on decoded photographs: resumes, shows rate and time left."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar

from mineralid.lab.data.batches import AugmentedPhotographs, training_loader
from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.lab.training.module import Training
from mineralid.lab.training.recipe import Recipe


def train(
    images: Sequence[np.ndarray],
    labels: Sequence[int],
    classes: Sequence[str],
    recipe: Recipe,
    run: Path,
) -> LiteNetwork:
    """Train and return the averaged network; a finished or interrupted `run` is taken up again.

    images: uint8 [H, W, 3] each; labels: class indices. Writes `run/recipe.json`,
    `run/last.ckpt` (each epoch) and, when done, `run/network.pt`. Raises ValueError where `run`
    holds another recipe or class list.
    """
    run.mkdir(parents=True, exist_ok=True)
    described: dict[str, Any] = {
        "recipe": recipe.model_dump(mode="json"),
        "classes": list(classes),
        "photographs": len(labels),
    }
    record = run / "recipe.json"
    if record.is_file():
        found = json.loads(record.read_text(encoding="utf-8"))
        found["recipe"] = Recipe.model_validate(found["recipe"]).model_dump(mode="json")
        if found != described:
            differing = sorted(k for k in described if found.get(k) != described[k])
            raise ValueError(
                f"{run} was begun with another {', '.join(differing)}: use a new --out"
            )
    else:
        record.write_text(json.dumps(described, indent=1), encoding="utf-8")
    finished = run / "network.pt"
    if finished.is_file():
        return load_network(run)

    seed_everything(recipe.seed, workers=True, verbose=False)
    module = Training(recipe, len(classes))
    loader = training_loader(
        AugmentedPhotographs(
            images, labels, size=recipe.image_size, options=recipe.augmentation, seed=recipe.seed
        ),
        batch_size=recipe.batch_size,
        balance_power=recipe.balance_power,
        workers=recipe.workers,
    )
    last = run / "last.ckpt"
    trainer = Trainer(
        max_epochs=recipe.epochs,
        accelerator="auto",
        devices=1,
        logger=False,
        enable_model_summary=False,
        default_root_dir=run,
        callbacks=[
            ModelCheckpoint(run, filename="last", save_top_k=1, enable_version_counter=False),
            TQDMProgressBar(refresh_rate=20),
        ],
    )
    started = time.monotonic()
    trainer.fit(module, loader, ckpt_path=last if last.is_file() else None, weights_only=True)
    network = module.averaged_network().cpu()
    partial = finished.with_suffix(".partial")
    torch.save({"network": network.state_dict(), "seconds": time.monotonic() - started}, partial)
    partial.replace(finished)
    last.unlink(missing_ok=True)
    return network


def load_network(run: Path) -> LiteNetwork:
    """Load the finished network of a run, in evaluation mode."""
    described = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    recipe = Recipe.model_validate(described["recipe"])
    network = build_lite(
        len(described["classes"]),
        adapter=recipe.adapter,
        dropout=recipe.dropout,
        pretrained=False,
    )
    saved = torch.load(run / "network.pt", map_location="cpu", weights_only=True)
    network.load_state_dict(saved["network"])
    return network.eval()
