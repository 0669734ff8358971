"""Measure training beside a straightforward loop, print it and write docs/benchmarks_training.md.

    make bench-lab
    python benchmarks/training/run.py --photos DIR    # photographs from elsewhere than ../shared/minerals
    python benchmarks/training/run.py --quick         # a few minutes, rough; writes no page

Needs the lab's environment. benchmarks/README.md says what each figure means. Starts
`training.measure` with the allocator's settings that training here is given: glibc reads them when
a process starts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mineralid.lab.training.launch import ALLOCATOR

BENCHMARKS = Path(__file__).resolve().parents[1]


def main() -> None:
    """Become the process that measures."""
    path = os.pathsep.join(filter(None, (str(BENCHMARKS), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "training.measure", *sys.argv[1:]]
    environment = {**os.environ, **ALLOCATOR, "PYTHONPATH": path}
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main()
