"""The command line `gi-jax`; every command is a module of this package."""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from typing import Annotated

import typer

from conversion.commands import convert, exporter, record, verify
from gi_jax import __version__
from gi_jax.cli.evaluate import evaluate
from gi_jax.cli.explain import explain
from gi_jax.cli.export import export
from gi_jax.cli.genes import genes
from gi_jax.cli.import_files import import_files
from gi_jax.cli.inspect import inspect
from gi_jax.cli.models import models
from gi_jax.cli.package import package
from gi_jax.cli.predict import predict
from gi_jax.cli.screen import screen
from gi_jax.cli.screen_merge import screen_merge
from gi_jax.cli.serve import serve
from gi_jax.cli.setting import CONSOLE, ERRORS, show_messages
from gi_jax.cli.study import study
from gi_jax.cli.train import train
from gi_jax.cli.tune import tune
from gi_jax.errors import GiJaxError
from gi_jax.terminal import protect_streams, speak_utf8

# A home folder that Matplotlib may not write to: it goes on without, and would say so on import.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

app = typer.Typer(
    name="gi-jax",
    help="Train, evaluate and use gene-interaction models in pure JAX.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    train,
    evaluate,
    predict,
    explain,
    screen,
    screen_merge,
    serve,
    models,
    package,
    export,
    study,
    tune,
    inspect,
    genes,
    convert,
    exporter,
    record,
    verify,
):
    app.command()(command)
app.command("import")(import_files)


def _show_version(wanted: bool) -> None:
    if wanted:
        CONSOLE.print(f"gi-jax {__version__}")
        raise typer.Exit


@app.callback()
def messages(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, help="Say more on stderr; twice for everything."),
    ] = 0,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Say less on stderr: no warnings of the library."),
    ] = False,
) -> None:
    """What stands before the name of a command."""
    show_messages(verbose, quiet)


def main() -> None:
    """Runs the command line; bad input ends with one sentence on stderr and exit code 2.

    With GI_JAX_DEBUG=1 in the environment the traceback comes first.
    """
    speak_utf8()
    protect_streams()
    try:
        app()
    except (GiJaxError, OSError) as error:
        if os.environ.get("GI_JAX_DEBUG") == "1":
            traceback.print_exc()
        # A line end in a name is shown as one; those before an indented entry are our own, of a list.
        ERRORS.print(re.sub(r"\n(?!  \S)", r"\\n", f"error: {error}"), style="red")
        sys.exit(2)
