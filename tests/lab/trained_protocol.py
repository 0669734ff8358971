"""A finished run of the protocol on drawn pictures, in seconds, whose answers depend on its tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from generated_photos import write_photos
from torch import nn

from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.network.backbone import Backbone
from mineralid.lab.original.codes import Codes
from mineralid.lab.original.features import FeatureStore, evaluation_spec
from mineralid.lab.original.networks import CaseNetwork, build_case
from mineralid.lab.original.recipe import STAGES, OriginalRecipe, smoke
from mineralid.lab.original.records import finish, load_finished
from mineralid.lab.original.run import Data, Run, case_folder
from mineralid.vision.prepare import prepare_photo

# Azurite shares no code with Malachite here, so that all four classes have a triple of their own;
# the others have no photograph.
TRIPLES = {
    "Quartz": (3, 1, 0),
    "Malachite": (2, 1, 1),
    "Hematite": (3, 0, 1),
    "Azurite": (1, 1, 1),
    "Gold": (2, 0, 1),
    "Topaz": (3, 1, 0),
    "Halite": (1, 1, 0),
}


@dataclass(frozen=True)
class Trained:
    """A run's folder, the photographs to measure on and the codes of the classes."""

    out: Path
    test: Manifest
    codes: Codes

    def recipe(self, tests: str) -> OriginalRecipe:
        return smoke().model_copy(update={"tests": tests})

    def network(self, tests: str) -> CaseNetwork:
        network = build_case(self.recipe(tests), len(self.codes.classes))
        load_finished(case_folder(self.out, tests) / "dmib", network)
        return network


def train_protocol(folder: Path, tests: tuple[str, ...], each: int = 8) -> Trained:
    """Run all stages for each of `tests`; the heads are then drawn at random.

    After so short a training every answer would be the same class.
    """
    read = read_manifest(write_photos(folder / "photos", each=each), tuple(TRIPLES))
    codes = Codes(tuple(TRIPLES), tuple(TRIPLES.values()))
    train, test = (
        read.subset([i for i in range(len(read)) if (i % each < each // 2) == early])
        for early in (True, False)
    )
    trained = Trained(folder / "out", test, codes)
    for case in tests:
        data = Data(train, train.subset([]), test, codes)
        Run(trained.recipe(case), data, trained.out, say=lambda _: None).run(STAGES)
        scatter(trained, case)
    return trained


def whole(manifest: Manifest, backbone: Backbone) -> torch.Tensor:
    """Photographs as evaluation prepares them, [N, 3, 32, 32]."""
    spec = evaluation_spec(backbone, 32)
    return torch.from_numpy(np.stack([prepare_photo(p.photo, spec) for p in manifest.photographs]))


def waken(backbone: Backbone, generator: torch.Generator) -> None:
    """Draw convolutions that keep the size of what passes through them.

    Under those that the smoke run begins with, the signal dies away: features all but alike.
    """
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)


def scatter(trained: Trained, tests: str) -> None:
    """Give the heads of a case weights under which photographs and tests both matter."""
    network = trained.network(tests)
    generator = torch.Generator().manual_seed(1)
    waken(network.backbone, generator)
    store = FeatureStore(network.backbone, trained.out / "cache")
    features = torch.from_numpy(store.of_photographs(trained.test, 32))
    heads = [module for module in network.head.modules() if isinstance(module, nn.Linear)]
    heads = [head for head in heads if head.out_features == len(trained.codes.classes)]
    assert len(heads) == 2
    with torch.no_grad():
        for name, parameter in network.head.named_parameters():
            if "info_layer" in name or "bottleneck" in name:
                parameter.normal_(0, 0.05, generator=generator)
        for head in heads:
            head.weight.normal_(0, 1, generator=generator)
        # A photograph counts for about as much as its tests; logits are alike on average.
        for head in heads:
            head.weight[:, : features.shape[1]] *= 8 / features.std(0).norm()
        codes = torch.from_numpy(trained.codes.array).float()
        rows = features.repeat_interleave(len(codes), 0), codes.repeat(len(features), 1)
        answer = network.head(*rows)
        for head, logits in zip(heads, answer, strict=True):
            head.bias -= logits.mean(0)
    finish(case_folder(trained.out, tests) / "dmib", network, 2.0)


def labels_of(manifest: Manifest) -> np.ndarray:
    return np.array(manifest.labels())
