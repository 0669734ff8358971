"""Put a bundle's own classes, which the catalogue does not know, beside the catalogue's minerals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mineralid.minerals import Catalogue, Mineral
from mineralid.vision.bundle_own import OwnMineral


def with_own_minerals(
    catalogue: Catalogue, classes: Iterable[str], own: Mapping[str, OwnMineral]
) -> Catalogue:
    """Return the catalogue in which every class is found; the same one where none is own.

    An own class is a species without a parent, as rare as the rarest; what is not stated of it is
    blank, so that a reading scores it as any stone. Raises ValueError for a class that is neither
    in the catalogue nor declared (a slip of the pen, most often), and for one that is both: the
    catalogue's facts then hold.
    """
    twice = [(name, catalogue.find(name).name) for name in own if name in catalogue]
    if twice:
        named = ", ".join(name if name == known else f"{name} ({known})" for name, known in twice)
        raise ValueError(
            f"own_minerals states facts of {named}, which the catalogue knows; "
            "leave them to the catalogue, or give the class another name"
        )
    strangers = [name for name in classes if name not in catalogue and name not in own]
    if strangers:
        raise ValueError(
            f"the catalogue does not know its classes {', '.join(strangers)}, and own_minerals "
            "does not declare them (name -> what is known of it, {} where nothing is)"
        )
    if not own:
        return catalogue
    return catalogue.extended(
        Mineral(
            name=name,
            kind="species",
            hardness_mohs=facts.hardness_mohs,
            luster=facts.luster,
            streak=facts.streak,
            density_g_cm3=facts.density_g_cm3,
            magnetism=facts.magnetism,
            acid=facts.acid,
        )
        for name, facts in own.items()
    )
