"""Which of somebody's classes the catalogue knows, and which are their own."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from mineralid.lab.data.class_list import did_you_mean
from mineralid.lab.data.manifest import listed
from mineralid.minerals import Catalogue, UnknownMineral, load_catalogue
from mineralid.minerals.lookup import fold_name
from mineralid.vision.bundle_own import own_names_problem

# From this likeness on a name is taken for a slip of the pen: Pyrit, Quarz, Hämatit. Names that
# are less like any mineral's (Bottle glass, Brick) are believed.
ALIKE = 0.85


@dataclass(frozen=True)
class ClassNames:
    """given: as the photographs have them. names: as a bundle has them, the catalogue's name where
    it knows the class by another. own: those that the catalogue does not know."""

    given: tuple[str, ...]
    names: tuple[str, ...]
    own: tuple[str, ...]

    def told(self) -> list[str]:
        """Return a sentence about every class that is not the catalogue's under its own name."""
        found = [
            f"class {given!r} is the catalogue's {name}"
            for given, name in zip(self.given, self.names, strict=True)
            if fold_name(given) != fold_name(name)
        ]
        if self.own:
            found.append(
                f"{len(self.own)} of {len(self.names)} classes are your own, not in the "
                f"catalogue: {', '.join(self.own)}"
            )
        return found


def resolve_classes(
    classes: Sequence[str],
    own: bool | Sequence[str] = (),
    catalogue: Catalogue | None = None,
) -> ClassNames:
    """Return what the classes are called in a bundle.

    A class that the catalogue knows, by a synonym too, is the catalogue's; any other is one's own.
    own: classes that are one's own although a mineral has nearly that name; True for all. Raises
    ValueError that lists everything wrong at once: fewer than two classes, nearly a mineral's
    name, two classes that are one mineral, a name of `own` that is no class or that the catalogue
    knows, a name that a bundle can't hold.
    """
    known = catalogue or load_catalogue()
    problems: list[str] = []
    if len(classes) < 2:
        problems.append(f"{len(classes)} class(es); needed: two or more to tell apart")
    confirmed = () if isinstance(own, bool) else tuple(own)
    for name in confirmed:
        if name not in classes:
            problems.append(
                f"--own {name!r}: it is none of the classes{did_you_mean(name, classes)}"
            )
        elif (mineral := known.get(name)) is not None:
            problems.append(
                f"--own {name!r}: the catalogue knows it, as {mineral.name}; leave it to the "
                "catalogue, or give the class another name"
            )
    names, mine = [], []
    first: dict[str, str] = {}
    for given in classes:
        mineral = known.get(given)
        if mineral is None:
            mine.append(given)
            if own is not True and given not in confirmed:
                problems += _nearly(given, known)
        name = given if mineral is None else mineral.name
        names.append(name)
        before = first.setdefault(fold_name(name), given)
        if before != given:
            problems.append(f"classes {before!r} and {given!r} are both {name}; join them in one")
    if not problems and (problem := own_names_problem(mine, names)):
        problems.append(problem.removeprefix("own_minerals names "))
    if problems:
        raise ValueError(listed(f"{len(problems)} problem(s) with the classes", problems))
    return ClassNames(tuple(classes), tuple(names), tuple(mine))


def _nearly(given: str, catalogue: Catalogue) -> list[str]:
    try:
        catalogue.find(given)
    except UnknownMineral as error:
        if error.reason:  # a rock, which is like no mineral whatever its name
            return []
        alike = [name for name in error.nearest if _likeness(given, name, catalogue) >= ALIKE]
        if alike:
            return [
                f"class {given!r} is not in the catalogue, but nearly: did you mean "
                f"{', '.join(alike)}? Rename it, or say --own {given!r} if it really is a class "
                "of your own"
            ]
    return []


def _likeness(given: str, name: str, catalogue: Catalogue) -> float:
    mineral = catalogue.find(name)
    every = [mineral.name, *(other for names in mineral.names.values() for other in names)]
    return max(
        difflib.SequenceMatcher(None, fold_name(given), fold_name(other)).ratio() for other in every
    )
