"""What the global and the local path of a trained model contribute on measured genotypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.evaluation.metrics import regression_metrics
from gi_jax.explain.intermediates import inside
from gi_jax.explain.paths import Paths, contributions, forward_paths, shares_of_variance
from gi_jax.models.neural.forward import TableForward
from gi_jax.predict.predictor import Predictor
from gi_jax.study.results import finite


def path_numbers(predictor: Predictor, table: GenotypeTable) -> dict[str, float | None]:
    """The numbers of a `Result` that look into the model; none where the prediction has no global path.

    * `global_share`, `local_share`: `cov(w_k p_k, p) / var(p)` with the prediction `p = sum_k w_k p_k`
      and gate weights w; they add up to 1, and one is negative where its path works against the other.
    * `global_pearson`, `local_pearson`: correlation of `p_k` alone with the measured scores.
    * `global_weight`: mean of `w` of the global path.
    * `pooled_spread`: mean over channels of the standard deviation of z_p over genotypes, divided by
      the norm of z_w; 0 where the pooled difference is the same for every genotype (collapse).

    Of an ensemble, each is the mean over its members.

    Args:
      predictor: a trained model.
      table: M measured genotypes.
    """
    looked_into = (inside(predictor.fitted.member(index)) for index in range(predictor.num_members))
    opened = [member for member in looked_into if member is not None]
    if not predictor.fitted.abilities.has_paths or not opened:
        return {}
    batch_size = predictor.bundle.config.data_module.batch_size
    forward = TableForward(opened[0].model, opened[0].graph, table, batch_size)
    members = [_member_numbers(forward, member.variables, table.score) for member in opened]
    numbers = {}
    for name in members[0]:
        present = [number for member in members if (number := member[name]) is not None]
        numbers[name] = sum(present) / len(present) if present else None
    return numbers


def _member_numbers(
    forward: TableForward, variables: Mapping[str, Any], measured: np.ndarray
) -> dict[str, float | None]:
    paths = forward_paths(forward, variables)
    spread = paths.z_p.astype(np.float64).std(axis=0).mean()
    return _contributions(paths, measured) | {
        "pooled_spread": finite(spread / np.linalg.norm(paths.z_w.astype(np.float64)))
    }


def _contributions(paths: Paths, measured: np.ndarray) -> dict[str, float | None]:
    interaction, weight = (part.astype(np.float64) for part in (paths.interaction, paths.weight))
    names = ("global", "local")[: interaction.shape[1]]
    numbers = {}
    for name, own in zip(names, interaction.T, strict=True):
        numbers[f"{name}_pearson"] = finite(regression_metrics(own, measured).pearson)
    if "local" in names:
        for name, share in zip(names, shares_of_variance(contributions(paths)), strict=True):
            numbers[f"{name}_share"] = finite(share)
        numbers["global_weight"] = finite(weight[:, 0].mean())
    return numbers
