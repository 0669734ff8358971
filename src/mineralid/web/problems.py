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

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("mineralid.web")


class Problem(Exception):
    """A request that is not answered. field: the part of it that is wrong, or None."""

    def __init__(
        self,
        status: int,
        detail: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})


def unavailable(detail: str, retry_after_seconds: int) -> Problem:
    """503 that says when to come again."""
    return Problem(503, detail, headers={"Retry-After": str(max(1, retry_after_seconds))})


def problem_body(status: int, detail: str, field: str | None) -> bytes:
    """The JSON of a problem."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "field": field,
    }
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def problem_response(problem: Problem) -> Response:
    """The answer that tells a problem."""
    return Response(
        problem_body(problem.status, problem.detail, problem.field),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def add_handlers(app: FastAPI) -> None:
    """Make every error of the app, expected or not, a problem."""

    async def of_problem(request: Request, error: Any) -> Response:
        return problem_response(error)

    async def of_reading(request: Request, error: Any) -> Response:
        return problem_response(Problem(422, str(error), error.field))

    async def of_parameter(request: Request, error: Any) -> Response:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        return problem_response(Problem(422, f"{name}: {first['msg']}", name))

    async def of_http(request: Request, error: Any) -> Response:
        detail = {
            404: "there is nothing at this address",
            405: "this address does not take that method",
        }.get(error.status_code, str(error.detail))
        return problem_response(Problem(error.status_code, detail, None, error.headers))

    async def of_anything(request: Request, error: Exception) -> Response:
        # The class and place of the error, never what was sent.
        _LOG.error("unexpected error at %s", request.scope["path"][:80], exc_info=error)
        return problem_response(Problem(500, "something went wrong in the server"))

    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(ReadingError, of_reading)
    app.add_exception_handler(RequestValidationError, of_parameter)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_anything)
