"""Readings of stones of known species, as a person would write them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from mineralid.minerals import Catalogue

TESTS = ("hardness", "luster", "streak")


def three_readings(catalogue: Catalogue, names: Sequence[str], count: int) -> list[dict[str, str]]:
    """Hardness, luster and streak of `count` stones of the named minerals, the same each time."""
    known = [m for m in (catalogue.get(name) for name in names) if m is not None]
    complete = [m for m in known if m.hardness_mohs and m.luster and m.streak]
    generator = random.Random(0)
    rows = []
    for _ in range(count):
        mineral = generator.choice(complete)
        assert mineral.hardness_mohs is not None
        rows.append(
            {
                "hardness": f"{generator.uniform(*mineral.hardness_mohs):.1f}",
                "luster": generator.choice(mineral.luster),
                "streak": generator.choice(mineral.streak),
            }
        )
    return rows
