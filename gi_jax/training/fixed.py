"""What a training needs beside labelled genotypes and does not change: made once, kept in the run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gi_jax.experiment.bundle import load_bundle
from gi_jax.models.neural.gene_features import FEATURES, gene_features, with_features
from gi_jax.models.weights import FIXED, read_fixed, write_fixed
from gi_jax.training.processes import every_process, first_process
from gi_jax.training.task import Task


def fixed_arrays(task: Task) -> dict[str, Any]:
    """The fixed arrays of the model of a task; those of the weights that it starts from, if there are any."""
    options = task.config.neural
    if not options.uses_features:
        return {}
    start = options.checkpoint_path
    if start is not None and FEATURES in (kept := load_bundle(start).variables.get(FIXED, {})):
        return {FEATURES: kept[FEATURES]}
    tables = task.training.table, task.validation.table
    return {FEATURES: gene_features(task.cell, tables, options.feature_rank)}


def with_fixed(task: Task, arrays: dict[str, Any]) -> Task:
    """The task with the fixed arrays where its model looks for them."""
    return replace(task, cell=task.cell._replace(graph=with_features(task.cell.graph, arrays)))


def kept_with_run(task: Task, run: Path, *, resuming: bool) -> Task:
    """The task with its fixed arrays, which the first process makes and writes, and every one reads.

    Args:
      run: the run folder.
      resuming: take those that are there, so that a run goes on with the numbers that it began with.
    """
    if not task.config.neural.uses_features:
        return task
    there = every_process(lambda: read_fixed(run, FIXED)) if resuming else None
    if there is None:
        first_process(lambda: write_fixed(run, FIXED, fixed_arrays(task)))
        there = every_process(lambda: read_fixed(run, FIXED))
    return with_fixed(task, there)
