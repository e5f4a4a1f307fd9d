"""What a training needs beside labelled genotypes and does not change: made once, kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gi_jax.experiment.bundle import load_bundle
from gi_jax.models.closed_form import restore_pair_kernel
from gi_jax.models.model import PredictionSettings
from gi_jax.models.neural.fixed import PRIOR
from gi_jax.models.neural.gene_features import FEATURES, gene_features, with_features
from gi_jax.models.weights import FIXED, read_fixed, write_fixed
from gi_jax.training.prior import fit_prior
from gi_jax.training.processes import every_process, first_process
from gi_jax.training.task import Task

OF_TRAINING = "prior_of_training"  # the folder of what only the training needs


def feature_arrays(task: Task) -> dict[str, Any]:
    """The features of genes, if the model of a task looks at them; those of weights to start from, if any."""
    options = task.config.neural
    if not options.embeds_features:
        return {}
    start = options.checkpoint_path
    if start is not None and FEATURES in (kept := load_bundle(start).variables.get(FIXED, {})):
        return {FEATURES: kept[FEATURES]}
    tables = task.training.table, task.validation.table
    return {FEATURES: gene_features(task.cell, tables, options.feature_rank)}


def with_fixed(task: Task, arrays: Mapping[str, Any]) -> Task:
    """The task with the fixed arrays where its model and its training look for them."""
    task = replace(task, cell=task.cell._replace(graph=with_features(task.cell.graph, arrays)))
    if PRIOR not in arrays:
        return task
    settings = PredictionSettings()
    return replace(
        task, prior=restore_pair_kernel(arrays[PRIOR], task.config.neural.prior, task.cell, settings)
    )


def kept_with_run(task: Task, run: Path, *, resuming: bool) -> Task:
    """The task with its fixed arrays, which the first process makes and writes, and every one reads.

    Args:
      run: the run folder.
      resuming: take those that are there, so that a run goes on with the numbers that it began with.
    """
    options = task.config.neural
    if not options.uses_features:
        return task
    if not resuming or every_process(lambda: read_fixed(run, FIXED)) is None:
        first_process(lambda: _make(task, run))
    task = with_fixed(task, every_process(lambda: read_fixed(run, FIXED)))
    if options.prior is None:
        return task
    return replace(task, prior_of_training=every_process(lambda: read_fixed(run, OF_TRAINING))["labels"])


def _make(task: Task, run: Path) -> None:
    """The folder that is looked for is written last."""
    arrays, prior = feature_arrays(task), task.config.neural.prior
    if prior is not None:
        arrays[PRIOR], labels = fit_prior(task, prior)
        write_fixed(run, OF_TRAINING, {"labels": labels})
    write_fixed(run, FIXED, arrays)
