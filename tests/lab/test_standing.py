"""How the formula stands against the other methods: in the card, from the benchmark's answers."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from robustness_cases import bench, splits
from typer.testing import CliRunner

from mineralid.cli.main import app
from mineralid.lab.evaluation.robustness.answers import StoredAnswers
from mineralid.lab.evaluation.robustness.data import describe_readings
from mineralid.lab.evaluation.robustness.evidence_methods import METHODS
from mineralid.lab.evaluation.robustness.grid import cell
from mineralid.lab.evaluation.robustness.run import Work, run_benchmark
from mineralid.lab.export.card import render_card
from mineralid.minerals import load_catalogue
from mineralid.vision.bundle import DEFAULT_BUNDLE, load_bundle, write_bundle

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results" / "robustness.md"
KINDS = ("specimen", "collection")


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["lab", "benchmark", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return benchmark(tmp_path_factory.mktemp("benchmark"), ("photograph", "naive", "evidence"))


def benchmark(out: Path, methods: tuple[str, ...]) -> Path:
    about = {"network": "planted", "readout": "prototypes", **describe_readings(bench())}
    chosen = tuple(m for m in METHODS if m.name in methods)
    run_benchmark(
        Work(
            splits=splits(),
            benches={"full": bench()},
            methods=chosen,
            seeds=1,
            grid="reduced",
            about=about,
        ),
        out,
    )
    return out


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def as_of_the_networks(folder: Path, measured: Path) -> None:
    """Give the bundle's card the accuracy that the planted networks have."""
    bundle, stored = load_bundle(folder), StoredAnswers(measured)
    figures: Any = bundle.spec.model_dump(mode="json")["figures"]
    for kind in KINDS:
        mean = figures[kind]["accuracy"]["photograph alone"]["mean of folds"]
        mean["top1"] = stored.top1("photograph", "full", kind, cell(()))
    figures.pop("standing", None)
    write_anew(folder, figures=figures, catalogue_version=load_catalogue().version)


def write_anew(folder: Path, card: str | None = None, **changes: Any) -> None:
    """Write a bundle with other values in its specification; card: in place of the rendered one."""
    bundle = load_bundle(folder)
    spec = bundle.spec.model_copy(update=changes)
    graph = bundle.graph_path.read_bytes()
    write_bundle(folder, spec, graph, bundle.arrays, card or render_card(spec))


def test_the_command_puts_the_gains_into_the_card_and_changes_nothing_else(
    copied: Path, measured: Path
) -> None:
    as_of_the_networks(copied, measured)
    assert "Not measured for this bundle" in load_bundle(copied).card()
    before = hashes(copied)
    code, text = call("--out", str(measured), "--card", str(copied))
    assert (code, text) == (0, str(copied / "MODEL_CARD.md"))
    after = hashes(copied)
    assert {name for name in after if after[name] != before[name]} == {
        "model.json",
        "MODEL_CARD.md",
    }

    bundle, stored = load_bundle(copied), StoredAnswers(measured)
    standing: Any = bundle.spec.figures["standing"]
    assert [s["title"] for s in standing] == ["photograph alone", "naive product (T = 1, ε = 0)"]
    for kind in KINDS:
        for number, rate in enumerate((0.0, 0.6)):
            gain = stored.gain("evidence", "naive", "full", kind, [cell(rate=rate)])
            assert standing[1]["gains"][kind][number] == pytest.approx(list(gain), abs=1e-5)
    assert bundle.card() == render_card(bundle.spec)
    assert "Not measured for this bundle" not in bundle.card()


def test_results_that_say_nothing_or_are_of_another_catalogue_are_refused(
    copied: Path, measured: Path, tmp_path: Path
) -> None:
    as_of_the_networks(copied, measured)
    before = hashes(copied)
    for chosen, sentence in (
        (("photograph", "naive"), "no answers of photograph and evidence to every split"),
        (("photograph", "evidence-matched"), "no answers of photograph and evidence"),
    ):
        few = benchmark(tmp_path / chosen[1], chosen)
        code, text = call("--out", str(few), "--card", str(copied))
        assert (code, sentence in text) == (2, True), text
    assert hashes(copied) == before
    alone = benchmark(tmp_path / "alone", ("photograph", "evidence"))
    description = alone / "benchmark.json"
    assert call("--out", str(alone), "--card", str(copied))[0] == 0
    before = hashes(copied)
    told = json.loads(description.read_text())
    told["catalogue"] = "1.old"
    description.write_text(json.dumps(told))
    code, text = call("--out", str(alone), "--card", str(copied))
    assert (code, "was measured with catalogue 1.old" in text) == (2, True), text
    assert hashes(copied) == before


def test_results_of_other_networks_and_bundles_without_figures_are_refused(
    copied: Path, measured: Path, tmp_path: Path
) -> None:
    write_anew(copied, catalogue_version=load_catalogue().version)
    before = hashes(copied)
    code, text = call("--out", str(measured), "--card", str(copied))
    assert code == 2
    assert "is of other networks than" in text
    assert "the photograph alone has top-1" in text
    code, text = call("--out", str(tmp_path / "nothing"), "--card", str(copied))
    assert code == 2
    assert "no benchmark.json in" in text
    assert hashes(copied) == before

    write_anew(copied, card="a card\n", figures={})
    code, text = call("--out", str(measured), "--card", str(copied))
    assert code == 2
    assert "allowed: a bundle that `mineralid lab release` made" in text


def test_better_ways_are_named_where_they_are_better() -> None:
    spec = load_bundle(None).spec
    high, low = [[0.02, 0.01, 0.03]] * 2, [[-0.02, -0.03, -0.01]] * 2
    standing = [
        {"title": "worse", "gains": {"specimen": high, "collection": high}},
        {"title": "better", "gains": {"specimen": low}},
    ]
    figures: Any = {**spec.figures, "standing": standing}
    card = render_card(spec.model_copy(update={"figures": figures}))
    assert "| better | -2.0 (-3.0 to -1.0) | -2.0 (-3.0 to -1.0) | – | – |" in card
    assert "- Clearly better than what ships on known collections, nothing wrong: better." in card
    assert "- Clearly better than what ships on unseen collections, 0.6 wrong: none." in card


def test_the_shipped_card_says_what_the_committed_page_says() -> None:
    rows = (DEFAULT_BUNDLE / "MODEL_CARD.md").read_text(encoding="utf-8").splitlines()
    page = PAGE.read_text(encoding="utf-8").replace("−", "-").splitlines()
    start = page.index(next(line for line in page if line.startswith("| over | known")))
    stated = page[start + 2 : page.index("", start)]
    standing: Any = load_bundle().spec.figures["standing"]
    assert len(stated) == len(standing) > 5
    assert set(stated) <= set(rows)
