"""At which level to answer: a species, its group where the species is not decided, or unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

Level = Literal["species", "group", "unknown"]


def answer_level(
    *,
    names: Sequence[str],
    probabilities: Sequence[float],
    unknown: float,
    ancestors: Mapping[str, Sequence[str]],
    species_threshold: float,
    group_threshold: float,
    unknown_threshold: float,
) -> tuple[Level, str | None, float | None]:
    """Return the level, the name at it, and how likely that is.

    names, probabilities: candidates, best first. 1. none of them is at least unknown_threshold
    likely → unknown. 2. The leader reaches species_threshold → species. 3. The narrowest
    ancestor whose members together reach group_threshold → group. 4. → unknown.
    """
    if unknown >= unknown_threshold:
        return "unknown", None, None
    if probabilities and probabilities[0] >= species_threshold:
        return "species", names[0], probabilities[0]
    mass: dict[str, float] = {}
    members: dict[str, int] = {}
    for name, probability in zip(names, probabilities, strict=True):
        for group in (name, *ancestors.get(name, ())):
            mass[group] = mass.get(group, 0.0) + probability
            members[group] = members.get(group, 0) + 1
    decided = [g for g in mass if mass[g] >= group_threshold and members[g] > 1]
    if decided:
        # Of groups with the same members here, the nearest was met first.
        group = min(decided, key=lambda g: (members[g], -mass[g]))
        return "group", group, mass[group]
    return "unknown", None, None
