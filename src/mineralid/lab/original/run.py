"""Run the four stages: teacher → student → SSF → DMIB; what is finished is taken up again.

A run's folder holds `teacher/` and `student/`, which all cases share, and of each case a folder
(`hardness-luster-streak/` … `none/`, `any/`) with the recipe, `ssf/` and `dmib/`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningModule
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from torch import nn

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.evaluation.scoring import weights_sha256
from mineralid.lab.original.batches import (
    AugmentedViews,
    FixedFeatures,
    GlobalBatches,
    WholePhotographs,
    loader,
)
from mineralid.lab.original.codes import ALL_TESTS, NO_TESTS, Case, Codes, parse_case
from mineralid.lab.original.features import FeatureStore, decode_photographs, whole_pixels
from mineralid.lab.original.heads import OF_DMIB
from mineralid.lab.original.networks import (
    CaseNetwork,
    Student,
    Teacher,
    build_case,
    build_student,
    build_teacher,
)
from mineralid.lab.original.recipe import ANY, STAGES, OriginalRecipe
from mineralid.lab.original.records import (
    StageRecord,
    begin,
    finish,
    is_finished,
    load_finished,
    photographs_sha256,
    write_whole,
)
from mineralid.lab.original.stages import (
    DmibStage,
    JoinStage,
    SsfStage,
    StudentStage,
    TeacherStage,
)
from mineralid.lab.training.fit import ONE_PROCESS, Compute, fit, rank
from mineralid.lab.training.record import NETWORK_FILE

RECIPE_FILE = "recipe.json"
# Fields that all stages share; tests, error_rate and the names of files are not among them.
SHARED = ("image_size", "batch_size", "seed", "compile", "pretrained", "augmentation")


@dataclass(frozen=True)
class Data:
    """Photographs to train on, to watch the training with, and to measure on; their codes."""

    train: Manifest
    validation: Manifest
    test: Manifest
    codes: Codes


def case_folder(out: Path, tests: str) -> Path:
    """Return the folder of a case (or of all, `any`) in a run."""
    return out / (ANY if tests == ANY else parse_case(tests).folder)


def labels_of(manifest: Manifest) -> NDArray[np.int64]:
    """Return the class indices [N]."""
    return np.array(manifest.labels(), dtype=np.int64)


class Run:
    """One recipe on one set of photographs, in one folder."""

    def __init__(
        self,
        recipe: OriginalRecipe,
        data: Data,
        out: Path,
        compute: Compute = ONE_PROCESS,
        say: Callable[[str], None] = print,
    ) -> None:
        self.recipe, self.data, self.out, self.compute, self.say = recipe, data, out, compute, say
        self.case: Case = ALL_TESTS if recipe.tests == ANY else parse_case(recipe.tests)
        self.folder = case_folder(out, recipe.tests)
        self.classes = len(data.codes.classes)
        self.hashes: dict[str, str] = {}

    # --- what the stages share ------------------------------------------------------------------

    @cached_property
    def images(self) -> list[NDArray[np.uint8]]:
        """Return the photographs to train on, decoded."""
        self.say(f"decoding {len(self.data.train)} photographs")
        return decode_photographs(self.data.train)

    @cached_property
    def validation_pixels(self) -> NDArray[np.uint8]:
        """Return the photographs to watch the training with, cut as in evaluation."""
        return whole_pixels(self.data.validation, self.recipe.image_size)

    @property
    def rows(self) -> int:
        """Return the rows of a batch that this process has, 0 where nothing is compiled."""
        return self.recipe.batch_size // self.compute.world if self.recipe.compile else 0

    def _record(self, stage: str, begun_from: Sequence[str]) -> StageRecord:
        shown = self.recipe.model_dump(mode="json")
        settings = {name: shown[name] for name in SHARED}
        settings[stage] = shown[stage]
        if stage in ("ssf", "dmib"):
            settings["tests"] = self.recipe.tests
        if stage == "dmib":
            settings["error_rate"] = self.recipe.error_rate
        return StageRecord(
            stage=stage,
            settings=settings,
            classes=self.data.codes.classes,
            codes=self.data.codes.triples,
            photographs=len(self.data.train),
            photographs_sha256=photographs_sha256(self.data.train),
            begun_from={name: self.hashes[name] for name in begun_from},
        )

    def _batches(
        self, manifest: Manifest, case: Case, error_rate: float, fixed: bool = False
    ) -> GlobalBatches:
        return GlobalBatches(
            labels=labels_of(manifest),
            codes=self.data.codes,
            case=case,
            error_rate=error_rate,
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            rank=rank(),
            world=self.compute.world,
            fixed=fixed,
        )

    def _views(self, case: Case, error_rate: float = 0.0) -> Any:
        """Return the loader of augmented views of the photographs to train on."""
        recipe = self.recipe
        rows = AugmentedViews(
            self.images,
            labels_of(self.data.train),
            size=recipe.image_size,
            options=recipe.augmentation,
            seed=recipe.seed,
            world=self.compute.world,
        )
        return loader(rows, self._batches(self.data.train, case, error_rate), recipe.workers)

    def _watched(self, case: Case, error_rate: float) -> Any:
        """Return the loader of whole photographs held out of training; None where there is none."""
        held_out = self.data.validation
        if not len(held_out):
            return None
        rows = WholePhotographs(self.validation_pixels, labels_of(held_out), self.compute.world)
        return loader(rows, self._batches(held_out, case, error_rate, fixed=True))

    def _fixed(
        self,
        manifest: Manifest,
        features: NDArray[np.float32],
        case: Case,
        error_rate: float,
        fixed: bool = False,
    ) -> Any:
        """Return the loader of features computed once, [N, D] or of K views [K, N, D]."""
        rows = FixedFeatures(
            torch.from_numpy(features.reshape(-1, len(manifest), features.shape[-1])),
            labels_of(manifest),
            seed=self.recipe.seed,
            world=self.compute.world,
        )
        return loader(rows, self._batches(manifest, case, error_rate, fixed))

    def _fit(
        self,
        folder: Path,
        module: LightningModule,
        train: Any,
        epochs: int,
        validation: Any = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        fit(
            module,
            train,
            folder,
            epochs=epochs,
            seed=self.recipe.seed,
            validation=validation,
            compute=self.compute,
            callbacks=callbacks,
        )

    def _stage(
        self,
        stage: str,
        folder: Path,
        begun_from: Sequence[str],
        build: Callable[[bool], nn.Module],
        train: Callable[[nn.Module], None],
        allowed: bool,
    ) -> Any:
        """Return the network of a stage: loaded where it is finished, else trained.

        build(fresh): the network, fresh where it is to be trained. Raises ValueError where the
        stage is not finished and not to be run.
        """
        record = self._record(stage, begun_from)
        if is_finished(folder, record):
            # What a later stage trains is drawn as it was, or for another shape of it.
            torch.manual_seed(self.recipe.seed)
            network = build(False)
            later = tuple(f"head.{name}." for name in OF_DMIB) if stage == "ssf" else ()
            self.hashes[stage] = str(load_finished(folder, network, later)["sha256"])
            if allowed:
                self.say(f"{stage}: finished already ({folder / NETWORK_FILE})")
            return network
        if not allowed:
            raise ValueError(
                f"the stage {stage} is not finished in {folder}, and a later one begins from it; "
                f"allowed: --stage {stage} first, or --stage all"
            )
        torch.manual_seed(self.recipe.seed)
        network = build(True)
        if not rank():
            begin(folder, record)
        self.say(f"{stage}: training in {folder}")
        started = time.monotonic()
        train(network)
        network.cpu().eval()
        seconds = time.monotonic() - started
        if not rank():
            finish(folder, network, seconds)
        self.hashes[stage] = weights_sha256(network)
        self.say(f"{stage}: trained in {seconds / 60:.1f} min")
        return network

    # --- the stages -----------------------------------------------------------------------------

    def teacher(self, allowed: bool) -> Teacher:
        """Return the teacher: its image model fine-tuned, then joined with the tests."""
        recipe, folder = self.recipe, self.out / "teacher"

        def train(network: Any) -> None:
            image = folder / "image"
            stage = TeacherStage(recipe, network, self.rows)
            marker = image / NETWORK_FILE
            if marker.is_file():
                load_finished(image, network)
            else:
                views, watched = self._views(ALL_TESTS), self._watched(ALL_TESTS, 0.0)
                self._fit(image, stage, views, recipe.teacher.epochs, watched)
                network.cpu().eval()
                if not rank():
                    finish(image, network, 0.0)
            features = self._view_features(self._store(network.backbone))
            rows = self._fixed(self.data.train, features, ALL_TESTS, 0.0)
            self._fit(folder, JoinStage(recipe, network), rows, recipe.teacher.join_epochs)

        network: Teacher = self._stage(
            "teacher",
            folder,
            (),
            lambda fresh: build_teacher(recipe, self.classes, pretrained=fresh),
            train,
            allowed,
        )
        return network

    def student(self, teacher: Teacher, allowed: bool) -> Student:
        """Return the student, distilled from the teacher's image model."""
        recipe, folder = self.recipe, self.out / "student"

        def train(network: Any) -> None:
            self._fit(
                folder,
                StudentStage(recipe, network, teacher, self.rows),
                self._views(NO_TESTS),
                recipe.student.epochs,
                self._watched(NO_TESTS, 0.0),
            )

        network: Student = self._stage(
            "student",
            folder,
            ("teacher",),
            lambda fresh: build_student(recipe, self.classes, pretrained=fresh),
            train,
            allowed,
        )
        return network

    def ssf(self, teacher: Teacher, student: Student, allowed: bool) -> CaseNetwork:
        """Return the case's network with scale and shift, test encoder and clean head trained.

        The photograph alone has nothing to train here: its encoder is the student's, its clean
        head the student's own.
        """
        recipe, folder = self.recipe, self.folder / "ssf"

        def build(fresh: bool) -> CaseNetwork:
            network = build_case(recipe, self.classes)
            network.take_student(student)
            return network

        if self.case == NO_TESTS:
            self.say("ssf: the photograph alone uses the student as it is")
            self.hashes["ssf"] = self.hashes["student"]
            torch.manual_seed(recipe.seed)
            return build(True)

        def train(network: Any) -> None:
            self._fit(
                folder,
                SsfStage(recipe, network, teacher, self.data.codes, self.rows),
                self._views(self.case),
                recipe.ssf.epochs,
                self._watched(self.case, 0.0),
            )

        network: CaseNetwork = self._stage(
            "ssf", folder, ("teacher", "student"), build, train, allowed
        )
        return network

    def dmib(self, network: CaseNetwork, allowed: bool, callbacks: Sequence[Callback]) -> None:
        """Train the case's bottleneck and error head, in place."""
        recipe, folder = self.recipe, self.folder / "dmib"

        def train(network: Any) -> None:
            stage = DmibStage(recipe, network, self.rows)
            if not recipe.dmib.views:  # live augmentation, as published
                views = self._views(self.case, recipe.error_rate)
                watched = self._watched(self.case, recipe.error_rate)
                self._fit(folder, stage, views, recipe.dmib.epochs, watched, callbacks)
                return
            store, held_out = self._store(network.backbone), self.data.validation
            views = self._view_features(store)
            rows = self._fixed(self.data.train, views, self.case, recipe.error_rate)
            watched = None
            if len(held_out):
                whole = store.of_photographs(held_out, recipe.image_size)
                watched = self._fixed(held_out, whole, self.case, recipe.error_rate, fixed=True)
            self._fit(folder, stage, rows, recipe.dmib.epochs, watched, callbacks)

        self._stage("dmib", folder, ("ssf",), lambda fresh: network, train, allowed)

    def run(self, stages: Sequence[str], callbacks: Sequence[Callback] = ()) -> CaseNetwork | None:
        """Run the stages named, in order; return the case's network where `dmib` is one of them.

        Raises ValueError where an earlier stage is missing, or the folder holds another run.
        """
        last = max(STAGES.index(stage) for stage in stages)
        teacher = self.teacher("teacher" in stages)
        if last < STAGES.index("student"):
            return None
        student = self.student(teacher, "student" in stages)
        if last < STAGES.index("ssf"):
            return None
        network = self.ssf(teacher, student, "ssf" in stages)
        # Refused before its recipe is written over, whether or not that stage is to be run.
        is_finished(self.folder / "dmib", self._record("dmib", ("ssf",)))
        if not rank():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / RECIPE_FILE, self.recipe.model_dump_json(indent=1) + "\n")
        if last < STAGES.index("dmib"):
            return None
        self.dmib(network, True, callbacks)
        return network

    # --- features -------------------------------------------------------------------------------

    def _store(self, backbone: Any) -> FeatureStore:
        return FeatureStore(backbone, self.out / "cache", device=self.compute.device)

    def _view_features(self, store: FeatureStore) -> NDArray[np.float32]:
        recipe = self.recipe
        self.say(
            f"features of {recipe.dmib.views or 1} views of {len(self.data.train)} photographs"
        )
        return store.of_views(
            self.data.train,
            lambda: self.images,
            views=recipe.dmib.views or 1,
            image_size=recipe.image_size,
            options=recipe.augmentation,
            seed=recipe.seed,
        )
