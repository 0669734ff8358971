"""Run the app with uvicorn until it is told to stop; then finish what was accepted."""

from __future__ import annotations

import contextlib
import copy
import ipaddress
import math
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from mineralid.identify import Identifier
from mineralid.web.app import create_app
from mineralid.web.connections import GuardedConnection
from mineralid.web.limits import Limits
from mineralid.web.network_address import local_addresses, qr_code
from mineralid.web.rates import read_rate

Say = Callable[[str], None]

KEEP_ALIVE_SECONDS = 15
BACKLOG = 256


def run(*, host: str, port: int, rate_limit: str | None, bundle: Path | None, say: Say) -> None:
    """Serve until Ctrl+C or SIGTERM.

    Raises ValueError for a rate that is none and a bundle that cannot be used (BundleError),
    OSError for an address or port that cannot be had.
    """
    rate = read_rate(rate_limit)
    with _listening(host, port) as listener:
        config = server_config(create_app(Identifier(bundle), rate=rate))
        for line in greeting(host, listener.getsockname()[1]):
            say(line)
        with contextlib.suppress(KeyboardInterrupt):  # raised again once all is answered
            Server(config, say).run(sockets=[listener])


def server_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn runs the app."""
    limits: Limits = app.state.services.limits
    return uvicorn.Config(
        app,
        http=GuardedConnection,
        ws="none",
        lifespan="on",
        loop="asyncio",
        access_log=False,  # addresses hold tokens
        log_config=_logging(),
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # anyone could claim to be this machine
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(limits.upload_seconds + limits.answer_seconds),
    )


def _logging() -> dict[str, Any]:
    """uvicorn's own, without the reader of forms, which tells bytes of what was sent."""
    own = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    own["loggers"]["python_multipart"] = {"level": "CRITICAL"}
    return own


class Server(uvicorn.Server):
    """uvicorn's server that says what it waits for when it is told to stop."""

    def __init__(self, config: uvicorn.Config, say: Say) -> None:
        super().__init__(config)
        self._say = say

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more and wait until everything accepted is answered."""
        running = len(self.server_state.tasks)
        if running:
            self._say(f"finishing {running} requests; Ctrl+C again stops at once")
        await super().shutdown(sockets)


def greeting(host: str, port: int) -> list[str]:
    """What is printed at the start: where the page is, on this machine and for a phone."""
    address = _address(host)
    if address is not None and not address.is_unspecified:
        shown = f"[{host}]" if address.version == 6 else host
        return [f"mineralid is at http://{shown}:{port}/   (Ctrl+C stops it)"]
    if address is None:
        return [f"mineralid is at http://{host}:{port}/   (Ctrl+C stops it)"]
    lines = [f"mineralid is at http://127.0.0.1:{port}/   (Ctrl+C stops it)"]
    others = [f"http://{found}:{port}/" for found in local_addresses()]
    if not others:
        return [*lines, "this machine has no address in a local network"]
    lines.append(f"for a phone in the same network: {'  or  '.join(others)}")
    picture = qr_code(others[0], sys.stdout.encoding or "ascii", colored=sys.stdout.isatty())
    return lines if picture is None else [*lines, "", picture]


def _listening(host: str, port: int) -> socket.socket:
    """A socket bound to that place; OSError says which."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
        except BaseException:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OSError(
            f"host {host!r}, port {port}: the server cannot listen there ({reason})"
        ) from None
    return listener


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
