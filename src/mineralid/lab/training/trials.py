"""Trials: recipes by name in one file, each a few values away from another, some built on others."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.settings import told

TRIALS_FILE = Path(__file__).parent / "trials.toml"
SECTIONS = ("common", "trial")
REFERRING = ("init_from", "teachers")


@dataclass(frozen=True)
class Trial:
    """A recipe by name; base: the trial that it changes; needs: trials whose runs it builds on."""

    name: str
    base: str | None
    values: Mapping[str, Any]
    needs: tuple[str, ...]

    def run(self, out: Path, split: str, seed: int) -> Path:
        """Return the folder of its run."""
        return out / (f"{self.name}-{split}" + (f"-seed{seed}" if seed else ""))

    def recipe(self, out: Path, split: str, seed: int) -> Recipe:
        """Return its recipe for one split and seed; `seed` 0 leaves the trial's own."""
        values = dict(self.values)
        if seed:
            values["seed"] = seed

        def folder(given: str) -> str:
            return str(Trial(given[1:], None, {}, ()).run(out, split, seed))

        for field in REFERRING:
            given = values.get(field)
            if isinstance(given, str):
                values[field] = folder(given) if given.startswith("@") else given
            elif given:
                values[field] = [folder(g) if g.startswith("@") else g for g in given]
        return Recipe.model_validate(values)


def read_trials(path: Path = TRIALS_FILE, only: Sequence[str] = ()) -> list[Trial]:
    """Read trials from TOML or JSON, in the order of the file.

    only: names to keep, with the first trial, their bases and those that they build on. Raises
    ValueError, which names file and trial, for what is no recipe or refers to what is not before
    it; OSError.
    """
    given = _load(path)
    if stray := [name for name in given if name not in SECTIONS]:
        raise ValueError(f"{path}: {stray[0]!r}; allowed: {', '.join(SECTIONS)}")
    tables = given.get("trial", {})
    if not isinstance(tables, dict) or not tables:
        raise ValueError(f"{path} names no trial; needed: a table [trial.NAME] of each")
    trials: dict[str, Trial] = {}
    for name, table in tables.items():
        try:
            trials[name] = _trial(name, table, given.get("common", {}), trials)
        except ValidationError as error:
            raise ValueError(f"{path}, trial {name}: {told(error)}") from None
        except ValueError as error:
            raise ValueError(f"{path}, trial {name}: {error}") from None
    if unknown := [name for name in only if name not in trials]:
        raise ValueError(f"there is no trial {unknown[0]!r}; allowed: {', '.join(trials)}")
    wanted = {next(iter(trials)), *only} if only else set(trials)
    for trial in reversed(trials.values()):
        if trial.name in wanted:
            wanted |= {*trial.needs, *([trial.base] if trial.base else [])}
    return [trial for trial in trials.values() if trial.name in wanted]


def _trial(name: str, table: Any, common: Any, before: Mapping[str, Trial]) -> Trial:
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ValueError("its name may be of letters, digits and _ alone")
    if not isinstance(table, dict) or not isinstance(common, dict):
        raise ValueError("it is no table of fields")
    own = dict(table)
    base = own.pop("base", None)
    if base is not None and base not in before:
        raise ValueError(f"base is {base!r}; allowed: a trial before it")
    values = _merged(common if base is None else before[base].values, own)
    found = [values.get(field) or () for field in REFERRING]
    referred = [g for v in found for g in ([v] if isinstance(v, str) else v)]
    needs = tuple(str(g)[1:] for g in referred if str(g).startswith("@"))
    if unknown := [n for n in needs if n not in before]:
        raise ValueError(f"it builds on @{unknown[0]}; allowed: a trial before it")
    trial = Trial(name, base, values, needs)
    trial.recipe(Path(), "A", 0)  # refused now, not an hour into the trials
    return trial


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of both; of a table in a table too, but not of lists."""
    found = dict(base)
    for name, value in own.items():
        inner = found.get(name)
        both = isinstance(value, dict) and isinstance(inner, dict)
        found[name] = _merged(inner, value) if both else value  # type: ignore[arg-type]
    return found


def _load(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix == ".json":
            found = json.loads(text)
        elif sys.version_info >= (3, 11):
            found = importlib.import_module("tomllib").loads(text)
        else:
            raise ValueError("TOML is read from Python 3.11 on; give the trials as .json")
    except ValueError as error:
        raise ValueError(f"{path} can't be read: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is no table; needed: {' and '.join(SECTIONS)}")
    return found
