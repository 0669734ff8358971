"""Where in the photograph a class was seen: the class activation map.

Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def heat_map(
    feature_map: NDArray[np.float32],
    head_weight: NDArray[np.float32],
    class_index: int,
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """Evidence for a class per pixel, float32 [H, W] in 0..1, its largest value 1.

    feature_map [D, h, w], head_weight [C, D], class_index 0..C-1, size (H, W) of the result.
    Only evidence in favour is shown; a map without any stays zero everywhere.
    """
    if feature_map.ndim != 3 or head_weight.ndim != 2 or len(feature_map) != head_weight.shape[1]:
        raise ValueError(
            f"feature_map has shape {list(feature_map.shape)} and head_weight "
            f"{list(head_weight.shape)}; allowed are [D, h, w] and [C, D]"
        )
    if not 0 <= class_index < len(head_weight):
        raise ValueError(f"class_index is {class_index}; allowed are 0..{len(head_weight) - 1}")
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size is {size}; allowed are (H, W) of 1 or more")
    evidence = np.einsum("d,dhw->hw", head_weight[class_index], feature_map)
    positive = np.maximum(evidence, 0).astype(np.float32)
    peak = float(positive.max())
    if not 0 < peak < np.inf:  # nothing in favour, or a network that gave no numbers
        return np.zeros((height, width), dtype=np.float32)
    coarse = Image.fromarray(positive / np.float32(peak))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR))
    return np.clip(smooth / smooth.max(), 0, 1)
