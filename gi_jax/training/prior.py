"""The prior under a neural model: the pair-kernel process, fitted, and what it says out of fold."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np

from gi_jax.data.folds import folds_held_out
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form import fit_pair_kernel
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.training.task import Task

LOGGER = logging.getLogger(__name__)
FOLD_STEPS = 6  # of tuning in each of at most two rounds: a fold's fit takes a fifth of the whole one


def fit_prior(task: Task, options: PairKernelOptions) -> tuple[dict[str, Any], np.ndarray]:
    """The arrays of the process fitted to all training genotypes, and labels `[M]` of these out of fold.

    A process that was fitted to a genotype knows its measurement, and would leave the network nothing but
    noise to learn. So each training genotype is predicted by a fit that has not seen it, nor what the test
    genotypes of this kind of split are without (`gi_jax.data.folds`). All of them choose their weights on the
    validation genotypes, which are in no fold.

    Raises:
      GiJaxError: a fold leaves nothing to fit.
    """
    train, val = (part.with_labels_as_scores() for part in (task.training, task.validation))
    LOGGER.info("fitting the prior")
    whole = fit_pair_kernel(train, val, task.cell, options)
    short = replace(
        options,
        num_samples=0,
        covariance_rounds=min(options.covariance_rounds, 1),
        tuning_steps=min(options.tuning_steps, FOLD_STEPS),
    )
    split, labels = task.config.data.split, np.full(len(train), np.nan)
    held = list(folds_held_out(train, split.kind, seed=split.seed, folds=task.config.neural.prior_folds))
    for number, (fitted, asked) in enumerate(held):
        LOGGER.info("fitting the prior without fold %d of %d", number + 1, len(held))
        if not len(fitted):
            raise GiJaxError(
                f"model.prior_folds is {task.config.neural.prior_folds}, and without fold {number + 1} no "
                "training genotype is left to fit the prior to; set more folds"
            )
        one = fit_pair_kernel(train.take(fitted), val, task.cell, short)
        labels[asked] = one.predict(train.take(asked)).members[0]
    return dict(whole.arrays()), labels


def best_scale(prior: np.ndarray, added: np.ndarray, labels: np.ndarray) -> float:
    """The s in 0 to 1 with the least squared error of `prior + s added`, all `[M]`.

    One number, fitted on validation genotypes: it shrinks what a network adds towards what it can add.
    """
    size = float(added @ added)
    return float(np.clip(added @ (labels - prior) / size, 0, 1)) if size > 0 else 0.0
