"""Mix the views of a batch in pairs, with the classes as shares: CutMix and MixUp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

MIXUP_ALPHA = 0.4  # of the Beta distribution of a share: mostly near 0 and 1


@dataclass(frozen=True)
class Mix:
    """Of a batch: with which row each is mixed int64 [B], and its own share in 0..1 [B]."""

    partner: torch.Tensor
    share: torch.Tensor

    def of(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mixture of values [B, K] of the rows."""
        own = self.share[:, None]
        return own * values + (1 - own) * values[self.partner]


def mix(
    views: torch.Tensor, mixed: torch.Tensor, kind: str, rng: np.random.Generator
) -> tuple[torch.Tensor, Mix]:
    """Mix views uint8 [B, H, W, 3] of the rows that `mixed` [B] marks; kind: "cutmix" or "mixup".

    cutmix: a rectangle of another view is pasted, its share of the area uniform in 0..1 before the
    edge cuts it (Yun et al., CutMix, ICCV 2019). mixup: the views are averaged (Zhang et al.,
    mixup, ICLR 2018). Both before the colours are changed: a row keeps its own colour matrix.
    """
    count, (height, width) = len(views), views.shape[1:3]
    partner, share = np.arange(count), np.ones(count, dtype=np.float32)
    rows = np.flatnonzero(mixed.cpu().numpy())
    partner[rows] = rows[rng.permutation(len(rows))]
    found = views.clone()
    for row in rows:
        other = views[int(partner[row])]
        if kind == "mixup":
            own = rng.beta(MIXUP_ALPHA, MIXUP_ALPHA)
            blend = own * views[row].float() + (1 - own) * other.float()
            found[row], share[row] = blend.round().to(torch.uint8), own
            continue
        side = rng.random() ** 0.5
        top, left = rng.uniform(0, height), rng.uniform(0, width)
        y = [round(float(np.clip(top + s * side * height / 2, 0, height))) for s in (-1, 1)]
        x = [round(float(np.clip(left + s * side * width / 2, 0, width))) for s in (-1, 1)]
        found[row, y[0] : y[1], x[0] : x[1]] = other[y[0] : y[1], x[0] : x[1]]
        share[row] = 1 - (y[1] - y[0]) * (x[1] - x[0]) / (height * width)
    device = views.device
    return found, Mix(torch.from_numpy(partner).to(device), torch.from_numpy(share).to(device))
