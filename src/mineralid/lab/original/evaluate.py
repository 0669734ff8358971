"""Measure a finished network on photographs: with right tests, wrong ones and missing ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.data.cache import Cache, photographs_key
from mineralid.lab.data.manifest import Manifest
from mineralid.lab.evaluation.averaged import Interval, macro_share, micro_share
from mineralid.lab.evaluation.confusion import confusion_matrix
from mineralid.lab.evaluation.scoring import score_photographs, weights_sha256
from mineralid.lab.original.answers import Answers, FieldAnswers, HeadAnswers
from mineralid.lab.original.codes import (
    CASES,
    NO_TESTS,
    NOT_TESTED,
    Case,
    Codes,
    Triple,
)
from mineralid.lab.original.corruption import corrupt, wrong_rows
from mineralid.lab.original.evaluation import POOLS, Condition, Evaluation, HeadFigures, Share
from mineralid.lab.original.features import FeatureStore
from mineralid.lab.original.found import FieldRun, FoundRun, find_run
from mineralid.lab.original.networks import build_case
from mineralid.lab.original.recipe import ANY
from mineralid.lab.original.records import load_finished, photographs_sha256
from mineralid.lab.original.run import case_folder, labels_of
from mineralid.lab.training.record import NETWORK_FILE
from mineralid.lab.training.train import load_network
from mineralid.version import __version__

Ints = NDArray[np.int64]

ERROR_RATES = (0.0, 0.3, 0.6)
# Streams of random numbers of a draw, apart from those of the training.
WRONG, MISSING = 4, 5


def evaluate(
    run: Path,
    *,
    manifest: Manifest,
    tests: str | None = None,
    missing_rate: float = 0.0,
    error_rate: float | Sequence[float] = 0.0,
    codes: Codes | None = None,
    pool: str = "case",
    draws: int = 20,
    seed: int = 0,
) -> Evaluation:
    """Measure a finished network; features are computed once and kept in the run's cache.

    run: a run's folder with `tests` saying which case (or `any`), the folder of a case, or the
    folder of a field network, which reads no tests. Of the network for every subset of tests
    `tests` says which are given; without, all eight cases are measured. codes: None for those that
    the network was trained with.

    At each error rate exactly floor(N · rate) photographs have readings of another kind, in each of
    `draws` draws others; pool: `case` (candidates with the same tests) or `original` (the published
    pool, some of whose candidates have other tests than the case). missing_rate: probability with
    which each reading is then dropped. The draws are the same whatever network is measured, and
    those wrong at a lower rate are wrong at a higher one too.

    Raises ValueError, which says what was given and what is allowed; PhotoError, OSError.
    """
    rates = _rates(error_rate)
    _check_options(missing_rate, pool, draws)
    found = find_run(run, tests)
    found.check(manifest, codes)
    labels = labels_of(manifest)
    specimens = [photograph.specimen for photograph in manifest.photographs]
    read = None if isinstance(found, FieldRun) else found.codes
    if isinstance(found, FieldRun):
        answers, sha256 = _field_answers(found, manifest, labels)
    else:
        answers, sha256 = _case_answers(found, manifest, labels)
    conditions = []
    for case in found.cases:
        recorded = np.full((len(labels), 3), NOT_TESTED) if read is None else read.of(labels, case)
        candidates = () if read is None else _candidates(read, case, pool)
        for rate in rates:
            drawn = _given(recorded, case, candidates, rate, missing_rate, draws, seed)
            conditions.append(
                Condition(
                    tests=str(case),
                    error_rate=rate,
                    missing_rate=missing_rate,
                    wrong=0 if case == NO_TESTS else wrong_rows(len(labels), rate),
                    draws=len(drawn),
                    heads=_figures(answers, drawn, manifest.classes, specimens, seed),
                )
            )
    return Evaluation(
        trained_for=found.trained_for,
        network_sha256=sha256,
        photographs=len(manifest),
        photographs_sha256=photographs_sha256(manifest),
        specimens=len(set(specimens)),
        classes=manifest.classes,
        classes_present=len(np.unique(labels)),
        pool=pool,
        seed=seed,
        conditions=tuple(conditions),
    )


def evaluation_folder(out: Path, tests: str, pool: str = "case") -> Path:
    """Return the folder in a run where the evaluation of a case (or of `any`) is kept."""
    return case_folder(out, tests) / ("evaluation" if pool == "case" else f"evaluation-{pool}-pool")


def evaluate_cases(
    out: Path,
    manifest: Manifest,
    codes: Codes | None = None,
    *,
    error_rates: Sequence[float] = ERROR_RATES,
    pools: Sequence[str] = tuple(POOLS),
    draws: int = 20,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Measure every finished network of a run, and write what was found into its folders.

    Returns the folders written. Raises ValueError where no network is finished.
    """
    written = []
    for tests in (*map(str, CASES), ANY):
        if not (case_folder(out, tests) / "dmib" / NETWORK_FILE).is_file():
            continue
        for pool in pools:
            say(f"measuring the network for tests {tests}, {POOLS[pool]}")
            found = evaluate(
                out,
                tests=tests,
                manifest=manifest,
                codes=codes,
                error_rate=error_rates,
                pool=pool,
                draws=draws,
                seed=seed,
            )
            written.append(evaluation_folder(out, tests, pool))
            found.write(written[-1])
    if not written:
        raise ValueError(f"no finished network in {out}: train all stages of a case first")
    return written


def _rates(error_rate: float | Sequence[float]) -> tuple[float, ...]:
    rates = (error_rate,) if isinstance(error_rate, int | float) else tuple(error_rate)
    if not rates:
        raise ValueError("no error rate is given; allowed: one or more, each 0 to 1")
    for rate in rates:
        wrong_rows(1, rate)  # raises for one that is not a share
    return tuple(dict.fromkeys(float(rate) for rate in rates))


def _check_options(missing_rate: float, pool: str, draws: int) -> None:
    if not 0 <= missing_rate <= 1:
        raise ValueError(f"missing_rate is {missing_rate}; allowed: 0 to 1")
    if pool not in POOLS:
        raise ValueError(f"pool is {pool!r}; allowed: {', '.join(POOLS)}")
    if draws < 1:
        raise ValueError(f"draws is {draws}; allowed: 1 or more")


def _candidates(codes: Codes, case: Case, pool: str) -> tuple[Triple, ...]:
    return codes.same_pattern(case) if pool == "case" else codes.pools[case]


def _given(
    recorded: Ints,
    case: Case,
    candidates: Sequence[Triple],
    error_rate: float,
    missing_rate: float,
    draws: int,
    seed: int,
) -> list[Ints]:
    """Return the tests as given, codes [N, F], of each draw; one alone where nothing is drawn."""
    if case == NO_TESTS or not (wrong_rows(len(recorded), error_rate) or missing_rate):
        return [recorded]
    drawn = []
    for draw in range(draws):
        given = corrupt(
            recorded, candidates, error_rate, np.random.default_rng([seed, draw, WRONG])
        )
        missing = np.random.default_rng([seed, draw, MISSING]).random(given.shape) < missing_rate
        drawn.append(np.where(missing, NOT_TESTED, given))
    return drawn


def _figures(
    answers: Answers, drawn: Sequence[Ints], classes: Sequence[str], specimens: list[str], seed: int
) -> dict[str, HeadFigures]:
    labels = answers.labels
    by_draw = [answers.given(codes) for codes in drawn]
    figures = {}
    for head in by_draw[0]:
        judged = [found[head] for found in by_draw]
        top1, top5 = (np.mean([getattr(j, k) for j in judged], axis=0) for k in ("top1", "top5"))
        counts = np.sum([confusion_matrix(labels, j.best, len(classes)) for j in judged], axis=0)
        figures[head] = HeadFigures(
            top1=_share(micro_share(top1, specimens, seed)),
            top5=_share(micro_share(top5, specimens, seed)),
            macro_recall=_share(macro_share(top1, labels, specimens, seed)),
            confusion={
                classes[truth]: {
                    classes[answer]: float(counts[truth, answer] / len(judged))
                    for answer in map(int, np.flatnonzero(counts[truth]))
                }
                for truth in map(int, np.unique(labels))
            },
        )
    return figures


def _share(found: Interval) -> Share:
    value, low, high = (min(1.0, max(0.0, part)) for part in found)  # sums of shares end near 1
    return Share(value=value, low=low, high=high)


def _case_answers(found: FoundRun, manifest: Manifest, labels: Ints) -> tuple[Answers, str]:
    network = build_case(found.recipe, len(found.classes))
    sha256 = str(load_finished(found.folder / "dmib", network)["sha256"])
    store = FeatureStore(network.backbone, found.folder.absolute().parent / "cache")
    features = store.of_photographs(manifest, found.recipe.image_size)
    return HeadAnswers(network.head, features, labels), sha256


def _field_answers(found: FieldRun, manifest: Manifest, labels: Ints) -> tuple[Answers, str]:
    # Exporting needs more packages than measuring: they are imported where they are needed.
    from mineralid.lab.export.release import IMAGE

    network = load_network(found.folder)
    sha256 = weights_sha256(network)
    key = {
        "of": "field",
        "weights": sha256,
        "photographs": photographs_key(manifest),
        "image": IMAGE.model_dump(mode="json"),
        "version": __version__,
    }

    def make() -> dict[str, NDArray[np.float32]]:
        return {"scores": score_photographs(network, manifest, IMAGE).scores}

    scores = Cache(found.folder / "cache").get(key, make)["scores"]
    return FieldAnswers(scores, labels), sha256
