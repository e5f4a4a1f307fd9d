"""`gi-jax evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONSOLE
from gi_jax.options import check_devices, path


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN", parser=path)],
    genotypes: Annotated[
        Path | None,
        typer.Option(
            help="Measured genotypes (genes, score) in place of the test split.", metavar="FILE", parser=path
        ),
    ] = None,
) -> None:
    """Compare a trained model and the baselines with measurements.

    On the run's own test split this also writes evaluation.tsv, predictions.tsv, report.png and report.html
    anew.
    """
    from gi_jax.runs.compilation_cache import use_compilation_cache
    from gi_jax.runs.evaluate import evaluate as evaluate_run

    check_devices()
    evaluate_run(run, genotypes, console=CONSOLE, prepare=use_compilation_cache)
