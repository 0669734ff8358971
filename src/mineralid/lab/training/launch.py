"""Run several trainings at once, each in a process of its own, with the allocator that suits them.

Two networks on one core each train faster than one on two (no waiting for each other), and page
faults dominate training on a CPU unless glibc keeps its memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mineralid.lab.training.record import NETWORK_FILE, RunRecord, is_finished

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}


@dataclass(frozen=True)
class Job:
    """One training: what it is of, the folder that it writes, options of `lab train` for it."""

    record: RunRecord
    run: Path
    options: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether its network is there. ValueError where the folder holds another run."""
        return is_finished(self.run, self.record)


def run_jobs(
    jobs: Sequence[Job],
    photos: Path,
    *,
    at_once: int,
    threads: int,
    say: Callable[[str], None],
) -> None:
    """Run what is not done yet, `at_once` processes of `threads` threads each.

    Each writes its progress to `log.txt` in its run. Raises ValueError, before any is started,
    where a folder holds another run; RuntimeError that names the log of the first that fails,
    after the others that run have ended.
    """
    waiting = [job for job in jobs if not job.done]
    if len(waiting) < len(jobs):
        say(f"{len(jobs) - len(waiting)} of {len(jobs)} networks are trained already")
    running: dict[subprocess.Popen[bytes], tuple[Job, float]] = {}
    failed: list[Job] = []
    while waiting or running:
        while waiting and len(running) < at_once and not failed:
            job = waiting.pop(0)
            job.run.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "mineralid", "lab", "train"]
            command += ["--photos", str(photos), "--split", job.record.split, "--out", str(job.run)]
            command += ["--threads", str(threads), *job.options]
            with (job.run / "log.txt").open("ab") as log:
                process = subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **ALLOCATOR, "OMP_NUM_THREADS": str(threads)},
                )
            running[process] = (job, time.monotonic())
            say(f"training {job.run.name} (progress: {job.run / 'log.txt'})")
        for process in [p for p in running if p.poll() is not None]:
            job, started = running.pop(process)
            minutes = (time.monotonic() - started) / 60
            if process.returncode or not (job.run / NETWORK_FILE).is_file():
                failed.append(job)
                say(f"{job.run.name} FAILED after {minutes:.1f} min")
            else:
                left = len(waiting) + len(running)
                say(f"{job.run.name} trained in {minutes:.1f} min; {left} to go")
        if failed and not running:
            raise RuntimeError(f"training failed: see {failed[0].run / 'log.txt'}")
        time.sleep(1)
