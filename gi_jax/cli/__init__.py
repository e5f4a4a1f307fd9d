"""The command line `gi-jax`; every command is a module of this package."""

from __future__ import annotations

import logging
import re
import sys

# A home folder that Matplotlib may not write to: it goes on without, and would say so on import.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

import typer

from conversion.commands import convert, verify
from gi_jax.cli.evaluate import evaluate
from gi_jax.cli.inspect import inspect
from gi_jax.cli.predict import predict
from gi_jax.cli.screen import screen
from gi_jax.cli.setting import ERRORS
from gi_jax.cli.study import study
from gi_jax.cli.train import train
from gi_jax.errors import GiJaxError
from gi_jax.terminal import protect_streams, speak_utf8

app = typer.Typer(
    name="gi-jax",
    help="Train, evaluate and use gene-interaction models in pure JAX.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (train, evaluate, predict, screen, study, inspect, convert, verify):
    app.command()(command)


def main() -> None:
    """Runs the command line; bad input ends with one sentence on stderr and exit code 2."""
    speak_utf8()
    protect_streams()
    try:
        app()
    except (GiJaxError, OSError) as error:
        # A line end in a name is shown as one; those before an indented entry are our own, of a list.
        ERRORS.print(re.sub(r"\n(?!  \S)", r"\\n", f"error: {error}"), style="red")
        sys.exit(2)
