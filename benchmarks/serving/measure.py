"""One run: the bare session, the server under load, the bare session again, re-ranking."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measuring.pictures import choose_or_draw
from measuring.quiet import MOST_TAKEN, OthersShare
from measuring.readings import three_readings
from measuring.throughput import BareSession, best_batch, prepared

from mineralid.identify import Identifier
from mineralid.vision.session import usable_cores
from serving.generator import expected_of
from serving.halves import answers_alone, bare_beside_load, rerank, server, under_load
from serving.page import Figures, page

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT.parent / "shared" / "minerals"
PAGE = ROOT / "docs" / "benchmarks_serving.md"
CLIENTS = 32


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    photos: int
    load_seconds: float
    bare_seconds: float
    sweep_arrays: int
    sweep_rounds: int
    reranks: int


FULL = Size(200, 60, 30, 96, 2, 100)
QUICK = Size(64, 10, 5, 32, 1, 20)


def main() -> None:
    """Run it all once."""
    parser = argparse.ArgumentParser(description="Measure mineralid serve under load.")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    parser.add_argument("--quick", action="store_true", help="rough, under a minute, no page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mineralid-bench-") as scratch:
        figures = measure(options.photos, QUICK if options.quick else FULL, Path(scratch))
    text = page(figures)
    print(text)
    if figures.others is not None and figures.others > MOST_TAKEN:
        say(f"other programs took {figures.others:.0%} of the cores: no page written")
    elif not options.quick:
        PAGE.write_text(text, encoding="utf-8")
        say(f"written: {PAGE.relative_to(ROOT)}")


def measure(photos: Path, size: Size, scratch: Path) -> Figures:
    """Prepare, then measure; nothing else should run from there on."""
    say("preparing photographs and arrays ...")
    identifier = Identifier()
    bundle, threads = identifier.bundle, usable_cores()
    pictures = choose_or_draw(photos, size.photos, scratch)
    paths = list({path.name: path for path in pictures.paths}.values())
    arrays = prepared(paths, bundle)
    readings = three_readings(identifier.catalogue, bundle.classes, size.reranks)

    say("measuring: the bare session's best batch ...")
    others = OthersShare()
    bare = BareSession(bundle, threads, together=True)
    some = arrays[: size.sweep_arrays]
    best, rates = best_batch(bare, some, size.sweep_rounds)
    apart = BareSession(bundle, threads, together=False)
    _, rates_apart = best_batch(apart, some, size.sweep_rounds)

    plan = scratch / "plan.json"
    with server() as port:
        alone = answers_alone(port, paths)
        names = [path.name for path in paths]
        expected = {n: expected_of(n, a).candidates for n, a in zip(names, alone, strict=True)}
        for path in paths[:8]:  # the server's answers are Python's
            answer = identifier.identify(path)
            problem = expected_of(path.name, json.loads(answer.to_json())).differs(
                {**alone[names.index(path.name)], "photos": [path.name]}
            )
            if problem is not None:
                raise SystemExit(f"the server and Python disagree: {problem}")
        content = {
            "photos": [str(path) for path in paths],
            "expected": expected,
            "canned": alone[0],
        }
        plan.write_text(json.dumps(content), encoding="utf-8")
        pace = under_load(plan, CLIENTS, size.bare_seconds / 3, port)  # also warms it up

        say("measuring: bare, served, bare ...")
        guess = pace.answered / pace.seconds
        before = bare_beside_load(bare, arrays, best, plan, CLIENTS, size.bare_seconds, guess)
        load = under_load(plan, CLIENTS, size.load_seconds, port)
        served = load.answered / load.seconds
        after = bare_beside_load(bare, arrays, best, plan, CLIENTS, size.bare_seconds, served)

        say("measuring: readings added by token ...")
        again = rerank(port, paths * (size.reranks // len(paths) + 1), readings)
    return Figures(
        machine=machine(threads),
        others=others.so_far(),
        bundle=bundle.version,
        pictures=pictures.described,
        clients=CLIENTS,
        load=load,
        bare=[("before", *before), ("after", *after)],
        batch=best,
        other_way=max(rates_apart.values()) / rates[best],
        rerank=again,
    )


def machine(threads: int) -> str:
    """What the figures were measured with: cores and versions."""
    import onnxruntime
    import uvicorn

    cores = "1 core" if threads == 1 else f"{threads} cores"
    return (
        f"{cores} ({platform.machine()}), {platform.system()}, Python {platform.python_version()}, "
        f"onnxruntime {onnxruntime.__version__}, uvicorn {uvicorn.__version__}"
    )


def say(message: str) -> None:
    """Tell how far it is, on stderr."""
    print(message, file=sys.stderr, flush=True)
