"""Errors as problem+json (RFC 9457): type, title, status, detail, and the field that is wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mineralid.observation import ReadingError
from mineralid.web.headers import HEADERS

MEDIA_TYPE = "application/problem+json"
_MOST_DETAIL = 1000  # characters
_LOG = logging.getLogger("mineralid.web")


class Problem(Exception):
    """A request that is not answered.

    kind: one word for programs. field: the part of the request that is wrong, or None.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})


def busy(detail: str, retry_after_seconds: int) -> Problem:
    """503 that says when to come again."""
    wait = {"Retry-After": str(max(1, retry_after_seconds))}
    return Problem(503, "busy", detail, headers=wait)


def problem_body(problem: Problem) -> bytes:
    """The JSON of a problem."""
    detail = problem.detail
    body = {
        "type": f"/problems/{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": detail if len(detail) <= _MOST_DETAIL else detail[: _MOST_DETAIL - 3] + "...",
        "field": problem.field,
    }
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def problem_response(problem: Problem) -> Response:
    """The answer that tells a problem."""
    return Response(
        problem_body(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def add_handlers(app: FastAPI) -> None:
    """Make every error of the app, expected or not, a problem."""

    async def of_problem(request: Request, error: Any) -> Response:
        return problem_response(error)

    async def of_reading(request: Request, error: Any) -> Response:
        return problem_response(Problem(422, "bad-reading", str(error), error.field))

    async def of_parameter(request: Request, error: Any) -> Response:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        return problem_response(Problem(422, "bad-parameter", f"{name}: {first['msg']}", name))

    async def of_http(request: Request, error: Any) -> Response:
        kind, detail = {
            404: ("not-found", "there is nothing at this address"),
            405: ("method", "this address does not take that method"),
        }.get(error.status_code, ("http", str(error.detail)))
        return problem_response(Problem(error.status_code, kind, detail, None, error.headers))

    async def of_anything(request: Request, error: Exception) -> Response:
        # The kind of error and its place, never what was sent.
        _LOG.error("unexpected %s in the server", type(error).__name__)
        response = problem_response(Problem(500, "internal", "something went wrong in the server"))
        response.headers.update(HEADERS)  # this answer passes by the middleware that adds them
        return response

    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(ReadingError, of_reading)
    app.add_exception_handler(RequestValidationError, of_parameter)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_anything)
