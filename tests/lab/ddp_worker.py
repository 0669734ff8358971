"""One of several processes that train together, as torchrun starts them: FOLDER, processes.

In FOLDER/ssf and FOLDER/dmib lie the stages before; what comes out beside the runs is
`losses<rank>.json`, the loss of every step, and `hashes<rank>.json`, of the weights at the end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from generated_photos import pictures
from protocol_run import FIELD, noted, recipe, run

from mineralid.lab.evaluation.scoring import weights_sha256
from mineralid.lab.original.stages import Stage
from mineralid.lab.training.fit import Compute, rank
from mineralid.lab.training.module import Training
from mineralid.lab.training.train import train


def main(folder: Path, world: int) -> None:
    torch.set_num_threads(1)
    losses: dict[str, list[float]] = {}
    Stage.on_train_batch_end = noted(losses)  # type: ignore[method-assign]
    Training.on_train_batch_end = noted(losses)  # type: ignore[method-assign]
    run(folder / "ssf", recipe(), world).run(("ssf",))
    network = run(folder / "dmib", recipe(), world).run(("dmib",))
    assert network is not None
    images, labels, names = pictures()
    compute = Compute(accelerator="cpu", devices=world)
    field = train(images, labels, names, FIELD, folder / "field", compute=compute)
    hashes = {"dmib": weights_sha256(network), "field": weights_sha256(field)}
    for name, found in (("losses", losses), ("hashes", hashes)):
        (folder / f"{name}{rank()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
