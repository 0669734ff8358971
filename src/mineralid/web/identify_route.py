"""POST /api/identify: photographs or a token, and readings → the Report and a token."""

from __future__ import annotations

import json
from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mineralid.identify.identifier import NOTHING_GIVEN
from mineralid.identify.report import Report
from mineralid.web.answering import option_fields, read_observation, read_options
from mineralid.web.forms import Form, FormRules, read_form
from mineralid.web.limits import Limits
from mineralid.web.models import Language
from mineralid.web.problems import Problem
from mineralid.web.services import Services

router = APIRouter()

LANGUAGES = get_args(Language)


def form_rules(limits: Limits) -> FormRules:
    """What an identification may hold."""
    return FormRules(
        texts=option_fields() | {"token", "lang"},
        files_allowed={"photos": limits.photos},
        file_bytes={"photos": limits.photo_bytes},
        request_bytes=limits.request_bytes,
        text_bytes=limits.field_bytes,
        seconds=limits.upload_seconds,
    )


@router.post("/api/identify")
async def identify(request: Request) -> Response:
    """Name one stone from photographs, a token of photographs sent before, readings, or both."""
    services: Services = request.app.state.services
    services.rate.check(request.client.host if request.client else None)
    with services.admission.enter() as ticket:
        form = await read_form(request, form_rules(services.limits), ticket.reserve)
        report, token = await answer(services, form)
    return report_response(report, token)


async def answer(services: Services, form: Form) -> tuple[Report, str | None]:
    """Answer a form. Raises Problem or ReadingError."""
    texts, photos = form.texts, form.files.get("photos", [])
    options = read_options(texts)
    if texts.get("lang", "en") not in LANGUAGES:
        detail = f"lang is {texts['lang'][:20]!r}; allowed: {', '.join(LANGUAGES)}"
        raise Problem(422, "bad-field", detail, "lang")
    token = texts.get("token", "").strip() or None
    if token is not None and photos:
        detail = "photos and token are given; allowed: one of them"
        raise Problem(422, "bad-field", detail, "token")
    kept = services.kept(token) if token is not None else None
    names = kept.names if kept is not None else tuple(photo.name for photo in photos)
    observation = read_observation(names, texts)
    if not names and not observation.readings:
        raise Problem(422, "nothing-given", NOTHING_GIVEN, "photos")
    if photos:
        kept = await services.score(photos)
        token = services.tokens.add(kept)
    scored = kept.scored if kept is not None else None
    return services.identifier.decide(observation, scored, **options), token


def report_response(report: Report, token: str | None) -> Response:
    """The Report's own JSON, so that it is the same as everywhere else, with one more name."""
    return Response(report_json(report, token), media_type="application/json")


def report_json(report: Report, token: str | None) -> bytes:
    """One JSON object: the Report's, then the token."""
    return f'{report.to_json()[:-1]},"token":{json.dumps(token)}}}'.encode()
