"""The shapes of what the API answers, for its OpenAPI document and for checking what goes out."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mineralid.identify.report import Report

Language = Literal["en", "zh"]
Range = tuple[float, float]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Answer(Report):
    """The Report of `mineralid identify --json`, and a token.

    token: with it readings can be added for ten minutes without the photographs; null without any.
    """

    token: str | None


class ProblemBody(_Shape):
    """Why a request was not answered (RFC 9457). field: the part of the request that is wrong."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None


class Health(_Shape):
    """The server answers; `bundle` is the model's version."""

    status: Literal["ok"]
    version: str
    bundle: str


class Tool(_Shape):
    """What a person scratches with."""

    name: str
    label: str
    mohs: float
    synonyms: list[str]


class Word(_Shape):
    """A value of a word test. rgb: of the powder on a screen, for streak; null for no streak."""

    token: str
    label: str
    meaning: str
    rgb: list[int] | None = None


class FieldTestShape(_Shape):
    """A field test. interval: a number or low-high in `unit` from min to max. words: one or more."""

    name: str
    kind: Literal["interval", "words"]
    label: str
    question: str
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    tools: list[Tool] | None = None
    words: list[Word] | None = None


class ToldLimits(_Shape):
    """What may be sent: numbers, bytes, and for how many seconds a token holds."""

    photos: int
    photo_bytes: int
    request_bytes: int
    token_seconds: float
    batch_photos: int
    batch_rows: int
    batch_bytes: int
    table_bytes: int


class FieldTests(_Shape):
    """Every field test in its order, and what may be sent."""

    tests: list[FieldTestShape]
    limits: ToldLimits


class MineralSummary(_Shape):
    """A mineral in a list; null or [] is "not known". in_model: the photograph's model knows it."""

    name: str
    label: str
    kind: str
    parent: str | None
    formula: str | None
    hardness_mohs: Range | None
    luster: list[str]
    streak: list[str]
    density_g_cm3: Range | None
    in_model: bool


class SourceShape(_Shape):
    """Where facts come from."""

    id: str
    title: str
    terms: str


class MineralCard(MineralSummary):
    """All that is known of a mineral. sources: column -> ids of `source_list`; words: labels."""

    ancestors: list[str]
    children: list[str]
    crystal_system: str | None
    magnetism: list[str]
    acid: list[str]
    toxicity: str | None
    radioactivity: str | None
    commonness: int
    names: dict[str, list[str]]
    words: dict[str, list[str]]
    sources: dict[str, list[str]]
    source_list: list[SourceShape]


class BatchStarted(_Shape):
    """A list of stones that is being answered."""

    id: str
    total: int
    notes: list[str]


class BatchProgress(_Shape):
    """How far a list is, and its answers from the `from`th (from 0) on, at most 500."""

    id: str
    state: Literal["running", "done", "stopped"]
    done: int
    total: int
    start: int = Field(alias="from")
    rows: list[Answer]
