"""`gi-jax inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONFIG_HELP, CONSOLE, Overrides, read_config
from gi_jax.options import check_devices, path
from gi_jax.terminal import show_table


def inspect(
    config: Annotated[Path, typer.Argument(help=CONFIG_HELP, metavar="CONFIG", parser=path)],
    overrides: Overrides = None,
) -> None:
    """Show what a configuration would train: data, parameters by component, memory and FLOPs per step."""
    from gi_jax.cli.inspect_tables import cost_table, parameter_table
    from gi_jax.experiment.bundle import member_of
    from gi_jax.experiment.experiment import load_experiment
    from gi_jax.models.neural import num_parameters
    from gi_jax.runs.run import fresh_state

    check_devices()
    experiment = load_experiment(read_config(config, overrides))
    CONSOLE.print(f"{experiment.report}\n{experiment.split}")
    state = fresh_state(experiment)
    members = experiment.config.ensemble
    params = state.params if members == 1 else member_of(state.params, 0)
    show_table(CONSOLE, parameter_table(num_parameters(params), members))
    show_table(CONSOLE, cost_table(experiment, state))
