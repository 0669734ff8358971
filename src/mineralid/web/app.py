"""The app: routes, page, limits, and what runs beside them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from mineralid.identify import Identifier
from mineralid.version import __version__
from mineralid.web import (
    batch_route,
    heatmap_route,
    identify_route,
    messages_route,
    minerals_route,
    vocabulary_route,
)
from mineralid.web.compression import Compression
from mineralid.web.headers import SecurityHeaders
from mineralid.web.limits import Limits
from mineralid.web.lingering import Lingering
from mineralid.web.models import Health
from mineralid.web.openapi import add_document
from mineralid.web.problems import add_handlers
from mineralid.web.rates import Rate
from mineralid.web.services import Services

STATIC = files("mineralid.web") / "static"


class PageFiles(StaticFiles):
    """The page's files; a name that no file can have (a zero byte in it) is one that is not there."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Where the file is and what it is; None where it is not."""
        try:
            return super().lookup_path(path)
        except ValueError:
            return "", None


def create_app(
    identifier: Identifier | None = None, *, rate: Rate | None = None, **limits: Any
) -> FastAPI:
    """Make the app.

    identifier: None for the bundle that ships. rate: of one client (None: the default, which
    spares this machine). limits: fields of `Limits`.
    """
    services = Services(identifier or Identifier(), Limits(**limits), rate or Rate())

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(services.start)
        forgetting = asyncio.get_running_loop().create_task(services.forget())
        try:
            yield
        finally:
            forgetting.cancel()
            await services.batches.close()
            await anyio.to_thread.run_sync(services.close)

    app = FastAPI(
        title="mineralid", version=__version__, docs_url=None, redoc_url=None, lifespan=life
    )
    app.state.services = services
    add_handlers(app)
    app.add_middleware(Compression)
    app.add_middleware(Lingering)
    app.add_middleware(SecurityHeaders)
    for route in (
        identify_route,
        vocabulary_route,
        minerals_route,
        heatmap_route,
        batch_route,
        messages_route,
    ):
        app.include_router(route.router)

    @app.get("/api/health", response_model=Health)
    async def health() -> dict[str, str]:
        """Say that the server answers, and with which bundle."""
        return {
            "status": "ok",
            "version": __version__,
            "bundle": services.identifier.bundle.version,
        }

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(str(STATIC / "index.html"), media_type="text/html")

    add_document(app, services)
    app.mount("/static", PageFiles(directory=str(STATIC)), name="static")
    return app
