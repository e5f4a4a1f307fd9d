"""`gi-jax train`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONSOLE, Overrides, read_config
from gi_jax.train.run import PREDICTIONS, REPORT
from gi_jax.train.run import train as train_run


def train(
    config: Annotated[Path, typer.Option(help="Configuration file (YAML).", metavar="FILE")],
    out: Annotated[Path, typer.Option(help="Folder of the run; created.", metavar="RUN")],
    overrides: Overrides = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run where its last checkpoint stands.")
    ] = False,
) -> None:
    """Train a model, then evaluate its best weights beside the baselines.

    SIGTERM and Ctrl-C save the state and end the run; --resume continues it bit-equal.
    """
    result = train_run(read_config(config, overrides), out, resume=resume, console=CONSOLE)
    if result.stopped_by is not None:
        CONSOLE.print(f"{result.ended}; continue with --resume")
        raise typer.Exit(130 if result.stopped_by == signal.SIGINT else 0)
    CONSOLE.print(f"report       {out / REPORT}\npredictions  {out / PREDICTIONS}", soft_wrap=True)
