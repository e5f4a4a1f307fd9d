"""What a trained model computes on the way to its predictions: both predictors, and the networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import CellGraph
from gi_jax.explain.paths import Paths, forward_paths
from gi_jax.models.model import FittedModel
from gi_jax.models.neural import DangoOutput
from gi_jax.models.neural.fitted import NeuralModel
from gi_jax.models.neural.forward import TableForward


class Trained(NamedTuple):
    """A model with its weights and networks."""

    model: nn.Module
    variables: Mapping[str, Any]
    graph: CellGraph


class WildtypeNetworks(NamedTuple):
    """What each network gives to each gene of the wildtype, layer by layer.

    Attentive aggregations have weights, `[N, G, G]` (cross attention: rows attend to columns),
    `[N, P + 1]` (pairwise interaction: network pairs g1 <= g2, then the plain mean) or `[N, G]`
    (Dango's meta-embedding); a sum or a mean has none.
    """

    weights: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]  # [G, N, H] per layer, what is combined; none for Dango


def inside(fitted: FittedModel) -> Trained | None:
    """What a model of layers and paths is made of; None for one that has none."""
    if isinstance(fitted, NeuralModel):
        return Trained(fitted.module, fitted.variables, fitted.graph)
    return None


def predictor_parts(trained: Trained, table: GenotypeTable, batch_size: int) -> Paths:
    """Runs a model with a local predictor over a table of M genotypes."""
    return forward_paths(TableForward(trained.model, trained.graph, table, batch_size), trained.variables)


def wildtype_networks(trained: Trained) -> WildtypeNetworks:
    """Runs a model over the cell without any deletion."""
    return WildtypeNetworks(*jax.device_get(_networks(trained.variables, trained.graph, model=trained.model)))


@partial(jax.jit, static_argnames="model")
def _networks(
    variables: Mapping[str, Any], graph: CellGraph, *, model: nn.Module
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    wildtype = genotype_batch([[]], graph.num_genes)
    output, collected = cast(
        tuple[Any, Mapping[str, Any]], model.apply(variables, graph, wildtype, mutable=["intermediates"])
    )
    if isinstance(output, DangoOutput):
        return (output.network_weights[..., 0].T,), ()
    layers = [collected["intermediates"][f"convs_{layer}"] for layer in range(model.config.num_layers)]
    outputs = (jnp.stack(layer["network_outputs"][0]) for layer in layers)  # [G, N, H]
    weights = (states.wildtype for states in output.layer_aggregation_weights)
    return tuple(x.astype(jnp.float32) for x in weights), tuple(x.astype(jnp.float32) for x in outputs)
