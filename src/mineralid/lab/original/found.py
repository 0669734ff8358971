"""Find a trained network in a folder: of a case, of every subset of tests, or of the field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.original.codes import CASES, NO_TESTS, Case, Codes, Triple, parse_case
from mineralid.lab.original.recipe import ANY, OriginalRecipe
from mineralid.lab.original.records import read_stage
from mineralid.lab.original.run import RECIPE_FILE, case_folder
from mineralid.lab.training.record import NETWORK_FILE, read_record


@dataclass(frozen=True)
class FieldRun:
    """The folder of a field network, which reads photographs alone."""

    folder: Path
    classes: tuple[str, ...]
    trained_for: str = "none"
    cases: tuple[Case, ...] = (NO_TESTS,)

    def check(self, manifest: Manifest, codes: Codes | None) -> None:
        """Raise ValueError where the photographs are of other classes than the run."""
        _check_photographs(manifest, self.classes, self.folder)


@dataclass(frozen=True)
class FoundRun:
    """The folder of a case, or of every subset of tests; `cases`: those to be measured."""

    folder: Path
    recipe: OriginalRecipe
    codes: Codes
    cases: tuple[Case, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes that it was trained on."""
        return self.codes.classes

    @property
    def trained_for(self) -> str:
        """Return the tests of its recipe."""
        return self.recipe.tests

    def check(self, manifest: Manifest, codes: Codes | None) -> None:
        """Raise ValueError where photographs or codes are of other classes than the run."""
        _check_photographs(manifest, self.classes, self.folder)
        if codes is None:
            return
        _check_classes(codes.classes, self.classes, self.folder, "the codes")
        for name, there, now in zip(self.classes, self.codes.triples, codes.triples, strict=True):
            if there != now:
                raise ValueError(
                    f"the codes of {name} are {now}; the network in {self.folder} was trained with "
                    f"{there}; allowed: the same codes"
                )


def find_run(run: Path, tests: str | None) -> FoundRun | FieldRun:
    """Return the finished network that a folder and `tests` mean, as `evaluate` says.

    Raises ValueError where there is none, or none for such tests; OSError.
    """
    if not run.is_dir():
        raise ValueError(f"no folder {run}; needed: the folder of a run, or of a case in it")
    if not (run / RECIPE_FILE).is_file():
        return _of_case(_chosen(run, tests), None)
    try:
        described = json.loads((run / RECIPE_FILE).read_bytes())
    except ValueError:
        raise ValueError(f"{run / RECIPE_FILE} is damaged: it is no JSON") from None
    # The record of a field run holds its recipe beside classes and photographs.
    if not (isinstance(described, dict) and "recipe" in described):
        return _of_case(run, tests)
    if tests is not None and tests != ANY and parse_case(tests) == NO_TESTS:
        tests = None
    if tests is not None:
        raise ValueError(
            f"tests are {tests!r}, but {run} holds a field network, which reads no tests: the "
            "field weighs them as evidence; allowed: none"
        )
    record = read_record(run)
    _check_finished(run)
    return FieldRun(run, record.classes)


def _chosen(out: Path, tests: str | None) -> Path:
    """Return the folder of a case in a run."""
    there = [
        name for name in (*map(str, CASES), ANY) if (case_folder(out, name) / RECIPE_FILE).is_file()
    ]
    if not there:
        raise ValueError(f"no {RECIPE_FILE} in {out} or in the folder of a case: it holds no run")
    if tests is None:
        if len(there) > 1:
            raise ValueError(
                f"no tests are given; there are networks for --tests {'; '.join(there)}"
            )
        tests = there[0]
    folder = case_folder(out, tests)
    if not (folder / RECIPE_FILE).is_file():
        hint = f" ({case_folder(out, ANY)} reads every subset)" if ANY in there else ""
        raise ValueError(
            f"no network for tests {tests} in {out}; there are those for: {'; '.join(there)}{hint}"
        )
    return folder


def _of_case(folder: Path, tests: str | None) -> FoundRun:
    path = folder / RECIPE_FILE
    try:
        recipe = OriginalRecipe.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path} is no recipe ({where} {first['msg']})") from None
    if recipe.tests == ANY:
        cases = CASES if tests in (None, ANY) else (parse_case(str(tests)),)
    else:
        cases = (parse_case(recipe.tests),)
        if tests is not None and (tests == ANY or parse_case(tests) != cases[0]):
            raise ValueError(
                f"tests are {tests!r}, but the network in {folder} was trained for {recipe.tests}; "
                f"allowed: {recipe.tests}, or a missing rate"
            )
    _check_finished(folder / "dmib")
    stage = read_stage(folder / "dmib")
    triples: tuple[Triple, ...] = tuple((row[0], row[1], row[2]) for row in stage.codes)
    return FoundRun(folder, recipe, Codes(stage.classes, triples), cases)


def _check_finished(folder: Path) -> None:
    if not (folder / NETWORK_FILE).is_file():
        raise ValueError(f"no {NETWORK_FILE} in {folder}: train this network to its end first")


def _check_photographs(manifest: Manifest, classes: tuple[str, ...], folder: Path) -> None:
    _check_classes(manifest.classes, classes, folder, "the photographs")
    if not len(manifest):
        raise ValueError("there is no photograph to measure on; needed: one or more")
    others = sorted({p.species for p in manifest.photographs} - set(classes))
    if others:
        raise ValueError(
            f"{len(others)} species of the photographs are no class of the run, such as "
            f"{others[0]!r}; leave them out with Manifest.of_classes()"
        )


def _check_classes(
    found: Sequence[str], expected: tuple[str, ...], folder: Path, what: str
) -> None:
    if tuple(found) == expected:
        return
    lacking = [name for name in expected if name not in found]
    beyond = [name for name in found if name not in expected]
    told = [
        f"{text} {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"
        for text, names in (("without", lacking), ("with", beyond))
        if names
    ]
    raise ValueError(
        f"{what} have another class list than the network in {folder}: {len(found)} classes there, "
        f"{len(expected)} in the network, {' and '.join(told) or 'the same in another order'}; "
        "allowed: the class list that it was trained on"
    )
