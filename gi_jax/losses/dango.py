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

EDGE_BLOCK = 65_536  # edges whose [edges, H] rows are in memory at a time


def reconstruction_loss(
    embeddings: Array, weight: Array, bias: Array, adjacency: Adjacency, zero_weight: Array | float
) -> Array:
    """Weighted mean squared error of one network's reconstructed adjacency, without any `[N, N]` array.

    With `R = E W + b` (row = sender) and target `T[j, i]` = number of edges j -> i,

        loss = ( sum over T = 0 of lambda R^2 + sum over T > 0 of (R - T)^2 ) / N^2

    Since the sum of `R^2` over all entries is `<[E 1]^T [E 1], [W; b] [W; b]^T>`, only the entries of
    edges are ever evaluated, a block of them at a time: O(N H^2 + E H) instead of O(N^2 H).

    Args:
      embeddings: E, `[N, H]`.
      weight, bias: W `[H, N]`, b `[N]`.
      adjacency: the network; a repeated edge raises T.
      zero_weight: lambda, the weight of zero entries.

    Returns:
      A scalar.

    Source: Zhang et al., DANGO, 2020; torchcell 1.8.4, `DangoLoss.compute_weighted_mse_loss`.
    """
    ones = jnp.ones_like(embeddings[:, :1])
    rows = jnp.concatenate([embeddings, ones], axis=1)  # [N, H + 1]
    columns = jnp.concatenate([weight, bias[None, :]], axis=0).T  # [N, H + 1]
    gram = partial(jnp.einsum, "nh,nk->hk", precision=jax.lax.Precision.HIGHEST)
    everywhere = zero_weight * jnp.sum(gram(rows, rows) * gram(columns, columns))

    count = _multiplicity(adjacency).astype(rows.dtype)  # [E]
    # An entry with T edges is met T times: each adds a T-th of (R - T)^2 - lambda R^2.
    quadratic = (1.0 - zero_weight) / count
    at_edges = _edge_sum(rows, columns, adjacency.senders, adjacency.receivers, quadratic) + jnp.sum(count)
    return (everywhere + at_edges) / adjacency.num_genes**2


def _multiplicity(adjacency: Adjacency) -> Array:
    """How often the edge of each entry occurs, `[E]`; equal edges are neighbours in row order."""
    senders, receivers = jnp.asarray(adjacency.senders), jnp.asarray(adjacency.receivers)
    if not adjacency.num_edges:
        return jnp.zeros(0, jnp.int32)
    changes = (senders[1:] != senders[:-1]) | (receivers[1:] != receivers[:-1])
    edge = jnp.arange(adjacency.num_edges)
    first = jax.lax.cummax(jnp.where(jnp.concatenate([jnp.ones(1, bool), changes]), edge, 0))
    end = jnp.where(jnp.concatenate([changes, jnp.ones(1, bool)]), edge + 1, adjacency.num_edges)
    return jax.lax.cummin(end, reverse=True) - first


def _edge_sum(rows: Array, columns: Array, senders: Array, receivers: Array, quadratic: Array) -> Array:
    """Sum over edges of `quadratic R^2 - 2 R`, with `R = rows[sender] . columns[receiver]`."""
    edges = senders.shape[0]
    blocks = max(-(-edges // EDGE_BLOCK), 1)
    padding = blocks * -(-edges // blocks) - edges

    def blocked(x: Array) -> Array:
        return jnp.pad(x, (0, padding)).reshape(blocks, -1)

    # Rebuilding a block's rows in the backward pass costs a gather, keeping them all E * H numbers.
    @jax.checkpoint
    def block_sum(total: Array, block: tuple[Array, ...]) -> tuple[Array, None]:
        sender, receiver, square, linear = block
        value = jnp.sum(rows[sender] * columns[receiver], axis=1)  # [edges of a block]
        return total + jnp.sum((square * value - linear) * value), None

    linear = jnp.full(quadratic.shape, 2.0, rows.dtype)
    xs = tuple(blocked(x) for x in (senders, receivers, quadratic, linear))
    return jax.lax.scan(block_sum, jnp.zeros((), rows.dtype), xs)[0]


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
    losses = [
        reconstruction_loss(embeddings[g], weight[g], bias[g], graph[name], zero_weights.get(name, 1.0))
        for g, name in enumerate(names)
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
