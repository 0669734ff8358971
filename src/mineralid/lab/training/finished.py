"""Finished runs: loaded, and taken as the start or the teacher of another training."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.record import NETWORK_FILE, RunRecord, read_record, whole


def load_network(run: Path) -> LiteNetwork:
    """Load the finished network of a run, in evaluation mode.

    Raises ValueError, which names the file, where the record or the network is damaged.
    """
    record = read_record(run)
    network = build_lite(
        len(record.classes),
        name=record.recipe.backbone,
        adapter=record.recipe.adapter,
        dropout=record.recipe.dropout,
        pretrained=False,
    )
    with whole(run / NETWORK_FILE, "train this network anew"):
        saved = torch.load(run / NETWORK_FILE, map_location="cpu", weights_only=True)
        network.load_state_dict(saved["network"])
    return network.eval()


def check_earlier_runs(recipe: Recipe, record: RunRecord) -> None:
    """Raise ValueError where a run that a recipe builds on is not there or has seen other stones.

    record: of the training that builds on it. Only runs of the same split, classes and photographs
    are taken: another has seen what this one is measured on.
    """
    for role, folder in _earlier(recipe):
        run = Path(folder)
        if not (run / NETWORK_FILE).is_file():
            raise ValueError(f"{role} {run}: no finished run is there; allowed: a run of lab train")
        found = read_record(run)
        for what in ("split", "classes", "photographs", "photographs_sha256"):
            there, here = getattr(found, what), getattr(record, what)
            if there != here:
                value = f" ({there} there, {here} here)" if what == "split" else ""
                raise ValueError(
                    f"{role} {run} was trained on another {what.split('_')[0]}{value}; allowed: a "
                    "run of the same split, classes and photographs"
                )
        if role == "init_from" and found.recipe.backbone != recipe.backbone:
            raise ValueError(
                f"{role} {run} is of {found.recipe.backbone}; allowed: {recipe.backbone}, as here"
            )


def _earlier(recipe: Recipe) -> list[tuple[str, str]]:
    start = [("init_from", recipe.init_from)] if recipe.init_from else []
    return [*start, *(("teacher", folder) for folder in recipe.teachers)]


@torch.no_grad()
def start_from(network: LiteNetwork, earlier: LiteNetwork) -> None:
    """Give a network the weights of an earlier one of the same backbone and classes, in place.

    Of another kind of adapter, the earlier one's are folded into the convolutions and the
    network's own start as they are, which for an identity gives the same function.
    """
    there, here = earlier.state_dict(), network.state_dict()
    if there.keys() != here.keys():
        there = {name: t for name, t in earlier.folded().state_dict().items() if name in here}
    network.load_state_dict(there, strict=False)


class Teachers(nn.Module):
    """Finished networks as one teacher: the mean of their probabilities at a temperature."""

    def __init__(self, networks: list[LiteNetwork], temperature: float) -> None:
        super().__init__()
        self.networks, self.temperature = nn.ModuleList(networks), temperature
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [B, C] of the mean, which a softmax at the temperature gives back."""
        found = [(n(x)[0].float() / self.temperature).log_softmax(1) for n in self.networks]
        together = torch.stack(found).logsumexp(0)
        return self.temperature * together
