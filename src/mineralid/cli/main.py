"""The command `mineralid`: registers the commands, imports nothing heavy."""

from __future__ import annotations

import typer

from mineralid.cli.lab import app as lab_app

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.add_typer(lab_app, name="lab")


def main() -> None:
    """Run the command line."""
    app()
