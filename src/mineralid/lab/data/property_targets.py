"""Turn what the catalogue knows of species into targets: what a photograph may show of them.

Luster, streak, hardness, crystal system and chemistry, each a group of labels in 0..1; a group of
which the catalogue knows nothing is masked. They let photographs of species that are no class
take part in training.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.minerals import Catalogue, Mineral, load_catalogue, load_vocabulary

HARDNESS_STEPS_MOHS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
SYSTEMS = (
    "cubic",
    "tetragonal",
    "hexagonal",
    "trigonal",
    "orthorhombic",
    "monoclinic",
    "triclinic",
    "amorphous",
)
# An anion with oxygen, by what a formula of it holds; brackets of other kinds are made round first.
OXYANIONS = {
    "silicate": r"Si",
    "carbonate": r"CO3",
    "sulfate": r"SO4|SO3",
    "phosphate": r"PO4|PO3",
    "arsenate": r"As[^a-z)]*O",
    "vanadate": r"VO4|VO3|V2O7",
    "borate": r"B(?![aeir])",
}
OXYGEN_FREE = {
    "sulfide and kin": frozenset({"S", "Se", "Te", "As", "Sb", "Bi"}),
    "halide": frozenset({"F", "Cl", "Br", "I"}),
}
ELEMENTS = ("Cu", "Fe", "Mn", "Pb", "U", "Co", "Ni", "Cr", "V", "Ca", "Al")  # that tell in colour
CHEMISTRY = (*OXYANIONS, *OXYGEN_FREE, "oxide", "native", *(f"has {e}" for e in ELEMENTS))

Row = NDArray[np.float32]


@dataclass(frozen=True)
class PropertyTargets:
    """Targets of S species: names of the P labels; values float32 [S, P] in 0..1; known [S, P].

    groups: the place of each label's group [P]; a species knows all labels of a group or none.
    """

    names: tuple[str, ...]
    groups: NDArray[np.int_]
    values: NDArray[np.float32]
    known: NDArray[np.bool_]


def property_targets(species: Sequence[str], catalogue: Catalogue | None = None) -> PropertyTargets:
    """Return the targets of species by name; of one that the catalogue has not, nothing is known."""
    source = load_catalogue() if catalogue is None else catalogue
    kinds = _kinds()
    names = tuple(f"{kind}: {label}" for kind, (labels, _) in kinds.items() for label in labels)
    groups = np.repeat(np.arange(len(kinds)), [len(labels) for labels, _ in kinds.values()])
    values = np.zeros((len(species), len(names)), dtype=np.float32)
    known = np.zeros(values.shape, dtype=bool)
    for row, name in enumerate(species):
        mineral = source.get(name)  # `find` would look for near names of each that is not there
        if mineral is None:
            continue
        for group, (_, read) in enumerate(kinds.values()):
            found = read(mineral)
            if found is not None:
                values[row, groups == group] = found
                known[row, groups == group] = True
    return PropertyTargets(names, groups, values, known)


def _kinds() -> dict[str, tuple[tuple[str, ...], Callable[[Mineral], Row | None]]]:
    """Return of each group its labels, and what reads them of a mineral."""
    luster, streak = (load_vocabulary(name).tokens for name in ("luster", "streak"))
    steps = tuple(f"above {step:g}" for step in HARDNESS_STEPS_MOHS)
    return {
        "luster": (luster, lambda m: _those_of(luster, m.luster)),
        "streak": (streak, lambda m: _those_of(streak, m.streak)),
        "hardness": (steps, _hardness),
        "crystal system": (SYSTEMS, lambda m: _those_of(SYSTEMS, (m.crystal_system,))),
        "chemistry": (CHEMISTRY, lambda m: chemistry(m.formula) if m.formula else None),
    }


def _those_of(labels: Sequence[str], given: Sequence[str | None]) -> Row | None:
    found = np.array([label in given for label in labels], dtype=np.float32)
    return found if found.any() else None


def _hardness(mineral: Mineral) -> Row | None:
    """Return how much of the mineral's interval is above each step."""
    if mineral.hardness_mohs is None:
        return None
    low, high = mineral.hardness_mohs
    width = max(high - low, 0.5)  # half a step of the scale is within what a test can tell
    middle = (low + high) / 2
    above = (middle + width / 2 - np.array(HARDNESS_STEPS_MOHS)) / width
    return above.clip(0, 1).astype(np.float32)


def chemistry(formula: str) -> Row:
    """Return the labels CHEMISTRY of a formula such as `Cu2(CO3)(OH)2`, each 0 or 1."""
    plain = formula.replace("[", "(").replace("]", ")")
    elements = set(re.findall(r"[A-Z][a-z]?", plain))
    dry = re.sub(r"(?:[·.*]\s*\(?[\dn.-]*\)?\s*)?\(?H2O\)?", "", plain)
    oxygen = "O" in set(re.findall(r"[A-Z][a-z]?", dry))
    found = {name: oxygen and bool(re.search(form, dry)) for name, form in OXYANIONS.items()}
    bare = set() if oxygen else elements
    found |= {name: len(elements) > 1 and bool(bare & a) for name, a in OXYGEN_FREE.items()}
    if found["sulfide and kin"]:
        found["halide"] = False
    found["oxide"] = oxygen and not any(found.values())
    found["native"] = len(elements) == 1
    found |= {f"has {element}": element in elements for element in ELEMENTS}
    return np.array([found[name] for name in CHEMISTRY], dtype=np.float32)
