"""Distribution matching: sorted predictions against the labels a kernel density expects."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.losses.mse import labelled
from gi_jax.losses.output_weights import Weights, normalised_weights
from gi_jax.losses.soft_sort import soft_sort

MAX_LABEL_RANGE = 1024  # grid points of the label density, a static size


def dist(
    predictions: Array,
    targets: Array,
    valid: Array | None = None,
    *,
    bandwidth: float = 0.5,
    weights: Weights = None,
) -> tuple[Array, Array]:
    """Mean squared distance of the sorted predictions to the theoretical labels of the batch.

    Per output dimension: a Gaussian kernel density of the labels on the unit grid min, min + 1, ...
    below max + 1 gives the expected number of genotypes per grid point, hence n sorted theoretical
    labels; the loss is the mean of `(soft_sort(predictions) - theoretical)^2`. As in the original, n
    and the predictions include genotypes without a label, and a dimension without any label gives 0.
    The total is the sum of weight times dimension loss, weights divided by their sum.

    Args:
      predictions, targets: `[M, D]`; NaN targets are missing.
      valid: `[M]` bool, False for padding genotypes.
      bandwidth: kernel width in standard deviations of the labels.
      weights: one per output dimension, equal if None.

    Returns:
      The loss and its value per dimension, `[D]`. NaN if the labels span `MAX_LABEL_RANGE` or more
      units. Equal labels, for which the original raises, get the limit of the density: half the
      genotypes on either side of the label.

    Source: torchcell 1.8.4, `WeightedDistLoss`; Nie et al., DistLoss, 2024.
    """
    if valid is None:
        valid = jnp.ones(predictions.shape[0], bool)
    per_output = jax.vmap(partial(_dist, bandwidth=bandwidth), in_axes=(1, 1, 1, None))(
        predictions, targets, labelled(targets, valid), valid
    )  # [D]
    each = normalised_weights(weights, per_output.shape[0], per_output.dtype)
    return jnp.sum(per_output * each), per_output


def _dist(predictions: Array, targets: Array, present: Array, valid: Array, *, bandwidth: float) -> Array:
    count = jnp.sum(valid)
    some = jnp.any(present)
    expected = jax.lax.stop_gradient(theoretical_labels(targets, present, count, bandwidth))  # [M] ascending
    expected = jnp.where(some, expected, 0.0)
    rank = jnp.arange(predictions.shape[0])
    ordered = soft_sort(predictions, valid)  # [M] descending
    error = jnp.where(rank < count, ordered - expected[jnp.maximum(count - 1 - rank, 0)], 0.0)
    loss = jnp.sum(error**2) / jnp.maximum(count, 1)
    return jnp.where(some, loss, 0.0)


def theoretical_labels(labels: Array, present: Array, count: Array, bandwidth: float) -> Array:
    """The ascending labels that `count` genotypes are expected to have, `[M]` (rank `count` and up: 0).

    Args:
      labels, present: `[M]`; only present labels enter the density.
      count: number of genotypes, at most M.
    """
    low = jnp.min(jnp.where(present, labels, jnp.inf))
    high = jnp.max(jnp.where(present, labels, -jnp.inf))
    single = low == high
    low, high = jnp.where(single, low - 0.5, low), jnp.where(single, high + 0.5, high)
    points = jnp.ceil(high + 1.0 - low).astype(jnp.int32)
    grid = jnp.arange(MAX_LABEL_RANGE)
    inside = grid < points
    density = jnp.where(single, 1.0, _density(labels, present, low + grid, bandwidth))
    density = jnp.where(inside, density, 0.0)
    counts = _label_counts(count * density / jnp.sum(density), inside, count)  # [grid]

    ends = jnp.cumsum(counts)
    starts = jnp.concatenate([jnp.zeros(1, ends.dtype), ends[:-1]])
    rank = jnp.arange(labels.shape[0])
    # Counts may sum to more or less than the genotypes and may be -1, so ranges can overlap: the
    # last grid point that claims a rank keeps it, and a rank nobody claims gets 0.
    claims = inside[:, None] & _in_slice(rank[None, :], starts[:, None], ends[:, None], count)  # [grid, M]
    owner = jnp.max(jnp.where(claims, grid[:, None], -1), axis=0)  # [M]
    # The original holds these labels in float32, also when everything else is float64.
    single_precision = (low + owner).astype(jnp.float32).astype(labels.dtype)
    result = jnp.where(owner >= 0, single_precision, 0.0)
    return jnp.where(points <= MAX_LABEL_RANGE, result, jnp.nan)


def _density(labels: Array, present: Array, grid: Array, bandwidth: float) -> Array:
    count = jnp.sum(present)
    labels = jnp.where(present, labels, 0.0)
    mean = jnp.sum(labels) / count
    variance = jnp.sum(jnp.where(present, (labels - mean) ** 2, 0.0)) / (count - 1)
    scaled = (grid[:, None] - labels[None, :]) ** 2 / (2.0 * bandwidth**2 * variance)  # [grid, M]
    return jnp.sum(jnp.where(present[None, :], jnp.exp(-scaled), 0.0), axis=1)


def _label_counts(expected: Array, inside: Array, count: Array) -> Array:
    """Whole numbers of genotypes per grid point, from the expected numbers (all `[grid]`).

    Both tails are gathered in the first point where they reach one genotype; what rounding leaves
    over or takes too much is spread around the mode.
    """
    grid = jnp.arange(expected.shape[0])
    from_left = jnp.cumsum(expected)
    from_right = jax.lax.cumsum(expected, reverse=True)
    first = jnp.argmax(from_left >= 1.0)
    last = jnp.max(jnp.where(inside & (from_right >= 1.0), grid, 0))
    counts = jnp.where((grid > first) & (grid < last), jnp.round(expected), 0.0)
    counts = jnp.where(grid == first, jnp.round(from_left[first]), counts)
    counts = jnp.where(grid == last, jnp.round(from_right[last]), counts).astype(jnp.int32)

    points = jnp.sum(inside)
    half = points // 2
    rest = count - jnp.sum(counts)
    mode = jnp.argmax(counts)
    small = jnp.abs(rest) <= half
    width = jnp.where(small, jnp.abs(rest), half)
    start = mode - width // 2
    step = jnp.where(small, jnp.sign(rest), rest // jnp.maximum(half, 1) * jnp.sign(rest))
    near_mode = _in_slice(grid, start, start + width, points)
    remainder = jnp.where(small, 0, rest % jnp.maximum(half, 1))
    return counts + jnp.where(near_mode, step, 0) + jnp.where(grid == mode, remainder, 0)


def _in_slice(index: Array, start: Array, stop: Array, length: Array) -> Array:
    """True where `index` lies in Python's `[start:stop]` of a sequence of `length` entries.

    The original slices with bounds that can be negative and then count from the end.
    """

    def bound(x: Array) -> Array:
        return jnp.clip(jnp.where(x < 0, x + length, x), 0, length)

    return (index >= bound(start)) & (index < bound(stop))
