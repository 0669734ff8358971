"""The OpenAPI document: what FastAPI finds in the routes, with bodies, problems and examples."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from mineralid.minerals.tests_table import load_tests
from mineralid.observation import Observation
from mineralid.web.answering import OPTIONS
from mineralid.web.identify_route import report_json
from mineralid.web.models import Answer, BatchProgress, ProblemBody
from mineralid.web.problems import MEDIA_TYPE
from mineralid.web.services import Services

READINGS = {"hardness": "6-6.5", "luster": "metallic", "streak": "greenish black"}
DESCRIPTION = """Name a mineral from photographs of one stone, readings of field tests, or both.

A test that was not made is left out. Every answer that is not one comes as `application/problem+json`
with `field`, the part of the request that is wrong. Photographs stay in memory and are never stored
or logged; a token stands for them for ten minutes."""

_REF = "#/components/schemas/{model}"
_EXPLAINED = {
    "hardness": "Mohs: 6.5, 6-6.5, or comparisons: scratches:coin,scratched-by:knife",
    "luster": "one word or several: metallic; 'vitreous or pearly'",
    "streak": "colour of the powder: 'greenish black'; none: harder than the plate",
    "density": "g/cm3: 2.65 or 2.6-2.7",
    "magnetism": "none, weak or strong",
    "acid": "in cold dilute hydrochloric acid: none, weak or strong",
    "trust": "how far the readings are believed, 0 to 1, or as per cent",
    "confidence": "of the prediction set, above 0 and below 1, or as per cent; default 0.9",
    "top": "how many candidates to list, or all; default 10",
    "prior": "commonness or uniform",
    "token": "of an earlier answer, in the place of its photographs",
    "lang": "en or zh: accepted and without effect, a Report speaks no language",
}
_PROBLEMS = {
    400: ("malformed", "the body ends before its closing boundary", "photos"),
    404: ("unknown-batch", "there is no such list, or it has expired", "id"),
    408: ("slow-upload", "the request did not arrive in 120 seconds (1.2 MB did)", "photos"),
    413: ("too-large", "file 'stone.png' has over 26.2 MB", "photos"),
    415: ("not-an-image", "photograph notes.txt: it is a text file; accepted are JPEG, ...", "photos"),
    422: ("bad-reading", "hardness '11' : 11 is outside the range; allowed: 0.5 to 10 Mohs", "hardness"),
    429: ("too-many-requests", "this server answers 120 stones a minute for one client", None),
    503: ("busy", "the server is busy: 128 requests are being answered; try again", None),
}  # fmt: skip
_SENT = (400, 408, 413, 415, 422, 429, 503)  # where a form is sent
# Path and method -> the problems that it may answer.
_ANSWERED: dict[tuple[str, str], tuple[int, ...]] = {
    ("/api/identify", "post"): _SENT,
    ("/api/batch", "post"): _SENT,
    ("/api/batch/{id}/rows/{row}", "post"): (*_SENT, 404),
    ("/api/batch/{id}", "get"): (404, 422),
    ("/api/batch/{id}", "delete"): (404, 422),
    ("/api/batch/{id}/csv", "get"): (404, 422),
    ("/api/heatmap", "get"): (422, 429, 503),
    ("/api/minerals", "get"): (422,),
    ("/api/minerals/{name}", "get"): (404, 422),
    ("/api/names/{lang}", "get"): (422,),
    ("/api/messages/{lang}", "get"): (422,),
    ("/api/tests", "get"): (422,),
    ("/api/health", "get"): (),
}


def add_document(app: FastAPI, services: Services) -> None:
    """Let the app make its document at the first request for it."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, services)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, services: Services) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
    )
    schemas = found["components"]["schemas"]
    _, definitions = models_json_schema(
        [(model, "serialization") for model in (Answer, ProblemBody, BatchProgress)],
        ref_template=_REF,
    )
    schemas |= definitions["$defs"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    paths = found["paths"]
    for (path, method), statuses in _ANSWERED.items():
        responses = paths[path][method]["responses"]
        responses.pop("422", None)
        responses |= {str(status): _problem(status) for status in sorted(statuses)}
    answer = {"schema": {"$ref": _REF.format(model="Answer")}, "example": _example(services)}
    for path in ("/api/identify", "/api/batch/{id}/rows/{row}"):
        _answers(paths[path]["post"], "application/json", answer)
    _answers(
        paths["/api/batch/{id}"]["get"],
        "application/json",
        {"schema": {"$ref": _REF.format(model="BatchProgress")}},
    )
    binary = {"schema": {"type": "string", "format": "binary"}}
    _answers(paths["/api/heatmap"]["get"], "image/png", binary)
    _answers(paths["/api/batch/{id}/csv"]["get"], "text/csv", {"schema": {"type": "string"}})
    limits = services.limits
    texts = {*load_tests(), *OPTIONS, "lang"}
    paths["/api/identify"]["post"]["requestBody"] = _form(
        texts | {"token"}, {"photos": (limits.photos, "photographs of one stone")}, READINGS
    )
    paths["/api/batch"]["post"]["requestBody"] = _form(
        {*OPTIONS, "lang"},
        {
            "photos": (
                limits.batch_photos,
                "photographs; each is a stone, unless `table` names it",
            ),
            "table": (1, "CSV in UTF-8: photo (names as sent, joined by |) and the tests"),
        },
        {"confidence": "0.9"},
    )
    paths["/api/batch/{id}/rows/{row}"]["post"]["requestBody"] = _form(
        {*load_tests(), "lang"}, {}, READINGS
    )
    return found


def _answers(operation: dict[str, Any], media_type: str, content: dict[str, Any]) -> None:
    operation["responses"]["200"]["content"] = {media_type: content}


def _problem(status: int) -> dict[str, Any]:
    kind, detail, field = _PROBLEMS[status]
    example = {
        "type": f"/problems/{kind}",
        "title": kind.replace("-", " "),
        "status": status,
        "detail": detail,
        "field": field,
    }
    content = {"schema": {"$ref": _REF.format(model="ProblemBody")}, "example": example}
    described: dict[str, Any] = {"description": detail, "content": {MEDIA_TYPE: content}}
    if status in (429, 503):
        seconds = {"description": "seconds to wait", "schema": {"type": "integer"}}
        described["headers"] = {"Retry-After": seconds}
    return described


def _form(
    texts: set[str], files: dict[str, tuple[int, str]], example: dict[str, str]
) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, (most, explained) in files.items():
        one = {"type": "string", "format": "binary"}
        several = {"type": "array", "items": one, "maxItems": most}
        properties[name] = {**(several if most > 1 else one), "description": explained}
    for name in (each for each in _EXPLAINED if each in texts):
        properties[name] = {"type": "string", "description": _EXPLAINED[name]}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    media = {"schema": schema, "examples": {"readings": {"value": example}}}
    content = {"multipart/form-data": media}
    if not files:
        content["application/x-www-form-urlencoded"] = media
    return {"required": True, "content": content}


def _example(services: Services) -> Any:
    report = services.identifier.decide(Observation.of((), **READINGS), None, top=3)
    return json.loads(report_json(report, None))
