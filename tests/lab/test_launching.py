"""Several trainings at once: what is done is left, a failure names its log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mineralid.lab.training.launch import ALLOCATOR, Job, run_jobs

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


def test_trains_what_is_missing_and_leaves_what_is_done(tmp_path: Path) -> None:
    done, missing = tmp_path / "done", tmp_path / "missing"
    done.mkdir()
    (done / "network.pt").write_bytes(b"kept")
    said: list[str] = []
    jobs = [Job("A", done), Job("B", missing, ("--set", "adapter=bias"))]
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
    jobs = [Job("bad", tmp_path / "first"), Job("A", tmp_path / "second")]
    said: list[str] = []
    with pytest.raises(RuntimeError) as error:
        run_jobs(jobs, tmp_path / "photos", at_once=1, threads=1, say=said.append)
    assert str(error.value) == f"training failed: see {tmp_path / 'first' / 'log.txt'}"
    assert not (tmp_path / "second").exists()
    assert any("first FAILED" in line for line in said)


def test_nothing_to_do_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "network.pt").write_bytes(b"")
    said: list[str] = []
    run_jobs([Job("A", tmp_path)], tmp_path, at_once=1, threads=1, say=said.append)
    assert said == ["1 of 1 networks are trained already"]
