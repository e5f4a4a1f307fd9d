"""`gi-jax train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONFIG_HELP, CONSOLE, Overrides, exit_after, go_on, read_config
from gi_jax.errors import GiJaxError
from gi_jax.options import check_devices, path, whole_number


def train(
    out: Annotated[Path, typer.Option(help="Folder of the run; created.", metavar="RUN", parser=path)],
    overrides: Overrides = None,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP, metavar="FILE", parser=path)] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Whole model folder to go on from: its weights, genes, networks, label scale and split.",
            metavar="MODEL",
            parser=path,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run where its last checkpoint stands.")
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(
            help="With several processes: address of the first, or auto on a cluster that JAX knows.",
            metavar="HOST:PORT",
            envvar="JAX_COORDINATOR_ADDRESS",
            parser=str,
        ),
    ] = None,
    num_processes: Annotated[
        int | None,
        typer.Option(
            help="How many processes train.",
            metavar="INTEGER",
            envvar="JAX_NUM_PROCESSES",
            parser=whole_number(1),
        ),
    ] = None,
    process_id: Annotated[
        int | None,
        typer.Option(
            help="Which of them this is, from 0.",
            metavar="INTEGER",
            envvar="JAX_PROCESS_ID",
            parser=whole_number(0),
        ),
    ] = None,
) -> None:
    """Train a model, then evaluate its best weights beside the baselines.

    SIGTERM and Ctrl-C save the state and end the run, with exit code 143 and 130; --resume continues it
    bit-equal. Several processes run the same command, each with its --process-id; the first one writes RUN.
    """
    from gi_jax.config.paths import check_files
    from gi_jax.runs.run import PREDICTIONS, REPORT
    from gi_jax.runs.run import train as train_run
    from gi_jax.training.processes import is_first, start_processes

    start_processes(coordinator, num_processes, process_id)
    check_devices()
    CONSOLE.quiet = coordinator is not None and not is_first()
    if start is not None:
        wanted = go_on(start, config, overrides)
    elif config is not None:
        wanted = read_config(config, overrides)
    else:
        raise GiJaxError("give a configuration with --config, or a model folder to go on from with --from")
    if resume:
        check_files(wanted, config or start or Path("configuration"))
    result = train_run(wanted, out, resume=resume, console=CONSOLE)
    if result.stopped_by is not None:
        CONSOLE.print(f"{result.ended}; continue with --resume")
        raise exit_after(result.stopped_by)
    CONSOLE.print(f"report       {out / REPORT}\npredictions  {out / PREDICTIONS}")
