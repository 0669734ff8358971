"""POST /api/batch and what follows it: many stones, with progress, corrections and a table."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from mineralid.identify.report import Report
from mineralid.identify.table_output import CsvLines
from mineralid.minerals.tests_table import load_tests
from mineralid.web.answering import OPTIONS, read_observation, read_options
from mineralid.web.batch_rows import read_stones
from mineralid.web.batches import Batch
from mineralid.web.forms import FormRules, read_form
from mineralid.web.limits import Limits
from mineralid.web.models import BatchStarted
from mineralid.web.services import Services

router = APIRouter()

ROWS_AN_ANSWER = 500
_Id = Annotated[str, Path(max_length=100)]


def form_rules(limits: Limits) -> FormRules:
    """What a list of stones may hold."""
    return FormRules(
        texts=frozenset((*OPTIONS, "lang")),
        files_allowed={"photos": limits.batch_photos, "table": 1},
        file_bytes={"photos": limits.photo_bytes, "table": limits.table_bytes},
        request_bytes=limits.batch_bytes,
        text_bytes=limits.field_bytes,
        seconds=limits.batch_upload_seconds,
    )


@router.post("/api/batch", status_code=202, response_model=BatchStarted)
async def start(request: Request) -> dict[str, Any]:
    """Begin to answer a table of stones, photographs of one stone each, or both."""
    services: Services = request.app.state.services
    host = request.client.host if request.client else None
    services.rate.check(host)
    services.batches.make_room()
    with ExitStack() as reserved:
        ticket = reserved.enter_context(services.batch_admission.enter())
        form = await read_form(request, form_rules(services.limits), ticket.reserve)
        options = read_options(form.texts)
        photos = form.files.get("photos", [])
        table = next(iter(form.files.get("table", [])), None)
        stones = read_stones(photos, table, services.limits.batch_rows)
        services.rate.pay(host, len(stones.rows) - 1)
        batch = services.batches.start(
            stones.rows, photos, options, stones.carried, stones.notes, reserved.pop_all()
        )
    return {"id": batch.id, "total": len(stones.rows), "notes": stones.notes}


@router.get("/api/batch/{id}")
async def progress(
    request: Request, id: _Id, start: Annotated[int, Query(alias="from", ge=0)] = 0
) -> Response:
    """How far a list is, and its answers from the `from`th on, at most 500 at a time."""
    services: Services = request.app.state.services
    batch = services.batches.get(id)
    rows = [
        _with_token(batch, index)
        for index in range(start, min(start + ROWS_AN_ANSWER, len(batch.rows)))
    ]
    about = {
        "id": batch.id,
        "state": batch.state,
        "done": len(batch.rows),
        "total": batch.total,
        "from": start,
    }
    body = json.dumps(about)[:-1].encode() + b',"rows":[' + b",".join(rows) + b"]}"
    return Response(body, media_type="application/json")


@router.post("/api/batch/{id}/rows/{row}")
async def correct(request: Request, id: _Id, row: Annotated[int, Path(ge=1)]) -> Response:
    """Answer a row again with these readings in the place of those that it had."""
    services: Services = request.app.state.services
    services.rate.check(request.client.host if request.client else None)
    batch = services.batches.get(id)
    limits = services.limits
    rules = FormRules(
        texts=frozenset((*load_tests(), "lang")),
        files_allowed={},
        file_bytes={},
        request_bytes=limits.field_bytes * (len(load_tests()) + 1),
        text_bytes=limits.field_bytes,
        seconds=limits.upload_seconds,
    )
    with services.admission.enter() as ticket:
        form = await read_form(request, rules, ticket.reserve)
        readings = read_observation((), form.texts).readings
        index = services.batches.again(batch, row, readings)
    return Response(_with_token(batch, index), media_type="application/json")


@router.get("/api/batch/{id}/csv")
def table(request: Request, id: _Id) -> Response:
    """The answers so far as CSV, the same columns as `mineralid identify --table` writes."""
    services: Services = request.app.state.services
    batch = services.batches.get(id)
    lines = CsvLines(batch.carried, by_photo=False)
    reports = [Report.model_validate_json(row.report) for row in list(batch.rows)]
    text = lines.header + "".join(map(lines.line, reports))
    return Response(
        text.encode(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="minerals.csv"'},
    )


@router.delete("/api/batch/{id}", status_code=204)
async def drop(request: Request, id: _Id) -> Response:
    """Stop a list and forget it."""
    services: Services = request.app.state.services
    await services.batches.drop(id)
    return Response(status_code=204)


def _with_token(batch: Batch, index: int) -> bytes:
    token = json.dumps(batch.token(index)).encode()
    return batch.rows[index].report[:-1] + b',"token":' + token + b"}"
