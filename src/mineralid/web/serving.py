"""Run the app with uvicorn until it is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import uvicorn

from mineralid.identify import Identifier
from mineralid.web.app import create_app


def run(
    *,
    host: str,
    port: int,
    rate_limit: str | None,
    bundle: Path | None,
    say: Callable[[str], None],
) -> None:
    """Serve until Ctrl+C or SIGTERM."""
    app = create_app(Identifier(bundle))
    say(f"http://{host}:{port}/")
    uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning")
