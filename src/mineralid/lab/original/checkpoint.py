"""Checkpoints of the published layout: into a run of ours, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from pydantic import JsonValue

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.evaluation.scoring import weights_sha256
from mineralid.lab.original.codes import ALL_TESTS, CASES, Case, Codes, parse_case, published_codes
from mineralid.lab.original.networks import CaseNetwork, build_case, build_student
from mineralid.lab.original.published_file import (
    model_name_of,
    read_published,
    sha256_of,
    write_published,
)
from mineralid.lab.original.published_names import (
    State,
    error_heads,
    is_student,
    left_aside,
    published_head,
    published_names,
    student_names,
    take,
)
from mineralid.lab.original.recipe import Dmib, OriginalRecipe, original
from mineralid.lab.original.records import (
    IMPORTED,
    StageRecord,
    begin,
    finish,
    is_finished,
    photographs_sha256,
    write_whole,
)
from mineralid.lab.original.run import RECIPE_FILE, case_folder
from mineralid.lab.training.record import ANOTHER, NETWORK_FILE

NO_PHOTOGRAPHS = photographs_sha256(Manifest((), ()))


@dataclass(frozen=True)
class Imported:
    """What became of a file.

    case: None where the file holds a student alone. folder: of the stage that was written (`dmib`
    of a case, or `student`). epoch: `it`, zero-based; None where the file does not say. left_aside:
    parts of the file that are not of this case. notes: what else there is to know.
    """

    file: Path
    case: Case | None
    folder: Path
    epoch: int | None
    left_aside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the report as lines."""
        what = "a student" if self.case is None else f"the case {self.case} ({self.case.name})"
        when = "" if self.epoch is None else f", epoch {self.epoch} (counted from 0)"
        lines = [f"{self.file}: {what}{when} → {self.folder / NETWORK_FILE}"]
        if self.left_aside:
            lines.append(f"left aside, not of this case: {', '.join(self.left_aside)}")
        return "\n".join([*lines, *self.notes])


def import_original(
    file: Path,
    out: Path,
    *,
    tests: str | None = None,
    model_name: str | None = None,
    codes: Codes | None = None,
    recipe: OriginalRecipe | None = None,
) -> Imported:
    """Turn a published checkpoint into a run of ours in `out`, or into its student alone.

    tests: the case to read; None: the one that has an error head in the file. model_name: None:
    that of the file's name. codes: the classes in the file's order; None: the published 36.
    recipe: what a file doesn't say, its backbone above all; None: the published values. Optimizer
    and scheduler are not taken over: an imported stage is finished.
    Raises OSError, or ValueError for a file that is unsafe, damaged or does not fit (with all that
    doesn't), for a case that is not clear, and for a folder that holds another run.
    """
    codes = codes or published_codes()
    state, epoch = read_published(file)
    source: dict[str, JsonValue] = {"file": file.name, "sha256": sha256_of(file), "epoch": epoch}
    if is_student(state):
        if tests is not None:
            raise ValueError(
                f"tests are {tests!r}, but {file} holds a student alone; allowed: no tests"
            )
        student = build_student(recipe or original(), len(codes.classes), pretrained=False)
        take(student, student_names(student), state, str(file))
        record = _student_record(recipe or original(), codes, source)
        folder = out / "student"
        return Imported(file, None, folder, epoch, notes=_write(folder, student, record))

    case = _case(file, state, tests)
    given = _recipe_of(case, recipe, model_name or model_name_of(file))
    network = build_case(given, len(codes.classes))
    published_head(network)
    names = published_names(network)
    take(network, names, state, f"{file} (read as {case.name})")
    folder = case_folder(out, given.tests)
    recipe_file = folder / RECIPE_FILE
    record = _case_record(given, codes, source)
    done = is_finished(folder / "dmib", record)
    if not done and ((folder / "ssf").exists() or recipe_file.exists()):
        raise ValueError(f"{folder} holds a run of this case already: {ANOTHER}")
    notes = _write_student_of(network, given, codes, source, out / "student")
    notes += _write(folder / "dmib", network, record)
    write_whole(recipe_file, given.model_dump_json(indent=1) + "\n")
    return Imported(file, case, folder / "dmib", epoch, left_aside(state, names), notes)


def export_original(
    network: CaseNetwork,
    epoch: int,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
) -> dict[str, Any]:
    """Return a case's network as the dict that the published scripts save, tensors on the CPU.

    epoch: zero-based. Reads back bit-equal. With a ResNet-50 and its taps the names are the
    published ones; under `image_encoder.` the tensors of another backbone keep their own names, and
    `ssf_layer_1` … are its adapters from the image to the feature. `optimizer` and `scheduler` hold
    the states of ours, empty where none is given: their groups are not the published ones.
    Raises ValueError for a network that the layout has no names for.
    """
    if epoch < 0:
        raise ValueError(f"epoch is {epoch}; allowed: 0 or more")
    names = published_names(network)
    held: dict[str, torch.Tensor] = {}
    for ours, tensor in network.state_dict().items():
        before = held.get(names[ours])
        if before is not None and not torch.equal(before, tensor.cpu()):
            raise ValueError(
                "fc and head.fc differ; allowed: the student's own as both (take_student), for the "
                "layout has one place for them"
            )
        held[names[ours]] = tensor.detach().to("cpu", copy=True)
    return {
        "it": epoch,
        "network": held,
        "optimizer": {} if optimizer is None else optimizer.state_dict(),
        "scheduler": {} if scheduler is None else scheduler.state_dict(),
    }


class OriginalCheckpoints(Callback):
    """Write `{model_name}_epoch_{epoch}_ckt.pth` into `folder` during the stage dmib.

    After every n-th epoch (`every`), under its zero-based number: 4, 9, 14 … for 5, which the
    published starting points (29, 9, 14, 49, 44, 79) fit. Each file appears whole or not at all.
    """

    def __init__(self, folder: Path, model_name: str, every: int) -> None:
        if every < 1:
            raise ValueError(f"every is {every}; allowed: 1 or more epochs")
        self.folder, self.model_name, self.every = folder, model_name, every

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Refuse a network that can't be written, before anything is trained."""
        published_names(pl_module.network)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the file of an epoch that is due."""
        epoch = int(trainer.current_epoch)
        if (epoch + 1) % self.every or not trainer.is_global_zero:
            return
        optimizer = trainer.optimizers[0]
        schedules = trainer.lr_scheduler_configs
        write_published(
            self.folder,
            self.model_name,
            export_original(
                pl_module.network,
                epoch,
                optimizer,
                schedules[0].scheduler if schedules else None,
            ),
        )


def _case(file: Path, state: State, tests: str | None) -> Case:
    found = error_heads(state)
    wanted = None if tests is None else parse_case(tests)
    if wanted in found:
        return wanted
    if wanted is None and len(found) == 1:
        return found[0]
    names = ", ".join(f"{case.name} ({case})" for case in found) or "no case"
    said = "" if tests is None else f"tests are {tests!r}, but "
    first = f"; its first names are {', '.join(list(state)[:5])}" if not found else ""
    raise ValueError(
        f"{said}{file} has error heads of {names}{first}; allowed: a file with an error head of "
        f"{'the case' if wanted else 'one case, or tests that say which of several'} "
        f"({', '.join(case.name for case in CASES)}), or a student's own"
    )


def _recipe_of(case: Case, recipe: OriginalRecipe | None, model_name: str | None) -> OriginalRecipe:
    """Return the recipe of an imported case; what is published of its last stage by default."""
    if recipe is None:
        main = case == ALL_TESTS
        values = original().model_dump() | {
            "error_rate": 0.3 if main else 0.6,
            "checkpoint_every": 5 if main else 10,
            "dmib": Dmib(epochs=100, views=0).model_dump(),
        }
    else:
        values = recipe.model_dump()
    values["tests"] = str(case)
    return OriginalRecipe(**values | ({"model_name": model_name} if model_name else {}))


def _record(
    stage: str, settings: dict[str, JsonValue], codes: Codes, source: dict[str, JsonValue]
) -> StageRecord:
    """Return a record that says that the stage was imported: on what it was trained is unknown."""
    return StageRecord(
        stage=stage,
        settings={IMPORTED: source, **settings},
        classes=codes.classes,
        codes=codes.triples,
        photographs=0,
        photographs_sha256=NO_PHOTOGRAPHS,
        begun_from={},
    )


def _student_record(
    recipe: OriginalRecipe, codes: Codes, source: dict[str, JsonValue]
) -> StageRecord:
    return _record("student", {"student": {"backbone": recipe.student.backbone}}, codes, source)


def _case_record(recipe: OriginalRecipe, codes: Codes, source: dict[str, JsonValue]) -> StageRecord:
    shown = recipe.model_dump(mode="json")
    settings: dict[str, JsonValue] = {
        "tests": recipe.tests,
        "student": {"backbone": recipe.student.backbone},
        "ssf": {name: shown["ssf"][name] for name in ("placement", "kind", "test_encoder")},
        "dmib": {name: shown["dmib"][name] for name in ("hidden", "parts")},
    }
    return _record("dmib", settings, codes, source)


def _write(folder: Path, network: torch.nn.Module, record: StageRecord) -> tuple[str, ...]:
    if is_finished(folder, record):
        return (f"imported already: {folder / NETWORK_FILE}",)
    begin(folder, record)
    finish(folder, network, 0.0)
    return ()


def _write_student_of(
    network: CaseNetwork,
    recipe: OriginalRecipe,
    codes: Codes,
    source: dict[str, JsonValue],
    folder: Path,
) -> tuple[str, ...]:
    """Write the encoder and `fc` of a case as the run's student, unless there is one.

    The published files of the eight cases may differ there: their training moved the statistics
    of the frozen encoder's batch norms. Each case's own encoder is in its own network.
    """
    student = build_student(recipe, len(codes.classes), pretrained=False)
    names = student_names(student)
    own = network.state_dict()
    student.load_state_dict({ours: own[ours] for ours in names})
    record = _student_record(recipe, codes, source)
    try:
        return _write(folder, student, record)
    except ValueError:
        if not folder.is_dir():
            raise
        path = folder / NETWORK_FILE
        if path.is_file():
            there = torch.load(path, map_location="cpu", weights_only=True)["sha256"]
            if there == weights_sha256(student):
                return (f"{path}: the same student, left as it was",)
        return (f"{folder}: another student, left as it was; this case's network has its own",)
