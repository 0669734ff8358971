"""The schema of model.json: everything about a model bundle that is not a tensor."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from mineralid.vision.bundle_own import OwnMineral, own_names_problem
from mineralid.vision.prepare import ImageSpec

SCHEMA_VERSION: Literal[1] = 1

_Probability = Annotated[float, Field(ge=0, le=1)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Name = Annotated[str, Field(min_length=1)]
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]  # stays in the folder
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GraphSpec(_Strict):
    """Names of the ONNX graph's tensors.

    input: float32 [B, 3, H, W]. scores: logits [B, C]. feature: [B, D], the head's input.
    feature_map: [B, D, h, w], whose mean over h and w is the feature.
    """

    input: _Name
    scores: _Name
    feature: _Name
    feature_map: _Name


class CalibrationSpec(_Strict):
    """What was fitted on photographs held out of training.

    temperature and wrong_record_rate on new specimens of known collections and on collections left
    out alike, set_thresholds and species_thresholds on the latter alone (docs/decisions, 003).
    Lists indexed by number of tests done, 0..n; the last entry also serves any higher number:
    temperature (T > 0 of the photograph's scores), wrong_record_rate (epsilon, 0..1),
    set_thresholds (one row per number of tests, aligned with the grid set_confidences) and
    species_thresholds. set_penalty and set_free_rank: the RAPS penalty (arXiv 2009.14193).
    species_thresholds, group_threshold, unknown_threshold: probabilities from which an answer is
    given at a level. sets_of: on what the set thresholds were fitted; those of another bundle promise
    nothing here.
    """

    temperature: tuple[_Positive, ...] = Field(min_length=1)
    wrong_record_rate: tuple[_Probability, ...] = Field(min_length=1)
    set_confidences: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(min_length=1)
    set_thresholds: tuple[tuple[_Finite, ...], ...] = Field(min_length=1)
    set_penalty: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    set_free_rank: Annotated[int, Field(ge=0)]
    species_thresholds: tuple[_Probability, ...] = Field(min_length=1)
    group_threshold: _Probability
    unknown_threshold: _Probability
    sets_of: Literal["unseen collections", "held-out photographs", "another bundle"] = (
        "unseen collections"
    )
    note: str = ""

    @model_validator(mode="after")
    def _aligned(self) -> CalibrationSpec:
        grid = self.set_confidences
        if any(low >= high for low, high in itertools.pairwise(grid)):
            raise ValueError(f"set_confidences is {list(grid)}; it must rise strictly")
        if len(self.temperature) != len(self.wrong_record_rate):
            raise ValueError(
                f"temperature has {len(self.temperature)} entries and wrong_record_rate "
                f"{len(self.wrong_record_rate)}; both are indexed by the number of tests done"
            )
        for tests, row in enumerate(self.set_thresholds):
            if len(row) != len(grid):
                raise ValueError(
                    f"set_thresholds[{tests}] has {len(row)} entries; "
                    f"set_confidences has {len(grid)}"
                )
        return self

    def temperature_for(self, tests: int) -> float:
        """Temperature of the photograph's scores when `tests` tests were done."""
        return self.temperature[min(tests, len(self.temperature) - 1)]

    def wrong_record_rate_for(self, tests: int) -> float:
        """Probability that the whole record of `tests` readings belongs to another stone."""
        return self.wrong_record_rate[min(tests, len(self.wrong_record_rate) - 1)]

    def species_threshold_for(self, tests: int) -> float:
        """Probability from which a species is named when `tests` tests were done."""
        return self.species_thresholds[min(tests, len(self.species_thresholds) - 1)]

    def set_thresholds_for(self, tests: int) -> tuple[float, ...]:
        """Conformal thresholds at `set_confidences` when `tests` tests were done."""
        return self.set_thresholds[min(tests, len(self.set_thresholds) - 1)]


class UnknownSpec(_Strict):
    """The detector of stones that are none of the classes: a logistic regression.

    prior: share of such stones that it was fitted for (0..1). weights: by name of statistic.
    """

    prior: Annotated[float, Field(ge=0, lt=1)]
    weights: dict[str, _Finite]
    bias: _Finite
    note: str = ""


class BundleSpec(_Strict):
    """model.json.

    `own_minerals` declares each class that the catalogue does not know, with what is known of it.
    `files` maps each file's name to its SHA-256 and `seal` is that of the rest of model.json;
    `write_bundle` fills both in.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: _Name
    code_version: _Name
    catalogue_version: _Name
    created: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}")]
    classes: tuple[_Name, ...] = Field(min_length=2)
    own_minerals: dict[str, OwnMineral] = {}
    image: ImageSpec
    graph: GraphSpec
    feature_dim: Annotated[int, Field(ge=1)]
    calibration: CalibrationSpec
    unknown: UnknownSpec
    training: dict[str, JsonValue] = {}
    figures: dict[str, JsonValue] = {}
    files: dict[_FileName, _Sha256] = {}
    seal: _Sha256 | None = None

    @model_validator(mode="after")
    def _distinct(self) -> BundleSpec:
        repeated = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if repeated:
            raise ValueError(f"classes names {', '.join(repeated)} more than once")
        problem = own_names_problem(self.own_minerals, self.classes)
        if problem:
            raise ValueError(problem)
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain values for model.json, in the order of the fields."""
        values = self.model_dump(mode="json")
        values["own_minerals"] = {name: own.to_json() for name, own in self.own_minerals.items()}
        if not self.own_minerals:  # versions that don't know the field read all other bundles
            del values["own_minerals"]
        if self.calibration.sets_of == "unseen collections":
            del values["calibration"]["sets_of"]
        return values
