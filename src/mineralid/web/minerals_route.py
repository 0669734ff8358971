"""GET /api/minerals, /api/minerals/{name}, /api/names/{lang}: the catalogue."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from mineralid.minerals import Catalogue, Mineral, UnknownMineral
from mineralid.minerals.lookup import fold_name
from mineralid.minerals.record import as_record
from mineralid.observation.conditions import conditions
from mineralid.web.models import Language, MineralCard, MineralSummary
from mineralid.web.problems import Problem
from mineralid.web.services import Services

router = APIRouter()

_NAME_CHARACTERS = 100
_SHOWN = ("kind", "parent", "formula", "hardness_mohs", "luster", "streak", "density_g_cm3")
_Text = Annotated[str | None, Query(max_length=300)]


@router.get("/api/minerals", response_model=list[MineralSummary])
def minerals(
    request: Request,
    response: Response,
    q: Annotated[str | None, Query(max_length=_NAME_CHARACTERS)] = None,
    hardness: _Text = None,
    luster: _Text = None,
    streak: _Text = None,
    density: _Text = None,
    magnetism: _Text = None,
    acid: _Text = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 100,
    lang: Language = "en",
) -> list[dict[str, Any]]:
    """List the minerals whose name holds `q` and that are known to fit every reading given.

    The likeliest to be met come first; `X-Total-Count` says how many there are in all.
    """
    services: Services = request.app.state.services
    catalogue = services.identifier.catalogue
    given = {
        "hardness": hardness,
        "luster": luster,
        "streak": streak,
        "density": density,
        "magnetism": magnetism,
        "acid": acid,
    }
    found = catalogue.where(**conditions(given))
    wanted = fold_name(q or "")
    if wanted:
        folded = _folded_names(catalogue)
        found = [mineral for mineral in found if wanted in folded[mineral.name]]
    # An exact name first, then the likeliest to be met.
    exact = catalogue.get(q) if q and wanted else None
    found.sort(key=lambda mineral: (mineral is not exact, -mineral.commonness))
    response.headers["X-Total-Count"] = str(len(found))
    known = set(services.identifier.bundle.classes)
    return [
        {"name": m.name, "label": label(m, lang)}
        | {column: getattr(m, column) for column in _SHOWN}
        | {"in_model": m.name in known}
        for m in found[:limit]
    ]


@router.get("/api/minerals/{name}", response_model=MineralCard)
def mineral(request: Request, name: str, lang: Language = "en") -> dict[str, Any]:
    """All that the catalogue knows of a mineral, by any of its names, with its sources."""
    services: Services = request.app.state.services
    catalogue = services.identifier.catalogue
    found = find_mineral(catalogue, name, status=404)
    card = as_record(catalogue, found)
    cited = dict.fromkeys(source for ids in found.sources.values() for source in ids)
    return card | {
        "label": label(found, lang),
        "parent": found.parent,
        "children": list(catalogue.children(found.name)),
        "words": {
            column: [vocabulary.label(token, lang) for token in getattr(found, column)]
            for column, vocabulary in catalogue.vocabularies.items()
        },
        "source_list": [
            {"id": source, "title": about.title, "terms": about.terms}
            for source in cited
            if (about := catalogue.sources.get(source)) is not None
        ],
        "in_model": found.name in services.identifier.bundle.classes,
    }


@router.get("/api/names/{lang}")
def names(request: Request, lang: Language) -> dict[str, str]:
    """The minerals' names in a language, by the names that a Report uses; only where one is known."""
    services: Services = request.app.state.services
    return _names(services.identifier.catalogue, lang)


@lru_cache(maxsize=8)
def _names(catalogue: Catalogue, language: Language) -> dict[str, str]:
    return {m.name: found for m in catalogue if (found := label(m, language)) != m.name}


def label(mineral: Mineral, language: Language) -> str:
    """A mineral's name in a language; its own where none is known."""
    others = () if language == "en" else mineral.names.get(language, ())
    return others[0] if others else mineral.name


def find_mineral(catalogue: Catalogue, name: str, status: int, field: str = "name") -> Mineral:
    """The mineral of this name. Raises Problem that names the nearest ones."""
    if len(name) > _NAME_CHARACTERS:
        detail = f"{field} has {len(name)} characters; allowed: up to {_NAME_CHARACTERS}"
        raise Problem(status, "unknown-mineral", detail, field)
    try:
        return catalogue.find(name)
    except UnknownMineral as unknown:
        raise Problem(status, "unknown-mineral", str(unknown), field) from None


@lru_cache(maxsize=4)
def _folded_names(catalogue: Catalogue) -> dict[str, str]:
    """Mineral -> all its names, folded, apart from each other."""
    return {
        m.name: " ".join(map(fold_name, (m.name, *itertools.chain(*m.names.values()))))
        for m in catalogue
    }
