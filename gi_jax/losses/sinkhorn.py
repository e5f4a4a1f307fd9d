"""Debiased Sinkhorn divergence between two samples of one dimension."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array


def sinkhorn_divergence(
    x: Array, y: Array, present: Array, *, p: int = 2, blur: float = 0.05, scaling: float = 0.9
) -> Array:
    """Debiased entropic transport cost between the points x and y, each of weight 1 / n.

    `S = OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2` with ground cost `|x - y|^p / p` and entropy
    `eps = blur^p`. Symmetric Sinkhorn updates while eps falls from `diameter^p` to `blur^p` by
    `scaling^p` a step, then one full update, through which alone the gradient runs (envelope theorem).

    Written out here because the recorded values are those after this fixed descent: ott-jax 0.6,
    which iterates to a tolerance, differs from them by 1e-5 to 5e-3 relative.

    Args:
      x, y: `[M]`.
      present: `[M]` bool, the n entries of x and of y that count.
      p: 1 or 2.
      blur: final length scale, in units of x.
      scaling: ratio of successive length scales, in (0, 1).

    Returns:
      A scalar; 0 where nothing is present or all points coincide.

    Source: Feydy et al., Interpolating between Optimal Transport and MMD using Sinkhorn Divergences,
    AISTATS 2019; geomloss `SamplesLoss("sinkhorn")`, torchcell 1.8.4 `WeightedWassersteinLoss`.
    """
    # With nothing present every weight would be -inf; the value is discarded at the end.
    some = jnp.any(present)
    kept = present | ~some
    x, y = jnp.where(kept & some, x, 0.0), jnp.where(kept & some, y, 0.0)
    weight = kept / jnp.sum(kept).astype(x.dtype)
    log_weight = jnp.where(kept, -jnp.log(jnp.sum(kept).astype(x.dtype)), -jnp.inf)

    diameter = _diameter(jnp.concatenate([x, y]), jnp.concatenate([kept, kept]))
    diameter = jnp.where(diameter > 0, diameter, blur)
    step = p * jnp.log(jnp.asarray(scaling, x.dtype))
    log_first, log_last = p * jnp.log(diameter), p * jnp.log(jnp.asarray(blur, x.dtype))
    steps = jnp.maximum(jnp.ceil((log_last - log_first) / step), 0).astype(jnp.int32)

    def epsilon(k: Array) -> Array:
        cooling = jnp.where(k == 0, log_first, log_first + (k - 1) * step)
        return jnp.where(k <= steps, jnp.exp(cooling), blur**p)

    # Rows carry the gradient, columns are constants: the gradient of a converged dual.
    costs = jnp.stack([_cost(x, y, p), _cost(y, x, p), _cost(x, x, p), _cost(y, y, p)])  # [4, M, M]

    def update(potentials: Array, eps: Array | float, costs: Array) -> Array:
        of_columns = potentials[jnp.array([1, 0, 2, 3])]  # f over x, g over y; then both on themselves
        return _softmin(eps, costs, jax.lax.stop_gradient(log_weight + of_columns / eps))  # [4, M]

    fixed = jax.lax.stop_gradient(costs)
    start = update(jnp.zeros((4, x.shape[0]), x.dtype), epsilon(jnp.int32(0)), fixed)
    descended = jax.lax.fori_loop(
        0, steps + 2, lambda k, old: 0.5 * (old + update(old, epsilon(k), fixed)), start
    )
    f, g, f_x, g_y = update(descended, blur**p, costs)
    value = jnp.sum(jnp.where(kept, weight * (f - f_x + g - g_y), 0.0))
    return jnp.where(some, value, 0.0)


def _diameter(points: Array, kept: Array) -> Array:
    points = jax.lax.stop_gradient(points)
    return jnp.max(jnp.where(kept, points, -jnp.inf)) - jnp.min(jnp.where(kept, points, jnp.inf))


def _cost(x: Array, y: Array, p: int) -> Array:
    squared = (x[:, None] - jax.lax.stop_gradient(y)[None, :]) ** 2
    if p == 2:
        return squared / 2
    return jnp.sqrt(jnp.maximum(squared, 1e-8))


def _softmin(eps: Array | float, cost: Array, h: Array) -> Array:
    return -eps * jax.nn.logsumexp(h[:, None, :] - cost / eps, axis=2)
