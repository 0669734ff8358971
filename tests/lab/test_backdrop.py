"""Another backdrop behind the stone: found on plain cloth, not found where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from generated_photos import picture

from mineralid.lab.data.augment import Augmentation, augment
from mineralid.lab.data.backdrop import Cutout, another_backdrop, cut_out
from mineralid.lab.data.batches import AugmentedPhotographs

SIDE = 120


def scene(cloth: np.ndarray, color: tuple[int, int, int], seed: int = 0) -> tuple:
    """Return a picture of a round stone on a cloth uint8 [120, 120, 3], and where the stone is."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    stone = (rows - 62) ** 2 + (columns - 55) ** 2 < 34**2
    pixels = np.where(stone[..., None], color, cloth) + rng.normal(0, 6, (SIDE, SIDE, 3))
    return pixels.clip(0, 255).astype(np.uint8), stone


def lit(low: tuple[int, int, int], high: tuple[int, int, int]) -> np.ndarray:
    """A cloth on which the light falls off from one side to the other."""
    share = np.linspace(0, 1, SIDE)[None, :, None]
    return np.broadcast_to(np.array(low) * (1 - share) + np.array(high) * share, (SIDE, SIDE, 3))


def overlap(found: Cutout, stone: np.ndarray) -> float:
    """Return intersection over union, at the mask's size."""
    rows, columns = (
        (np.arange(n) * side // n) for n, side in zip(found.mask.shape, stone.shape, strict=True)
    )
    there = stone[np.ix_(rows, columns)]
    mask = found.mask > 127
    return float((mask & there).sum() / (mask | there).sum())


@pytest.mark.parametrize(
    ("cloth", "color"),
    [
        (lit((20, 20, 20), (20, 20, 20)), (140, 90, 60)),
        (lit((250, 250, 250), (200, 200, 205)), (60, 120, 80)),
        (lit((20, 20, 90), (60, 60, 160)), (200, 190, 170)),
    ],
    ids=["black", "white, lit from one side", "blue, lit from one side"],
)
def test_a_stone_on_plain_cloth_is_found(cloth: np.ndarray, color: tuple[int, int, int]) -> None:
    image, stone = scene(cloth, color)
    found = cut_out(image)
    assert found is not None
    assert overlap(found, stone) > 0.85
    # No stone is left in the backdrop, and the cloth's colours are kept.
    there = cloth[:, [*range(0, SIDE, 2)]][:64].mean(0)
    assert np.abs(found.backdrop[:, :60].mean(0) - there).max() < 25


def test_what_lies_inside_the_stone_is_stone_though_of_the_cloth_s_colour() -> None:
    image, stone = scene(lit((20, 20, 20), (20, 20, 20)), (200, 200, 200))
    image[55:70, 48:62] = 20
    found = cut_out(image)
    assert found is not None
    assert overlap(found, stone) > 0.85


def test_a_thin_mark_in_a_corner_is_no_stone() -> None:
    image, stone = scene(lit((20, 20, 20), (20, 20, 20)), (200, 60, 60))
    image[112:115, 70:118] = 200
    found = cut_out(image)
    assert found is not None
    assert overlap(found, stone) > 0.85
    assert not (found.mask[-8:] > 127).any()


@pytest.mark.parametrize("kind", ["one colour", "restless"])
def test_where_no_stone_can_be_told_there_is_none(kind: str) -> None:
    rng = np.random.default_rng(0)
    image = np.full((SIDE, SIDE, 3), 90, dtype=np.uint8)
    if kind == "restless":  # of a stone that fills the picture, say
        coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        image = coarse.repeat(10, axis=0).repeat(10, axis=1)
    if kind == "fills the picture":
        image[:, 12:] = 220
    assert cut_out(image) is None


def test_small_and_narrow_photographs_are_looked_at_too() -> None:
    for shape in ((3, 5, 3), (200, 9, 3), (1, 1, 3)):
        assert cut_out(np.full(shape, 7, dtype=np.uint8)) is None


NOTHING = Augmentation(
    crop=(1.0, 1.0),
    aspect=0,
    rotation=0,
    flip=0,
    brightness=0,
    contrast=0,
    saturation=0,
    white_balance=0,
)


def test_the_stone_stays_and_the_backdrop_changes() -> None:
    image, stone = scene(lit((20, 20, 20), (20, 20, 20)), (200, 60, 60))
    found = cut_out(image)
    options = NOTHING.model_copy(update={"backdrop": 1.0})
    inside = stone & np.roll(stone, 8, 0) & np.roll(stone, -8, 0)
    outside = ~(stone | np.roll(stone, 8, 0) | np.roll(stone, -8, 0))
    colors = []
    for seed in range(6):
        view, _ = augment(image, SIDE, options, np.random.default_rng(seed), found)
        core = inside & np.roll(inside, 8, 1) & np.roll(inside, -8, 1)
        assert np.array_equal(view[core], image[core])
        rim = outside & np.roll(outside, 8, 1) & np.roll(outside, -8, 1)
        colors.append(view[rim].mean(0))
    assert len({tuple(c.round()) for c in colors}) == 6
    untold, _ = augment(image, SIDE, options, np.random.default_rng(0), None)
    assert np.array_equal(untold, image)


def test_the_mask_follows_the_view() -> None:
    image, _ = scene(lit((0, 0, 0), (0, 0, 0)), (255, 255, 255))
    found = cut_out(image)
    assert found is not None
    for seed in range(5):
        rng = np.random.default_rng(seed)
        view, _ = augment(image, 64, Augmentation(rotation=90), rng)
        options = Augmentation(rotation=90, backdrop=1.0)
        changed, _ = augment(image, 64, options, np.random.default_rng(seed), found)
        bright = view.min(-1) > 200
        if bright.mean() > 0.05:
            kept = np.abs(changed[bright].astype(int) - view[bright]).max(-1) < 8
            assert kept.mean() > 0.9


def test_backdrops_of_other_photographs_are_among_those_drawn() -> None:
    green = np.zeros((64, 64, 3), dtype=np.uint8)
    green[..., 1] = 201
    drawn = [np.asarray(another_backdrop(32, [green], np.random.default_rng(s))) for s in range(60)]
    taken = sum(bool((d == [0, 201, 0]).all()) for d in drawn)
    assert 15 <= taken <= 45
    assert all(d.shape == (32, 32, 3) for d in drawn)


def test_stones_are_told_from_their_backdrops_only_where_that_is_asked() -> None:
    images = [picture((225, 60, 60), seed) for seed in range(3)]
    off = AugmentedPhotographs(images, [0, 0, 0], size=16, options=Augmentation(), seed=0)
    assert off.cutouts == [None] * 3
    options = Augmentation(backdrop=0.5)
    on = AugmentedPhotographs(images, [0, 0, 0], size=16, options=options, seed=0)
    assert len(on.backdrops) == 3
