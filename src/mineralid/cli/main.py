"""The command `mineralid`: registers the commands, imports nothing heavy."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Annotated

import typer

from mineralid.cli.identify import identify
from mineralid.cli.info import info
from mineralid.cli.lab import app as lab_app
from mineralid.cli.minerals import minerals
from mineralid.cli.serve import serve
from mineralid.version import __version__

# Without rich's markup, help is plain text and starts faster; answers still use rich.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(identify)
app.command()(minerals)
app.command()(info)
app.command()(serve)
app.add_typer(lab_app, name="lab")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mineralid {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Name a mineral from a photograph plus whatever field tests were made."""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign shows ?; it is no reason to lose the answer.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except OSError as error:
        # Files are dealt with where they are opened; what is left is an output that is full.
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write(f"error: the answer cannot be written ({error.strerror})\n")
        os._exit(2)  # the interpreter would try to write the rest once more
