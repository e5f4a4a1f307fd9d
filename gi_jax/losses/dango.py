"""Dango's loss: reconstruction of the networks and the interaction, mixed by the epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.losses.log_cosh import log_cosh
from gi_jax.ops.edge_products import edge_products
from gi_jax.ops.spmm import spmm


def reconstruction_loss(
    embeddings: Array, weight: Array, bias: Array, adjacency: Adjacency, zero_weight: float
) -> Array:
    """Weighted mean squared error of one network's reconstructed adjacency, without any `[N, N]` array.

    With `R = E W + b` (row = sender) and target `T[j, i]` = number of edges j -> i,

        loss = ( sum over T = 0 of lambda R^2 + sum over T > 0 of (R - T)^2 ) / N^2

    The sum of `R^2` over all entries is `<E^T E, W W^T> + 2 (1 E) . (W b) + N b . b`, that of `R` over
    edges comes from one sparse product, and only where lambda is not 1 is `R` evaluated, at the entries
    of edges: O(N H^2 + E H) instead of O(N^2 H).

    Args:
      embeddings: E, `[N, H]`.
      weight, bias: W `[H, N]`, b `[N]`.
      adjacency: the network; a repeated edge raises T.
      zero_weight: lambda, the weight of zero entries.

    Returns:
      A scalar.

    Source: Zhang et al., DANGO, 2020; torchcell 1.8.4, `DangoLoss.compute_weighted_mse_loss`.
    """
    product = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.sum(product("nh,nk->hk", embeddings, embeddings) * product("hn,kn->hk", weight, weight))
    mixed = product("h,hn,n->", embeddings.sum(axis=0), weight, bias)
    everywhere = squares + 2.0 * mixed + adjacency.num_genes * jnp.sum(bias**2)

    # An entry with T edges is met T times: each adds a T-th of (R - T)^2 - lambda R^2.
    columns = weight.T  # [N, H]
    if zero_weight == 1.0:
        over_edges = jnp.sum(columns * spmm(adjacency, embeddings))
        at_edges = -2.0 * (over_edges + jnp.sum(bias * jnp.diff(adjacency.indptr)))
    else:
        value = edge_products(adjacency, embeddings, columns) + bias[adjacency.receivers]  # [E]
        quadratic = (1.0 - zero_weight) / adjacency.multiplicity.astype(value.dtype)
        at_edges = jnp.sum((quadratic * value - 2.0) * value)
    constant = jnp.sum(adjacency.multiplicity)
    return (zero_weight * everywhere + at_edges + constant) / adjacency.num_genes**2


def mean_reconstruction_loss(
    embeddings: Array,
    weight: Array,
    bias: Array,
    names: Sequence[str],
    graph: CellGraph,
    zero_weights: Mapping[str, float],
) -> Array:
    """Mean of `reconstruction_loss` over the networks that the graph holds (0 if it holds none).

    Args:
      embeddings: `[G, N, H]`; weight: `[G, H, N]`; bias: `[G, N]`, in the order of `names`.
      names: the networks of the model; one that is not in `graph` is left out.
      zero_weights: lambda by network, 1 for one that is not named (torchcell `lambda_values`).
    """
    parts = zip(names, *map(jnp.unstack, (embeddings, weight, bias)), strict=True)
    losses = [
        reconstruction_loss(own, w, b, graph[name], zero_weights.get(name, 1.0))
        for name, own, w, b in parts
        if name in graph
    ]
    return sum(losses, jnp.zeros((), embeddings.dtype)) / max(len(losses), 1)


def pre_then_post(epoch: Array, transition_epoch: int) -> Array:
    """Reconstruction alone before `transition_epoch`, the interaction alone from it on."""
    return jnp.where(epoch < transition_epoch, 1.0, 0.0)


def linear_until_uniform(epoch: Array, transition_epoch: int) -> Array:
    """Alpha falls linearly from 1 to 0.5 at `transition_epoch` and stays."""
    return jnp.where(epoch < transition_epoch, 1.0 - 0.5 * (epoch / transition_epoch), 0.5)


def linear_until_flipped(epoch: Array, transition_epoch: int) -> Array:
    """Alpha falls linearly from 1 to 0 at `transition_epoch` and stays."""
    return jnp.where(epoch < transition_epoch, 1.0 - epoch / transition_epoch, 0.0)


ALPHA_SCHEDULES = {
    "PreThenPost": (pre_then_post, 10),
    "LinearUntilUniform": (linear_until_uniform, 20),
    "LinearUntilFlipped": (linear_until_flipped, 20),
}


def alpha_schedule(
    name: str = "PreThenPost", transition_epoch: int | None = None
) -> Callable[[Array], Array]:
    """Alpha, the weight of the reconstruction, as a function of the epoch (counted from 0).

    Args:
      transition_epoch: torchcell's default of the schedule if None (10, 20, 20).

    Raises:
      GiJaxError: an unknown schedule, or a transition before epoch 1.
    """
    if name not in ALPHA_SCHEDULES:
        raise GiJaxError(f"unknown Dango schedule {name!r}; use one of {', '.join(ALPHA_SCHEDULES)}")
    schedule, default = ALPHA_SCHEDULES[name]
    transition_epoch = default if transition_epoch is None else transition_epoch
    if transition_epoch < 1:
        raise GiJaxError(f"transition_epoch of {name} must be at least 1, got {transition_epoch}")
    return lambda epoch: schedule(jnp.asarray(epoch), transition_epoch)


def dango_loss(
    predictions: Array, targets: Array, reconstruction: Array, alpha: Array, valid: Array | None = None
) -> tuple[Array, dict[str, Array]]:
    """`alpha * reconstruction + (1 - alpha) * mean log cosh(prediction - target)`.

    Args:
      predictions, targets: `[B]` or `[B, 1]`, one shape.
      reconstruction: scalar, see `mean_reconstruction_loss`.
      alpha: scalar in [0, 1], see `alpha_schedule`.
      valid: `[B]` bool, False for padding genotypes.

    Returns:
      The loss and, without gradient, `reconstruction_loss`, `interaction_loss`,
      `weighted_reconstruction_loss`, `weighted_interaction_loss` and `alpha`.

    Source: torchcell 1.8.4, `DangoLoss`.
    """
    interaction = log_cosh(predictions, targets, valid)
    alpha = jnp.asarray(alpha, interaction.dtype)
    weighted_reconstruction = alpha * reconstruction
    weighted_interaction = (1.0 - alpha) * interaction
    terms = {
        "reconstruction_loss": reconstruction,
        "interaction_loss": interaction,
        "weighted_reconstruction_loss": weighted_reconstruction,
        "weighted_interaction_loss": weighted_interaction,
        "alpha": alpha,
    }
    return weighted_reconstruction + weighted_interaction, jax.lax.stop_gradient(terms)
