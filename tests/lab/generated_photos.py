"""Generated pictures of stones, each species with a colour of its own, as a folder that trains."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

COLORS_RGB = {
    "Quartz": (225, 225, 235),
    "Malachite": (20, 130, 80),
    "Hematite": (95, 45, 45),
    "Azurite": (30, 60, 190),
}
COLLECTIONS = ("c01", "c04", "c21", "c22")
COLUMNS = ("image_id", "species", "collection", "specimen")


def picture(color: Sequence[int], seed: int, side: int = 64) -> np.ndarray:
    """A round stone of one colour, with light and grain, on dark cloth: uint8 [side, side + 8, 3]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side, 0 : side + 8]
    x, y = rng.uniform(0.4, 0.6, 2) * side
    near = 1 - ((columns - x) ** 2 + (rows - y) ** 2) / (rng.uniform(0.3, 0.45) * side) ** 2
    light = 0.5 + 0.7 * np.sqrt(np.clip(near, 0, 1))
    stone = np.array(color) * light[..., None]
    pixels = np.where(near[..., None] > 0, stone, 30) + rng.normal(0, 8, (side, side + 8, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def pictures(each: int = 10) -> tuple[list[np.ndarray], list[int], list[str]]:
    """Pictures, class indices and class names, species by species."""
    names = list(COLORS_RGB)
    images = [picture(COLORS_RGB[n], 100 * c + i) for c, n in enumerate(names) for i in range(each)]
    return images, [c for c in range(len(names)) for _ in range(each)], names


def write_photos(
    folder: Path,
    each: int = 10,
    beyond: Sequence[str] = (),
    collections: Sequence[str] = COLLECTIONS,
) -> Path:
    """Write photos.csv, photos/ and core_species.txt; two photographs a specimen.

    beyond: species that are no class, as many pictures of each.
    """
    (folder / "photos").mkdir(parents=True)
    rows = []
    for c, name in enumerate([*COLORS_RGB, *beyond]):
        color = COLORS_RGB.get(name, (200 - 20 * c, 170, 60))
        for i in range(each):
            identity = f"{name.lower()}{i:02d}"
            Image.fromarray(picture(color, 100 * c + i)).save(
                folder / "photos" / f"{identity}.jpg", quality=95
            )
            stone = i // 2
            rows.append((identity, name, collections[stone % len(collections)], f"{name}-{stone}"))
    write_table(folder / "photos.csv", rows)
    (folder / "core_species.txt").write_text("\n".join(COLORS_RGB) + "\n", encoding="utf-8")
    return folder


def write_table(
    path: Path, rows: Sequence[Sequence[str]], columns: Sequence[str] = COLUMNS
) -> None:
    """Write a table of photographs."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
