"""Time whole processes: from the start of a command to its end."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

Command = Sequence[str]


def mineralid_command() -> str:
    """The `mineralid` of the environment that runs this; SystemExit where it is not installed."""
    command = Path(sysconfig.get_path("scripts")) / "mineralid"
    found = [path for path in (command, command.with_suffix(".exe")) if path.is_file()]
    if not found:
        raise SystemExit(f"no mineralid beside {Path(sys.executable).name}: use `make bench`")
    return str(found[0])


def seconds_of(command: Command) -> float:
    """Seconds that one process takes, its output thrown away; SystemExit where it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"exit {done.returncode} of {' '.join(command)}:\n{done.stderr.strip()}")
    return seconds


def timed_in_turn(commands: Mapping[str, Command], runs: int) -> dict[str, list[float]]:
    """Seconds of each command, `runs` times, in turn, so that all meet the same machine.

    Each ran once before, unmeasured: files are then in the system's memory, as for anyone's second
    stone.
    """
    for command in commands.values():
        seconds_of(command)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            seconds[name].append(seconds_of(command))
    return seconds
