"""How a command fails: one clear line on stderr, exit status 2."""

from __future__ import annotations

import typer


def failure(message: object, status: int = 2) -> typer.Exit:
    """Print `error: message` to stderr; raise what this returns to leave with the status."""
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(status)
