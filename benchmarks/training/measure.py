"""What run.py starts: prepare both sides, measure them in turn, tell it."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from measuring.pictures import choose_or_draw
from measuring.quiet import MOST_TAKEN, OthersShare

from mineralid.lab.original.codes import published_codes
from mineralid.lab.original.recipe import Dmib, OriginalRecipe, Ssf
from mineralid.lab.training.launch import ALLOCATOR
from mineralid.vision.session import usable_cores
from training.page import Figures, page, write_page
from training.sides import Shape
from training.timing import Result, dmib_epochs, ssf_steps
from training.views import photographs

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT.parent / "shared" / "minerals"
PAGE = ROOT / "docs" / "benchmarks_training.md"
LEAST_STEP, LEAST_EPOCH = 1.5, 30.0
RATE = 1e-3
RESNET = Shape("resnet-50")  # its pretrained weights are in no package: drawn at random
LITE = Shape("efficientnet-lite0", pretrained=True)
TEACHER = "efficientnet-lite2"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    photos: int  # an epoch of the Lite's DMIB stage
    resnet_photos: int
    resnet_pixels: int
    resnet_batch: int
    pixels: int  # of the Lite's images, and of the ResNet's in the DMIB stage
    batch: int
    pairs: int
    steps: int  # in each half of a pair
    epochs: int  # of mineralid's in each pair
    views: int


FULL = Size(1000, 500, 384, 16, 192, 32, 7, 2, 10, 8)
QUICK = Size(64, 32, 128, 16, 128, 16, 3, 1, 6, 2)


def main() -> None:
    """Run it all once."""
    parser = argparse.ArgumentParser(description="Measure training beside a straightforward loop.")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="rough, minutes, writes no page")
    options = parser.parse_args()
    if lacking := [name for name, value in ALLOCATOR.items() if os.environ.get(name) != value]:
        parser.error(f"{', '.join(lacking)} not set: start benchmarks/training/run.py")
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="mineralid-bench-") as scratch:
        figures = measure(options.photos, QUICK if options.quick else FULL, Path(scratch))
    text = page(figures)
    print(text)
    if figures.others is not None and figures.others > MOST_TAKEN:
        say(f"other programs took {figures.others:.0%} of the cores: no page written")
    elif not options.quick:
        write_page(text, PAGE)
        say(f"written: {PAGE.relative_to(ROOT)}")


def measure(folder: Path, size: Size, scratch: Path) -> Figures:
    """Measure everything: nothing else should run meanwhile."""
    codes = published_codes()
    pictures = choose_or_draw(folder, size.photos, scratch)
    given = photographs(pictures.paths, codes)
    few = photographs(pictures.paths[: size.resnet_photos], codes)
    large = _recipe(size.resnet_pixels, size.resnet_batch, size)
    small = _recipe(size.pixels, size.batch, size)
    others = OthersShare()

    steps: list[Result] = []
    for shape, recipe, teacher, least in (
        (RESNET, large, None, LEAST_STEP),
        (LITE, small, None, LEAST_STEP),
        (LITE, small, TEACHER, None),
    ):
        taught = f"teacher {teacher} in the step" if teacher else "teacher's features given"
        weights = "pretrained" if shape.pretrained else "random weights"
        what = (
            f"{shape.name}, {weights}, {recipe.image_size} px, batch {recipe.batch_size}, {taught}"
        )
        say(f"measuring: SSF, {what} ...")
        steps.append(
            ssf_steps(
                what,
                shape,
                recipe,
                codes,
                few,
                teacher=teacher,
                pairs=size.pairs,
                steps=size.steps,
                least=least,
            )
        )
    epochs: list[Result] = []
    for shape, of in ((LITE, given), (RESNET, few)):
        what = (
            f"{shape.name}, {small.image_size} px, {len(of.labels)} photographs, "
            f"{small.dmib.views} views, batch {small.batch_size}"
        )
        say(f"measuring: DMIB, {what} ...")
        epochs.append(
            dmib_epochs(
                what,
                shape,
                small,
                codes,
                of,
                scratch / shape.name,
                pairs=size.pairs,
                least=LEAST_EPOCH,
            )
        )
    return Figures(machine(), others.so_far(), pictures.described, steps, epochs)


def _recipe(pixels: int, batch: int, size: Size) -> OriginalRecipe:
    """Return the published recipe at a size, its SGD slow enough to compare losses.

    At 0.01 the differences of rounding grow from step to step; the rate costs no time.
    """
    return OriginalRecipe(
        image_size=pixels,
        batch_size=batch,
        ssf=Ssf(epochs=1, learning_rate=RATE),
        dmib=Dmib(epochs=size.epochs, views=size.views, learning_rate=RATE),
    )


def machine() -> str:
    """What the figures were measured with: cores and versions."""
    threads = torch.get_num_threads()
    return (
        f"{threads} thread{'s' * (threads > 1)} ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def say(message: str) -> None:
    """Tell how far it is, on stderr."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
