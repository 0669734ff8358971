"""Whether other programs used the machine while it was measured."""

from __future__ import annotations

import os
from pathlib import Path

MOST_TAKEN = 0.05  # share of all cores' time
_COUNTERS = Path("/proc/stat")


class OthersShare:
    """Share of all cores' time since it was made that went to others than this process and its own."""

    def __init__(self) -> None:
        self._began = _readings()

    def so_far(self) -> float | None:
        """0 (none) to 1; None where the system does not tell (it needs Linux's /proc/stat)."""
        now = _readings()
        if now is None or self._began is None:
            return None
        busy, total, own = (end - start for end, start in zip(now, self._began, strict=True))
        return max(0.0, busy - own) / total if total else None


def _readings() -> tuple[float, float, float] | None:
    """Seconds of all cores: busy; in all; and busy for this process and those that it waited for."""
    try:
        first = _COUNTERS.read_text(encoding="ascii").splitlines()[0].split()
    except OSError:
        return None
    # proc(5): user nice system idle iowait irq softirq steal, in ticks; guest time is within user.
    ticks = [int(word) for word in first[1:9]]
    second = os.sysconf("SC_CLK_TCK")
    spent = os.times()
    own = spent.user + spent.system + spent.children_user + spent.children_system
    return (sum(ticks) - ticks[3] - ticks[4]) / second, sum(ticks) / second, own
