"""`gi-jax package`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONSOLE
from gi_jax.options import check_devices, path


def package(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN", parser=path)],
    folder: Annotated[Path, typer.Argument(help="New model folder.", metavar="DIR", parser=path)],
) -> None:
    """Make a whole model folder of a run: it predicts where none of the run's data are, and has a card."""
    from gi_jax.runs.package import package as package_run

    check_devices()
    package_run(run, folder)
    CONSOLE.print(f"{run} -> {folder}")
