"""`mineralid lab benchmark`: a reduced run from the command, taken up again, and its page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generated_photos import COLORS_RGB, write_photos
from robustness_cases import bench, splits
from typer.testing import CliRunner

from mineralid.cli.main import app
from mineralid.evidence import EvidenceModel
from mineralid.identify.hypotheses import Hypotheses
from mineralid.lab.data.manifest import read_manifest
from mineralid.lab.evaluation.robustness import data as benchmark_data
from mineralid.lab.evaluation.robustness import page as page_module
from mineralid.lab.evaluation.robustness.answers import StoredAnswers
from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.evidence_methods import (
    METHODS,
    EvidenceMethod,
    FittedEvidence,
)
from mineralid.lab.evaluation.robustness.grid import SUBSETS, cell, reduced_grid
from mineralid.lab.evaluation.robustness.page import markdown, page_problem, write_page
from mineralid.lab.evaluation.robustness.results import (
    COLUMNS,
    PartName,
    ResultsError,
    parts_of,
    read_description,
    read_part,
)
from mineralid.lab.evaluation.robustness.run import Work, run_benchmark
from mineralid.lab.evaluation.robustness.tables import difference
from mineralid.lab.evaluation.simulated import COLUMNS as CELLS
from mineralid.lab.evaluation.simulated import ReadingSource
from mineralid.lab.export.plan import release_jobs
from mineralid.lab.network.lite import build_lite
from mineralid.minerals import load_catalogue

ROOT = Path(__file__).resolve().parents[2]
ABOUT = {
    "network": "planted",
    "readout": "prototypes",
    **benchmark_data.describe_readings(bench()),
}


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["lab", "benchmark", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def work(methods: tuple[Any, ...] = METHODS, seeds: int = 1, **changes: Any) -> Work:
    benches = {name: bench(name) for name in ("full", "coarse")}
    fields = {"splits": splits(), "benches": benches, "methods": methods, "seeds": seeds}
    return Work(**{**fields, "grid": "reduced", "about": ABOUT, **changes})


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmark")
    run_benchmark(work(seeds=2), out)
    return out


# --- from the command ---------------------------------------------------------------------------


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Words of the command for drawn stones and networks of random weights; readings of our own."""
    photos, runs = write_photos(tmp_path / "photos"), tmp_path / "runs"
    core = read_manifest(photos).of_classes()
    jobs = [j for j in release_jobs(runs, core) if j.run.name.startswith("none-")]
    for number, job in enumerate(jobs):
        torch.manual_seed(number)
        network = build_lite(len(COLORS_RGB), adapter="none", pretrained=False)
        torch.nn.init.normal_(network.head.weight, 0, 0.5)
        job.run.mkdir(parents=True)
        (job.run / "recipe.json").write_text(job.record.model_dump_json())
        torch.save({"network": network.state_dict(), "seconds": 0.0}, job.run / "network.pt")

    def own_readings(facts: Path, classes: tuple[str, ...]) -> dict[str, Bench]:
        minerals = tuple(load_catalogue().find(name) for name in classes)
        cells = {m.name: {t: m.value(c) for t, c in CELLS.items()} for m in minerals}
        independent = {name: dict.fromkeys(CELLS, True) for name in cells}
        source = ReadingSource(cells, independent)  # type: ignore[arg-type]
        model = EvidenceModel(minerals)
        hypotheses = Hypotheses(load_catalogue(), tuple(classes))
        return {v: Bench(tuple(classes), model, source, v, hypotheses) for v in ("full", "coarse")}

    monkeypatch.setattr(benchmark_data, "load_bench", own_readings)
    # As large as the drawn pictures: what is asked is the way through, not the answers.
    from mineralid.lab.export import release

    small = release.IMAGE.model_copy(update={"height": 32, "width": 32})
    monkeypatch.setattr(release, "IMAGE", small)
    return [
        *("--photos", str(photos), "--facts", str(tmp_path), "--runs", str(runs)),
        *("--network", "none", "--out", str(tmp_path / "out"), "--seeds", "1", "--reduced"),
        *("--methods", ",".join(m.name for m in METHODS)),
    ]


def test_a_reduced_run_from_photographs_to_the_page(drawn: list[str], tmp_path: Path) -> None:
    import pyarrow.parquet

    out, folder = tmp_path / "out", tmp_path / "docs"
    folder.mkdir()
    code, text = call(*drawn, "--page", str(folder))
    assert code == 0, text
    parts = len(METHODS) * 2 * 8
    rows = parts * len(reduced_grid())
    assert f"0 of {parts} parts are there already" in text
    assert f"{out}: {rows} rows" in text
    table = pyarrow.parquet.read_table(out / "results.parquet").to_pydict()
    assert tuple(table) == COLUMNS
    assert len(table["top1"]) == rows
    stored = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert stored["columns"] == list(COLUMNS)
    assert len(stored["rows"]) == rows
    for name in ("top1", "top5", "macro_top1", "brier", "ece"):
        values = np.array(table[name])
        assert ((values >= 0) & (values <= (2 if name == "brier" else 1))).all()
    # The network knows nothing; readings of four species tell them apart (by chance: 0.25).
    where = np.array([(m, t, r) == ("tests", "hardness+luster+streak", 0) for m, t, r in
                      zip(table["method"], table["tests"], table["error_rate"], strict=True)])  # fmt: skip
    assert np.array(table["top1"])[where].mean() > 0.65

    code, text = call(*drawn)
    assert code == 0
    assert f"{parts} of {parts} parts are there already" in text
    page = (folder / "robustness.md").read_text(encoding="utf-8")
    assert page == markdown(out)

    code, text = call("--page", str(folder), "--out", str(tmp_path / "nothing"))
    assert code == 2
    assert "no benchmark.json in" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "none of --photos, to measure, --page, to write the page, and --card"),
        (["--photos", "x"], "--photos without --facts"),
        (["--photos", "x", "--facts", "x", "--methods", "oracle"], "method 'oracle'; allowed: "),
        (["--photos", "x", "--facts", "x", "--vocabulary", "x"], "allowed: full, coarse"),
        (["--photos", "x", "--facts", "x", "--readout", "x"], "allowed: prototypes, shipped"),
        (
            ["--photos", "x", "--facts", "x", "--splits", "A,Z"],
            "split Z; allowed: A, B, C, specimen0",
        ),
        (["--photos", "nowhere", "--facts", "x"], "no photos.csv in nowhere"),
    ],
)
def test_what_the_command_refuses(words: list[str], sentence: str) -> None:
    if "--photos" in words and "--methods" not in words:
        words = [*words, "--methods", "photograph"]
    code, text = call(*words)
    assert code == 2
    assert sentence in text


# --- taken up again -----------------------------------------------------------------------------


class Counted:
    """A method that counts its fits and answers evenly."""

    title, seeded = "counted", True

    def __init__(self, name: str = "counted", **settings: Any) -> None:
        self.name, self.settings = name, settings
        self.fits: list[tuple[str, str, int]] = []
        self.told: list[float | None] = []
        self.stop_at: int | None = None

    def fit(self, data: Any, bench: Bench, seed: int) -> Counted:
        if len(self.fits) == self.stop_at:
            raise KeyboardInterrupt
        self.fits.append((data.name, bench.vocabulary, seed))
        return self

    def posterior(self, rows: Any, readings: Any, *, wrong_share: float | None = None) -> Any:
        self.told.append(wrong_share)
        return np.full((len(rows), 6), 1 / 6)


def test_an_interrupted_run_goes_on_and_a_finished_one_computes_nothing(tmp_path: Path) -> None:
    first = Counted()
    first.stop_at = 5
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(work((first,), seeds=2), tmp_path)
    assert not (tmp_path / "results.parquet").exists()
    second = Counted()
    seen: list[tuple[int, int]] = []
    rows = run_benchmark(
        work((second,), seeds=2), tmp_path, progress=lambda done, total: seen.append((done, total))
    )
    assert rows == 2 * 2 * 8 * len(reduced_grid())
    assert len(second.fits) == 2 * 2 * 8 - 5
    assert not set(first.fits) & set(second.fits)
    assert seen[0] == (0, len(second.fits) * len(reduced_grid()))
    assert seen[-1][0] == seen[-1][1]
    third = Counted()
    assert run_benchmark(work((third,), seeds=2), tmp_path) == rows
    assert third.fits == []
    assert set(second.told) == {None}


def test_what_an_answer_depends_on_is_computed_anew_when_it_changes(tmp_path: Path) -> None:
    run_benchmark(work((Counted(),)), tmp_path)
    changed = Counted(width=3)
    run_benchmark(work((changed,)), tmp_path)
    assert len(changed.fits) == 16
    # Other scores of one network touch every split: all are tuned on them.
    again, other = Counted(width=3), splits(13)
    run_benchmark(work((again,), splits=other), tmp_path)
    assert len(again.fits) == 16
    path = PartName("counted", "full", "A", 0).path(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])
    damaged = Counted(width=3)
    run_benchmark(work((damaged,), splits=other), tmp_path)
    assert damaged.fits == [("A", "full", 0)]


def test_a_fit_that_does_not_depend_on_the_seed_is_made_once_a_split(tmp_path: Path) -> None:
    method = Counted()
    method.seeded = False
    method.matched = True  # type: ignore[attr-defined]
    run_benchmark(work((method,), seeds=3), tmp_path)
    assert len(method.fits) == 16
    assert set(method.told) == {c.error_rate for c in reduced_grid()}


def test_results_of_other_methods_stay_and_those_of_other_inputs_are_left_out(
    tmp_path: Path,
) -> None:
    run_benchmark(work((Counted("a"),)), tmp_path)
    run_benchmark(work((Counted("b"),)), tmp_path)
    assert {p.name.method for p in parts_of(tmp_path)} == {"a", "b"}
    run_benchmark(work((Counted("b"),), splits=splits(13)), tmp_path)
    assert {p.name.method for p in parts_of(tmp_path)} == {"b"}


def test_a_folder_of_another_grid_or_network_is_refused(tmp_path: Path) -> None:
    run_benchmark(work((Counted(),)), tmp_path)
    with pytest.raises(ResultsError, match=r"grid reduced, not full; choose another folder"):
        run_benchmark(work((Counted(),), grid="full"), tmp_path)
    with pytest.raises(ResultsError, match=r"network planted, not other"):
        run_benchmark(work((Counted(),), about={**ABOUT, "network": "other"}), tmp_path)


def test_all_methods_meet_the_same_readings(tmp_path: Path) -> None:
    class Keeps(Counted):
        def posterior(self, rows: Any, readings: Any, *, wrong_share: float | None = None) -> Any:
            kept.setdefault(self.name, []).append(readings.outcome[readings.tested])
            return super().posterior(rows, readings)

    kept: dict[str, list[np.ndarray]] = {}
    run_benchmark(work((Keeps("a"), Keeps("b")), seeds=2), tmp_path)
    assert len(kept["a"]) == 2 * 2 * 8 * len(reduced_grid())
    assert all(np.array_equal(*pair) for pair in zip(kept["a"], kept["b"], strict=True))
    by_seed = kept["a"][len(reduced_grid()) - 1], kept["a"][2 * len(reduced_grid()) - 1]
    assert not np.array_equal(*by_seed)


# --- the page -----------------------------------------------------------------------------------


def test_answers_by_condition_are_those_of_the_parts(measured: Path) -> None:
    stored = StoredAnswers(measured)
    wrong = cell(rate=0.6)
    shares, gains = [], []
    for split in stored.splits("collection"):
        own = [read_part(measured, PartName("evidence", "full", split, s)) for s in range(2)]
        alone = [read_part(measured, PartName("photograph", "full", split, s)) for s in range(2)]
        assert all(own) and all(alone)
        row = own[0].cells.index(wrong.key)  # type: ignore[union-attr]
        hits = np.mean([p.hits(1)[row] for p in own], axis=0)  # type: ignore[union-attr]
        none = np.mean([p.hits(1)[p.cells.index(cell(()).key)] for p in alone], axis=0)  # type: ignore[union-attr]
        shares.append(hits.mean())
        gains.append((hits - none).mean())
    found = stored.share("evidence", "full", "collection", wrong)
    assert found.value == pytest.approx(np.mean(shares))
    assert found.low <= found.value <= found.high
    gain = stored.gain("evidence", "photograph", "full", "collection", [wrong])
    assert gain.value == pytest.approx(np.mean(gains))
    assert stored.measure("evidence", "full", "collection", wrong, "top1") == pytest.approx(
        np.mean(shares)
    )


class DefaultRenamed(EvidenceMethod):
    """The default by another name: it has no other table, whatever it says that it learned from."""

    def fit(self, data: SplitData, bench: Bench, seed: int) -> FittedEvidence:
        return EvidenceMethod.fit(replace(self, learned_from=""), data, bench, seed)


def test_methods_are_compared_on_the_seeds_that_both_have(tmp_path: Path) -> None:
    few, many = (tuple(m for m in METHODS if m.name == n) for n in ("tests", "evidence"))
    wrong = cell(rate=0.6)
    gains = {}
    for seeds in (1, 3):
        run_benchmark(work(few, seeds=1), tmp_path / str(seeds))
        run_benchmark(work(many, seeds=seeds), tmp_path / str(seeds))
        stored = StoredAnswers(tmp_path / str(seeds))
        gains[seeds] = stored.gain("evidence", "tests", "full", "collection", [wrong])
        assert stored.seeds("evidence", "full") == seeds
    assert gains[1] == gains[3]
    for path in (tmp_path / "3").glob("parts/evidence/*-0.npz"):
        path.unlink()
    with pytest.raises(ResultsError, match="no seed in common"):
        StoredAnswers(tmp_path / "3").gain("evidence", "tests", "full", "collection", [wrong])


def test_the_page_says_that_readings_are_simulated_and_what_a_wrong_test_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stand-ins: a head that has no tests, one that has no photograph, one that is the default.
    blind = {"error-own": {}, "clean": {"tests": False}, "error": {"photograph": False}}
    learned = [
        (DefaultRenamed if name == "mask-dropout" else EvidenceMethod)(
            name, title, METHODS[0].dials, learned_from=table, **blind.get(name[10:], {})
        )
        for name, title, table in (
            ("dmib-case-error-own", "one model per case, own error head", "evidence"),
            ("dmib-case-clean", "one model per case, clean head", "judge"),
            ("dmib-case-error", "one model per case, error head", "judge"),
            ("mask-dropout", "one network", "judge"),
            ("mask-dropout-own", "one network, own table", "evidence"),
            ("fusion-evidence", "learned weights", "judge"),
        )
    ]
    run_benchmark(work((*METHODS, *learned)), tmp_path)
    folder = tmp_path / "docs"
    folder.mkdir()
    monkeypatch.setattr(page_module, "FURTHER", ())
    page = write_page(tmp_path, folder)
    order = [name for name in read_description(tmp_path)["methods"] if "dmib" in name]
    assert order == ["dmib-case-clean", "dmib-case-error", "dmib-case-error-own"]
    text = page.read_text(encoding="utf-8")
    assert "**The readings are simulated.**" in text
    assert f"The evidence, of catalogue {load_catalogue().version}, uses neither" in text
    assert "an advantage that the evidence does not have" in text
    assert "## What a wrong test costs" in text
    # In short: how often the default is right, and what it gains over itself by another name.
    short = text.split("## In short")[1].split("\n## ")[0]
    assert "| photograph and three readings | " in short
    assert "| one network |" + 4 * " 0.0 (0.0 to 0.0) |" in short
    stored = StoredAnswers(tmp_path)
    gains = [
        stored.gain("evidence", "photograph", "full", kind, [cell(rate=rate)])
        for kind in ("specimen", "collection")
        for rate in (0.0, 0.6)
    ]
    assert len({gain.value for gain in gains}) == 4
    assert f"| photograph alone | {' | '.join(map(difference, gains))} |" in short
    # Not those that are the default itself, told or given what it does not have.
    assert "trust matched |" not in short and "| evidence, default trust" not in short
    assert text.count("| default trust, 0.6 wrong, over the photograph |") == 2
    stored = StoredAnswers(tmp_path)
    case_by_case = text.split("against one model per case, ")[1:]
    assert len(case_by_case) == 3 * 2 * 2 * len(work().benches)
    for part in case_by_case:
        rows, own = part.split("\n\n")[1], part.startswith("own error head")
        # What learned from the other table is left out.
        assert ("| one network, own table |" in rows) == own
        assert ("| one network |" in rows) != own
        assert ("| learned weights |" in rows) != own
        assert ("the judge's table |" in rows) != own
        if own:  # the stand-in is the default: nothing is gained over it
            assert "| evidence, default trust | 0.0 (0.0 to 0.0) |" in rows
    # The summary: every baseline with the default, and with the evidence that has the same table.
    for kind, side in (("specimen", "known collections"), ("collection", "collections never seen")):
        for head, like in (("clean", "judge"), ("error", "judge"), ("own error", "evidence")):
            start = f"| full, {side} | one model per case, {head} head |"
            default, alike = (
                [cell.strip() for cell in row.split("|")[3:-1]]
                for row in text.splitlines()
                if row.startswith(start)
            )
            assert default[1] == "evidence, default trust"
            assert alike[1] == f"evidence, default trust; the {like}'s table"
            name = "dmib-case-error-own" if head == "own error" else f"dmib-case-{head}"
            for place, rate in ((2, 0.0), (5, 0.6)):
                cells = [cell(tests, rate=rate) for tests in SUBSETS if tests]
                own, other = (
                    np.mean([stored.top1(m, "full", kind, c) for c in cells])
                    for m in ("evidence", name)
                )
                shown = default[place].split(" (")[0].replace("−", "-")
                assert float(shown) == pytest.approx(100 * (own - other), abs=0.051)
                assert head == "own error" or rate or float(shown) > 5
            assert default[3].endswith(" of 7")
            lows = {
                c: stored.gain("evidence", name, "full", kind, [c]).low
                for c in [cell(tests) for tests in SUBSETS if tests]
            }
            assert default[3] == f"{sum(low > -0.01 for low in lows.values())} of 7"
            worst = min(lows, key=lambda c: lows[c]).tests
            assert default[4].startswith("all three" if len(worst) == 3 else " + ".join(worst))
            assert default[6] and not alike[6]
    figures = sorted(p.name for p in (folder / "robustness").iterdir())
    assert figures == ["error-kinds.png", "methods.png", "wrong-records.png"]
    assert all(f"robustness/{name}" in text for name in figures)
    assert page_problem(page, tmp_path) is None
    assert "before the catalogue was changed" not in text
    (folder / "catalogue-1.abc").mkdir()
    (folder / "catalogue-1.abc" / "robustness.md").touch()
    assert "[catalogue-1.abc](catalogue-1.abc/robustness.md)" in markdown(tmp_path, folder)
    assert page_problem(page, tmp_path) is not None
    (folder / "catalogue-1.abc" / "robustness.md").unlink()
    page.write_text(text.replace("Robust, measured", "Robust"), encoding="utf-8")
    assert "line 1 is ['# Robust']" in str(page_problem(page, tmp_path))
    page.unlink()
    assert page_problem(page, tmp_path) is not None


def test_what_is_gained_over_the_first_release_is_paired_on_the_same_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "FURTHER", ())
    methods = tuple(m for m in METHODS if m.name in ("photograph", "evidence"))
    out, first = tmp_path / "now", tmp_path / "now-first"
    worse = {
        name: replace(data, scores=data.scores[:, ::-1].copy()) for name, data in splits().items()
    }
    run_benchmark(work(methods), out)
    assert "first release" not in markdown(out)
    run_benchmark(work(methods, splits=worse), first)
    text = markdown(out)
    assert text.count("| photograph alone, top-1 |") == 2
    # No figure where there are too few methods for it, and then no word of it either.
    assert "methods.png" not in text
    now, before = StoredAnswers(out), StoredAnswers(first)
    alone = ("photograph", "photograph", "full", "collection", [cell(())])
    gain = now.gain(*alone, other=before)
    shares = [s.top1("photograph", "full", "collection", cell(())) for s in (now, before)]
    assert gain.value == pytest.approx(shares[0] - shares[1])
    assert gain.low > 0.2
    run_benchmark(work(methods, splits=splits(13)), first)
    with pytest.raises(ResultsError, match="other photographs"):
        now.gain(*alone, other=StoredAnswers(first))


def test_further_sections_are_taken_up_as_they_come(
    measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import types

    module = types.ModuleType("further")
    asked = []

    def sections(out: Path, figures: Path | None) -> list[str]:
        asked.append((out, figures))
        return ["## Honest answers", "", "Calibrated."]

    module.sections = sections  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "further", module)
    monkeypatch.setattr(page_module, "FURTHER", ("further", "not.there"))
    assert markdown(measured).endswith("## Honest answers\n\nCalibrated.\n")
    assert asked == [(measured, None)]


def test_the_committed_page_is_the_one_that_the_results_give() -> None:
    out = ROOT / "runs" / "benchmark"
    if not (out / "benchmark.json").is_file():
        pytest.skip(f"needs the results of `mineralid lab benchmark`, which are not in {out}")
    assert read_description(out)["grid"] == "full"
    assert page_problem(ROOT / "docs" / "results" / "robustness.md", out) is None
