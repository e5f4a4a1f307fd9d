"""`gi-jax export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONSOLE
from gi_jax.options import check_devices, path, whole_number


def export(
    run: Annotated[Path, typer.Argument(help="Run folder or model folder.", metavar="RUN", parser=path)],
    out: Annotated[
        Path, typer.Argument(help="Folder of the program; created.", metavar="FOLDER", parser=path)
    ],
    size: Annotated[
        int, typer.Option(help="The most genes of a genotype.", metavar="INTEGER", parser=whole_number(1))
    ] = 3,
    study: Annotated[
        str | None,
        typer.Option(
            help="On whose scale, for a model with one scale per study.", metavar="NAME", parser=str
        ),
    ] = None,
    platforms: Annotated[
        str, typer.Option(help="For which devices, separated by commas.", metavar="LIST", parser=str)
    ] = "cpu,cuda,tpu",
) -> None:
    """Write a model as a StableHLO program that runs with JAX alone, without this package."""
    from gi_jax.predict.export import CARD, export_model
    from gi_jax.predict.predictor import Predictor

    check_devices()
    names = [name.strip() for name in platforms.split(",") if name.strip()]
    export_model(Predictor.load(run), out, size=size, study=study, platforms=names)
    CONSOLE.print(f"program  {out}; {out / CARD} says how to run it", soft_wrap=True)
