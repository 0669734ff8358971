"""Measure `mineralid serve` under load, print it and write docs/benchmarks_serving.md.

    make bench-web
    python benchmarks/serving/run.py --photos DIR    # photographs from elsewhere than ../shared/minerals
    python benchmarks/serving/run.py --quick         # under a minute, rough; writes no page

Needs the extra `web`. benchmarks/README.md says what each figure means.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from serving.measure import main

if __name__ == "__main__":
    main()
