"""The command `mineralid serve`: the web app on this machine, or for phones in the same network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mineralid.cli.failure import failure

NEEDS = "fastapi, uvicorn, python-multipart and segno"


def serve(
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; 0.0.0.0: also for others in this network."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 8000,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            metavar="N/min",
            help="Most identifications a minute of one client, also of this machine, or off. "
            "Default: 120/min, this machine unlimited.",
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of a model. Default: the one that ships."),
    ] = None,
) -> None:
    """Open the web app: the page, and its HTTP API for other programs.

    Works without a network. With --host 0.0.0.0 it prints the address in this network and a QR
    code of it, for a phone in the same hotspot. Ctrl+C ends it when what it accepted is answered.
    """
    try:
        from mineralid.web.serving import run
    except ModuleNotFoundError as missing:
        raise failure(
            f"the web app needs {NEEDS} ({missing.name} is missing): pip install 'mineralid[web]'"
        ) from None
    try:
        run(host=host, port=port, rate_limit=rate_limit, bundle=bundle, say=typer.echo)
    except (ValueError, OSError) as error:  # BundleError, a rate that is none, a port in use
        raise failure(error) from None
