"""Putting names to a batch that was not finite."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from gi_jax.train.experiment import Experiment
from gi_jax.train.state import CHECKS, Failure


class FailureReport(NamedTuple):
    """The first stage that was not finite, and the genotypes that it concerns."""

    stage: str
    genotypes: list[str]
    whole_batch: bool  # no single genotype stands out

    def __str__(self) -> str:
        shown = "; ".join(self.genotypes[:5]) + ("; ..." if len(self.genotypes) > 5 else "")
        whose = (
            f"the batch of {len(self.genotypes):,}"
            if self.whole_batch
            else f"{len(self.genotypes):,} genotypes"
        )
        return f"`{self.stage}` is not finite, in {whose} ({shown})"


def describe_failure(failure: Failure, order: np.ndarray, experiment: Experiment) -> FailureReport:
    """Names the stage and the genotypes of a failed batch.

    Args:
      failure: of the training state, with a position that is not -1.
      order: `[steps * B]` rows of its epoch.
      experiment: holds the training genotypes.
    """
    position, finite, concerned = jax.device_get(failure)
    stage = next(name for name, good in zip(CHECKS, finite, strict=True) if not good)
    train = experiment.train
    batch = order[position * len(concerned) : (position + 1) * len(concerned)]
    rows = batch[concerned] if concerned.any() else batch[batch < len(train)]
    genotypes = [",".join(experiment.genes.names(train.genes[row])) for row in rows]
    return FailureReport(stage, genotypes, whole_batch=not concerned.any())
