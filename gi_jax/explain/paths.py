"""What the global and the local path of a model say about every genotype of a table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.forward import TableForward
from gi_jax.models.neural.gene_interaction_dango import GeneInteractionOutput
from gi_jax.ops.changed_rows import Capacity


class Paths(NamedTuple):
    """The two predictions of M genotypes, global before local, or the global one alone (P = 1)."""

    interaction: Any  # [M, P], in units of the labels
    weight: Any  # [M, P], of the gate
    z_p: Any  # [M, H]
    z_w: Any  # [1, H]


def contributions(paths: Paths) -> np.ndarray:
    """Weight times prediction of each path, float64 `[M, P]`: they add up to the prediction of the model."""
    return paths.interaction.astype(np.float64) * paths.weight.astype(np.float64)


def shares_of_variance(parts: np.ndarray) -> np.ndarray:
    """`cov(part, sum of parts) / var(sum of parts)` of each of `[M, P]`: `[P]`, together 1.

    A share is negative where its path works against the other; NaN where all predictions are equal.
    """
    centred = parts - parts.mean(axis=0)
    together = centred.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (centred * together[:, None]).mean(axis=0) / np.mean(together**2)


def forward_paths(forward: TableForward, variables: Mapping[str, Any]) -> Paths:
    """Runs a model with a global path over a table; `variables` are those of one member."""
    options = {"model": forward.model, "capacity": forward.capacity}
    parts = [_paths(variables, forward.graph, batch, **options) for batch in forward.batches]
    *of_genotypes, (z_w, *_) = zip(*jax.device_get(parts), strict=True)
    interaction, weight, z_p = (np.concatenate(part)[: forward.size] for part in of_genotypes)
    return Paths(interaction, weight, z_p, z_w)


@partial(jax.jit, static_argnames=("model", "capacity"))
def _paths(
    variables: Mapping[str, Any],
    graph: CellGraph,
    batch: GenotypeBatch,
    *,
    model: nn.Module,
    capacity: Capacity | None,
) -> tuple[Array, Array, Array, Array]:
    output = cast(GeneInteractionOutput, model.apply(variables, graph, batch, capacity=capacity))
    both = [x for x in (output.global_interaction, output.local_interaction) if x is not None]
    return jnp.concatenate(both, axis=1), output.gate_weights, output.z_p, output.z_w
