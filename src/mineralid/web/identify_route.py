"""POST /api/identify: photographs or a token, and readings → the Report and a token."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mineralid.identify.identifier import NOTHING_GIVEN
from mineralid.identify.report import Report
from mineralid.web.answering import option_fields, read_observation, read_options
from mineralid.web.forms import FormRules, read_form
from mineralid.web.limits import Limits
from mineralid.web.problems import Problem
from mineralid.web.services import Services

router = APIRouter()


def rules(limits: Limits) -> FormRules:
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
    """Name one stone."""
    services: Services = request.app.state.services
    form = await read_form(request, rules(services.limits), lambda count: None)
    texts, photos = form.texts, form.files.get("photos", [])
    options = read_options(texts)
    token = texts.get("token", "").strip() or None
    if token is not None and photos:
        raise Problem(422, "photos and token are given; allowed: one of them", "token")
    kept = services.tokens.get(token) if token is not None else None
    names = kept.names if kept is not None else tuple(photo.name for photo in photos)
    observation = read_observation(names, texts)
    if not names and not observation.readings:
        raise Problem(422, NOTHING_GIVEN, "photos")
    if photos:
        kept = await services.score(photos)
        token = services.tokens.add(kept)
    scored = kept.scored if kept is not None else None
    return _answer(services.identifier.decide(observation, scored, **options), token)


def _answer(report: Report, token: str | None) -> Response:
    # The Report's own JSON, so that it is the same as everywhere else, with one more name.
    body = f'{report.to_json()[:-1]},"token":{json.dumps(token)}}}'
    return Response(body.encode(), media_type="application/json")
