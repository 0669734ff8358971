"""The app: routes, page, limits and what runs with them."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from mineralid.identify import Identifier
from mineralid.version import __version__
from mineralid.web import identify_route, vocabulary_route
from mineralid.web.headers import SecurityHeaders
from mineralid.web.limits import Limits
from mineralid.web.problems import add_handlers
from mineralid.web.services import Services

STATIC = files("mineralid.web") / "static"


def create_app(identifier: Identifier | None = None, **limits: Any) -> FastAPI:
    """Make the app. identifier: None for the bundle that ships; limits: fields of `Limits`."""
    services = Services(identifier or Identifier(), Limits(**limits))
    app = FastAPI(title="mineralid", version=__version__, docs_url=None, redoc_url=None)
    app.state.services = services
    add_handlers(app)
    app.add_middleware(SecurityHeaders)
    app.include_router(identify_route.router)
    app.include_router(vocabulary_route.router)

    @app.get("/api/health")
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

    app.mount("/static", StaticFiles(directory=str(STATIC)), name="static")
    return app
