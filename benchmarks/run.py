"""Measure what the first release promises of its speed, print it and write docs/benchmarks.md.

    make bench
    python benchmarks/run.py --photos DIR    # photographs from elsewhere than ../shared/minerals
    python benchmarks/run.py --quick         # a minute, rough; writes no page

Every figure is a whole process's time or a ratio of two rates measured in turn. benchmarks/README.md
says what each means.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measuring.deciding import decision_cpu_ms
from measuring.figures import (
    COLD_SECONDS,
    LEAST_RATIO,
    START_UP_SECONDS,
    Figures,
    page,
    write_page,
)
from measuring.pictures import choose_or_draw, enlarge
from measuring.processes import mineralid_command, timed_in_turn
from measuring.quiet import MOST_TAKEN, OthersShare
from measuring.readings import three_readings
from measuring.throughput import BareSession, best_batch, paired, prepared, write_table

from mineralid.identify import Identifier
from mineralid.vision.session import usable_cores

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = ROOT.parent / "shared" / "minerals"
PAGE = ROOT / "docs" / "benchmarks.md"
READINGS = ("--hardness", "6-6.5", "--luster", "metallic", "--streak", "greenish black")
TOGETHER, APART = "one at a time, on all threads", "one for each thread"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    photos: int
    large: int  # of 12 megapixels
    process_runs: int
    arrays: int  # of the bare session in each pair
    sweep_arrays: int  # of each batch size in each round
    sweep_rounds: int
    rounds: int
    decisions: int  # rows in each round


FULL = Size(1000, 100, 7, 500, 96, 2, 5, 100)
QUICK = Size(48, 8, 2, 48, 32, 1, 2, 10)


def main() -> None:
    """Run it all once."""
    parser = argparse.ArgumentParser(description="Measure mineralid's speed.")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    parser.add_argument("--quick", action="store_true", help="rough, a minute, writes no page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mineralid-bench-") as scratch:
        figures = measure(options.photos, QUICK if options.quick else FULL, Path(scratch))
    text = page(figures)
    print(text)
    if figures.others is not None and figures.others > MOST_TAKEN:
        say(f"other programs took {figures.others:.0%} of the cores: no page written")
    elif not options.quick:
        write_page(text, PAGE)
        say(f"written: {PAGE.relative_to(ROOT)}")


def measure(photos: Path, size: Size, scratch: Path) -> Figures:
    """Prepare everything, then measure it: nothing else should run from there on."""
    say("preparing photographs, tables and arrays ...")
    identifier = Identifier()
    bundle, threads = identifier.bundle, usable_cores()
    small = choose_or_draw(photos, size.photos, scratch)
    large = enlarge(small.paths, size.large, scratch)
    readings = three_readings(identifier.catalogue, bundle.classes, size.photos)
    plain, complete, big = "photographs alone", "photographs + 3 readings", "12 megapixels"
    tables = {
        plain: (write_table(scratch / "plain.csv", small.paths), size.photos),
        complete: (write_table(scratch / "complete.csv", small.paths, readings), size.photos),
        big: (write_table(scratch / "big.csv", large.paths), size.large),
    }
    arrays = prepared(small.paths[: size.arrays], bundle)

    say("measuring: whole processes ...")
    others = OthersShare()
    mineralid, photo = mineralid_command(), str(small.paths[0])
    shown = " ".join(f'"{word}"' if " " in word else word for word in READINGS)
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        'python -c "import mineralid"': [sys.executable, "-c", "import mineralid"],
        "mineralid --help": [mineralid, "--help"],
        "mineralid identify PHOTO": [mineralid, "identify", photo],
        f"mineralid identify {shown}": [mineralid, "identify", *READINGS],
        f"mineralid identify PHOTO {shown}": [mineralid, "identify", photo, *READINGS],
    }
    limits = {name: COLD_SECONDS for name in commands if "identify" in name}
    limits |= {
        'python -c "import mineralid"': START_UP_SECONDS,
        "mineralid --help": START_UP_SECONDS,
    }
    processes = timed_in_turn(commands, size.process_runs)

    say("measuring: the bare session ...")
    bare = BareSession(bundle, threads, together=True)
    some = arrays[: size.sweep_arrays]
    best, rates = best_batch(bare, some, size.sweep_rounds)
    best_apart, rates_apart = best_batch(
        BareSession(bundle, threads, together=False), some, size.sweep_rounds
    )

    say("measuring: tables beside it ...")
    pairs = paired(tables, lambda: bare.rate(arrays, best), size.rounds)

    say("measuring: the decision ...")
    few = size.decisions
    decision_ms = decision_cpu_ms(identifier, arrays[:few], readings[:few], size.rounds)
    return Figures(
        machine=machine(threads),
        others=others.so_far(),
        bundle=bundle.version,
        pictures={plain: small.described, big: large.described},
        processes=processes,
        limits=limits,
        batch_rates={TOGETHER: rates, APART: rates_apart},
        best_batch=best,
        pairs=pairs,
        targets={plain: LEAST_RATIO},
        other_way=rates_apart[best_apart] / rates[best],
        decision_ms=decision_ms,
    )


def machine(threads: int) -> str:
    """What the figures were measured with: cores and versions."""
    import onnxruntime

    cores = "1 core" if threads == 1 else f"{threads} cores"
    return (
        f"{cores} ({platform.machine()}), {platform.system()}, Python {platform.python_version()}, "
        f"onnxruntime {onnxruntime.__version__}"
    )


def say(message: str) -> None:
    """Tell how far it is, on stderr."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
