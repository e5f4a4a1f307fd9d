"""The command line `gi-jax`; every command is a module of this package."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from conversion.commands import convert, verify
from gi_jax.cli.evaluate import evaluate
from gi_jax.cli.inspect import inspect
from gi_jax.cli.predict import predict
from gi_jax.cli.screen import screen
from gi_jax.cli.study import study
from gi_jax.cli.train import train
from gi_jax.errors import GiJaxError

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
    try:
        app()
    except (GiJaxError, OSError) as error:
        Console(stderr=True).print(
            f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(2)
