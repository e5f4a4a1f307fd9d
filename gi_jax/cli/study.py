"""`gi-jax study`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONSOLE, Overrides, exit_after
from gi_jax.options import check_devices, path
from gi_jax.terminal import show_table


def study(
    config: Annotated[
        Path, typer.Option(help="Study file (YAML), or study or study_small.", metavar="FILE", parser=path)
    ],
    overrides: Overrides = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Only cells of this name, such as 'collins2007-random-*/concat'; repeatable.",
            metavar="TEXT",
            parser=str,
        ),
    ] = None,
    list_cells: Annotated[bool, typer.Option("--list", help="Show the cells and how far they are.")] = False,
) -> None:
    """Train every model on every dataset, split and seed, and write the tables.

    What is done is not done again, what was interrupted goes on, so the study may be run in parts.
    """
    from rich.table import Table

    from gi_jax.config.study import load_study
    from gi_jax.runs.compilation_cache import use_compilation_cache
    from gi_jax.study import plan_cells, run_study, select_cells

    plan = load_study(config, overrides or ())
    cells = plan_cells(plan)
    selected = select_cells(cells, only or ())
    if list_cells:
        table = Table("cell", "state")
        for cell in selected:
            table.add_row(cell.name, cell.state())
        show_table(CONSOLE, table)
        return
    check_devices()
    use_compilation_cache(selected[0].config)
    stopped_by = run_study(plan, cells, selected, CONSOLE)
    if stopped_by is not None:
        CONSOLE.print(f"stopped by {stopped_by.name}; the same command continues")
        raise exit_after(stopped_by)
    CONSOLE.print(f"tables   {plan.document}\npicture  {plan.picture}")
