"""What the global and the local path of a trained model contribute on measured genotypes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.ops.changed_rows import Capacity
from gi_jax.predict.forward import TableForward
from gi_jax.predict.predictor import Predictor
from gi_jax.study.results import finite
from gi_jax.train.metrics import regression_metrics


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
    model, batch_size = predictor.model.config, predictor.bundle.config.data_module.batch_size
    local = model.local_predictor_config
    if model.name == "dango" or (local.use_local_predictor and local.combination_method == "local"):
        return {}
    forward = TableForward(predictor.model, predictor.graph, table, batch_size)
    members = [
        _member_numbers(forward, predictor.bundle.member(index).variables, table.score)
        for index in range(predictor.num_members)
    ]
    numbers = {}
    for name in members[0]:
        present = [member[name] for member in members if member[name] is not None]
        numbers[name] = sum(present) / len(present) if present else None
    return numbers


def _member_numbers(
    forward: TableForward, variables: Mapping[str, Any], measured: np.ndarray
) -> dict[str, float | None]:
    options = {"model": forward.model, "capacity": forward.capacity}
    parts = [_paths(variables, forward.graph, batch, **options) for batch in forward.batches]
    values = {
        name: np.concatenate([np.asarray(part[name], np.float64) for part in parts])[: forward.size]
        for name in parts[0]
        if name != "z_w"
    }
    spread = values.pop("z_p").std(axis=0).mean()
    return _contributions(values, measured) | {
        "pooled_spread": finite(spread / np.linalg.norm(np.asarray(parts[0]["z_w"], np.float64)))
    }


def _contributions(values: Mapping[str, np.ndarray], measured: np.ndarray) -> dict[str, float | None]:
    """Args: values `[M]` by name, a model without local path has no `local`."""
    numbers = {}
    for path in ("global", "local"):
        if path in values:
            numbers[f"{path}_pearson"] = finite(regression_metrics(values[path], measured).pearson)
    if "local" in values:
        weighted = {path: values[f"{path}_weight"] * values[path] for path in ("global", "local")}
        prediction = weighted["global"] + weighted["local"]
        for path, part in weighted.items():
            covariance = np.mean((part - part.mean()) * (prediction - prediction.mean()))
            numbers[f"{path}_share"] = finite(covariance / prediction.var()) if prediction.var() else None
        numbers["global_weight"] = finite(values["global_weight"].mean())
    return numbers


@partial(jax.jit, static_argnames=("model", "capacity"))
def _paths(
    variables: Mapping[str, Any],
    graph: CellGraph,
    batch: GenotypeBatch,
    *,
    model: nn.Module,
    capacity: Capacity | None,
) -> dict[str, Array]:
    """Both predictions and their weights `[B]`, z_p `[B, H]` and z_w `[1, H]`."""
    output = model.apply(variables, graph, batch, capacity=capacity)
    values = {"z_p": output.z_p, "z_w": output.z_w, "global": output.global_interaction[:, 0]}
    if output.local_interaction is not None:
        values["local"] = output.local_interaction[:, 0]
        values["global_weight"], values["local_weight"] = output.gate_weights[:, 0], output.gate_weights[:, 1]
    return values
