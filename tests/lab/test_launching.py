"""Several trainings at once: what is done is left, a failure names its log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mineralid.lab.training.launch import ALLOCATOR, Job, run_jobs
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.record import RunRecord

# Stands for the interpreter: its arguments are those of `python -m mineralid lab train`.
TRAINER = """#!{python}
import os, pathlib, sys
words = sys.argv[1:]
out = pathlib.Path(words[words.index("--out") + 1])
print(*words)
print(os.environ["OMP_NUM_THREADS"], os.environ["MALLOC_MMAP_MAX_"])
if words[words.index("--split") + 1] == "bad":
    sys.exit(3)
(out / "network.pt").write_bytes(b"")
"""


@pytest.fixture(autouse=True)
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "trainer"
    script.write_text(TRAINER.format(python=sys.executable))
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))


def record(split: str, **recipe: int) -> RunRecord:
    return RunRecord.of(Recipe(**recipe), ["Talc", "Gold"], split, ["a", "b"], [0, 1])


def finish(run: Path, found: RunRecord) -> Path:
    """A folder as a training leaves it."""
    run.mkdir()
    (run / "recipe.json").write_text(found.model_dump_json())
    (run / "network.pt").write_bytes(b"kept")
    return run


def test_trains_what_is_missing_and_leaves_what_is_done(tmp_path: Path) -> None:
    done, missing = finish(tmp_path / "done", record("A")), tmp_path / "missing"
    said: list[str] = []
    jobs = [Job(record("A"), done), Job(record("B"), missing, ("--set", "adapter=bias"))]
    run_jobs(jobs, tmp_path / "photos", at_once=2, threads=1, say=said.append)
    assert (done / "network.pt").read_bytes() == b"kept"
    assert not (done / "log.txt").exists()
    words, environment = (missing / "log.txt").read_text().splitlines()
    assert words == (
        f"-m mineralid lab train --photos {tmp_path / 'photos'} --split B --out {missing} "
        "--threads 1 --set adapter=bias"
    )
    assert environment == f"1 {ALLOCATOR['MALLOC_MMAP_MAX_']}"
    assert said[0] == "1 of 2 networks are trained already"
    assert said[1].startswith("training missing (progress: ")
    assert said[2].startswith("missing trained in 0.")


def test_a_failure_names_its_log_and_starts_nothing_more(tmp_path: Path) -> None:
    jobs = [Job(record("bad"), tmp_path / "first"), Job(record("A"), tmp_path / "second")]
    said: list[str] = []
    with pytest.raises(RuntimeError) as error:
        run_jobs(jobs, tmp_path / "photos", at_once=1, threads=1, say=said.append)
    assert str(error.value) == f"training failed: see {tmp_path / 'first' / 'log.txt'}"
    assert not (tmp_path / "second").exists()
    assert any("first FAILED" in line for line in said)


def test_nothing_to_do_starts_nothing(tmp_path: Path) -> None:
    job = Job(record("A"), finish(tmp_path / "run", record("A")))
    said: list[str] = []
    run_jobs([job], tmp_path, at_once=1, threads=1, say=said.append)
    assert said == ["1 of 1 networks are trained already"]


OTHERS = [
    (record("A", epochs=3), "recipe (epochs 3 there, 12 now)"),
    (record("B"), "split (B there, A now)"),
    (RunRecord.of(Recipe(), ["Talc"], "A", ["a", "b"], [0, 0]), "classes (1 there, 2 now)"),
    (
        RunRecord.of(Recipe(), ["Talc", "Lead"], "A", ["a", "b"], [0, 1]),
        "classes (number 2 is Lead there, Gold now)",
    ),
    (RunRecord.of(Recipe(), ["Talc", "Gold"], "A", ["a"], [0]), "photographs (1 there, 2 now)"),
    (
        RunRecord.of(Recipe(), ["Talc", "Gold"], "A", ["a", "c"], [0, 1]),
        "photographs (as many, but others, or in another order)",
    ),
]


@pytest.mark.parametrize(("found", "difference"), OTHERS, ids=[d.split(")")[0] for _, d in OTHERS])
def test_a_finished_run_of_something_else_is_refused_before_anything_is_started(
    tmp_path: Path, found: RunRecord, difference: str
) -> None:
    jobs = [Job(record("B"), tmp_path / "new"), Job(record("A"), finish(tmp_path / "run", found))]
    with pytest.raises(ValueError) as error:
        run_jobs(jobs, tmp_path, at_once=1, threads=1, say=print)
    assert f"{tmp_path / 'run'} was begun with another" in str(error.value)
    assert difference in str(error.value)
    assert str(error.value).endswith(": choose another --out or delete the folder")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Invalid JSON"),
        ('{"recipe": {}}', "split Field required"),
        ("[]", "should be an object"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, text: str, reason: str) -> None:
    run = finish(tmp_path / "run", record("A"))
    (run / "recipe.json").write_text(text)
    with pytest.raises(ValueError) as error:
        run_jobs([Job(record("A"), run)], tmp_path, at_once=1, threads=1, say=print)
    assert str(error.value).startswith(f"{run / 'recipe.json'} is no record of a run (")
    assert reason in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["network.pt", "last.ckpt"])
def test_a_network_without_a_record_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"holds a network, but no recipe\.json that says"):
        run_jobs([Job(record("A"), tmp_path)], tmp_path, at_once=1, threads=1, say=print)
