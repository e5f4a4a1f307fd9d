"""`gi-jax tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONFIG_HELP, CONSOLE, Overrides, exit_after, read_config
from gi_jax.options import check_devices, path, whole_number


def tune(
    config: Annotated[Path, typer.Argument(help=CONFIG_HELP, metavar="CONFIG", parser=path)],
    space: Annotated[
        Path, typer.Option(help="Settings and their ranges (YAML).", metavar="FILE", parser=path)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the search; created.", metavar="FOLDER", parser=path)],
    overrides: Overrides = None,
    trials: Annotated[
        int,
        typer.Option(
            help="How many trials the folder shall hold.", metavar="INTEGER", parser=whole_number(1)
        ),
    ] = 30,
) -> None:
    """Search for settings by the validation genotypes; the result is a configuration file.

    The same command goes on with a search that was stopped. Several processes may search in one folder.
    Test genotypes are not looked at: train with the result to see what it is worth.
    """
    from gi_jax.study.space import load_space
    from gi_jax.study.tune import BEST, TRIALS
    from gi_jax.study.tune import tune as search

    check_devices()
    wanted = load_space(space)
    read_config(config, overrides)
    found = search(config, wanted, out, trials=trials, overrides=tuple(overrides or ()), console=CONSOLE)
    if found.stopped_by is not None:
        CONSOLE.print(f"stopped by {found.stopped_by.name}; the same command continues")
        raise exit_after(found.stopped_by)
    CONSOLE.print(f"trials   {out / TRIALS} ({found.trials:,})")
    if found.value is not None:
        CONSOLE.print(f"best     {out / BEST} (validation Pearson {found.value:.4f})", markup=False)
        CONSOLE.print("         " + ", ".join(found.overrides), markup=False, soft_wrap=True)
