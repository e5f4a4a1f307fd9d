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
    from gi_jax.experiment.experiment import load_experiment
    from gi_jax.models.neural import num_parameters
    from gi_jax.models.registry import KINDS
    from gi_jax.ops.trees import take
    from gi_jax.runs.run import check_can_be_fitted, training_task
    from gi_jax.training.fixed import feature_arrays, with_fixed
    from gi_jax.training.start import fresh_state

    check_devices()
    experiment = load_experiment(read_config(config, overrides))
    CONSOLE.print(f"{experiment.report}\n{experiment.split}")
    check_can_be_fitted(experiment)
    kind = experiment.config.model.kind
    if KINDS[kind].fit is not None:
        CONSOLE.print(f"a model of kind {kind} is solved for in one go: it has no steps to look at")
        return
    task = training_task(experiment)
    task = with_fixed(task, feature_arrays(task))
    state = fresh_state(task)
    members = experiment.config.ensemble
    params = state.params if members == 1 else take(state.params, 0)
    show_table(CONSOLE, parameter_table(num_parameters(params), members))
    show_table(CONSOLE, cost_table(task, state))
