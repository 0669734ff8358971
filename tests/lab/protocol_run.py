"""A small whole run of the protocol: drawn pictures of four species, in seconds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from generated_photos import COLORS_RGB, picture
from lightning import LightningModule
from PIL import Image

from mineralid.lab.data.augment import Augmentation
from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.original.codes import Codes, published_codes
from mineralid.lab.original.recipe import OriginalRecipe, smoke
from mineralid.lab.original.run import Data, Run
from mineralid.lab.training.fit import Compute
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.settings import with_settings

NAMES = tuple(COLORS_RGB)
# The weights of the package: under random ones the features of all pictures are nearly alike.
SETTINGS = (
    "pretrained=true",
    "teacher.epochs=2",
    "teacher.join_epochs=2",
    "student.epochs=2",
    "ssf.epochs=2",
    "dmib.epochs=2",
    "dmib.hidden=16",
)
# Everything that draws at random in a step: dropped tests, dropout.
RANDOM = ("tests=any", "ssf.test_encoder=shared", 'ssf.test_encoder_options={"width": 16}')
FIELD = Recipe(
    image_size=64,
    epochs=2,
    batch_size=8,
    learning_rate=0.01,
    dropout=0,
    augmentation=Augmentation(crop=(0.5, 1.0)),
    compile=False,
)


def recipe(*settings: str) -> OriginalRecipe:
    return with_settings(smoke(), [*SETTINGS, *settings])


def manifest(count: int, first: int) -> Manifest:
    """So many pictures, the species in turn, each a file in memory."""
    photographs = []
    for number in range(count):
        name = NAMES[number % len(NAMES)]
        file = io.BytesIO()
        Image.fromarray(picture(COLORS_RGB[name], first + number)).save(file, "png")
        photographs.append(
            Photograph(
                f"{name}{first + number}",
                Path(f"{name}{first + number}.png"),
                name,
                "c01",
                f"s{number}",
                file.getvalue(),
            )
        )
    return Manifest(tuple(photographs), NAMES)


def data(count: int = 21) -> Data:
    """21 photographs to train on: batches of 8, 8 and 5."""
    published = published_codes()
    codes = Codes(NAMES, tuple(published.triples[published.classes.index(n)] for n in NAMES))
    return Data(manifest(count, 0), manifest(4, 1000), manifest(4, 2000), codes)


def run(out: Path, chosen: OriginalRecipe, world: int = 1, given: Data | None = None) -> Run:
    compute = Compute(accelerator="cpu", devices=world)
    return Run(chosen, given or data(), out, compute, say=lambda _: None)


def saved(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a finished stage."""
    found: dict[str, torch.Tensor] = torch.load(folder / "network.pt", weights_only=True)["network"]
    return found


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def noted(losses: dict[str, list[float]]) -> Any:
    """A hook that notes the loss of each step as the curve has it: of all processes together."""

    def on_train_batch_end(self: LightningModule, *_: Any) -> None:
        shown = self.trainer.callback_metrics["loss"].item()
        losses.setdefault(type(self).__name__, []).append(shown)

    return on_train_batch_end
