"""Putting names to a batch that was not finite."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from gi_jax.ops.trees import take
from gi_jax.training.state import CHECKS, Failure
from gi_jax.training.task import Task


class FirstFailure(NamedTuple):
    """The failed batch of a run; of an ensemble, that of the member which failed first."""

    position: int  # number of the batch in its epoch
    finite: np.ndarray  # [len(CHECKS)] bool
    genotypes: np.ndarray  # [B] bool, whose prediction was not finite
    member: int | None  # None without an ensemble


class FailureReport(NamedTuple):
    """The first stage that was not finite, and the genotypes that it concerns."""

    stage: str
    genotypes: list[str]
    whole_batch: bool  # no single genotype stands out
    member: int | None  # of an ensemble

    def __str__(self) -> str:
        shown = "; ".join(self.genotypes[:5]) + ("; ..." if len(self.genotypes) > 5 else "")
        whose = (
            f"the batch of {len(self.genotypes):,}"
            if self.whole_batch
            else f"{len(self.genotypes):,} genotypes"
        )
        member = "" if self.member is None else f" in member {self.member}"
        return f"`{self.stage}` is not finite{member}, in {whose} ({shown})"


def first_failure(failure: Failure) -> FirstFailure | None:
    """Reads the failure of a training state, `[K]` of everything for an ensemble; None if all is well."""
    positions = np.asarray(failure.position)
    failed = np.flatnonzero(positions >= 0)
    if not failed.size:
        return None
    if not positions.ndim:
        position, finite, genotypes = jax.device_get(failure)
        return FirstFailure(int(position), finite, genotypes, None)
    member = int(failed[positions[failed].argmin()])
    position, finite, genotypes = take(jax.device_get(failure), member)
    return FirstFailure(int(position), finite, genotypes, member)


def describe_failure(failure: FirstFailure, order: np.ndarray, task: Task) -> FailureReport:
    """Names the stage, the genotypes and the member of a failed batch.

    Args:
      failure: see `first_failure`.
      order: `[steps * B]` rows of its epoch.
      task: holds the training genotypes.
    """
    position, finite, concerned, member = failure
    stage = next(name for name, good in zip(CHECKS, finite, strict=True) if not good)
    train = task.training.table
    batch = order[position * len(concerned) : (position + 1) * len(concerned)]
    rows = batch[concerned] if concerned.any() else batch[batch < len(train)]
    genotypes = [",".join(task.genes.names(train.genes[row])) for row in rows]
    return FailureReport(stage, genotypes, whole_batch=not concerned.any(), member=member)
