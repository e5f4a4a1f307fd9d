"""Weights of the pair-kernel process's kernels, and how the validation genotypes choose them."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from gi_jax.ops.pair_kernel import Pairs, Study, effects, pair_sums, solve

TUNING_TOLERANCE = 1e-2  # of the linear systems on the way
LEARNING_RATE = 0.3  # of the logarithms of the weights, falling to 0 along a cosine
FIRST_CORRELATION = 0.6  # of two studies
STEP_BETWEEN = 0.3  # how much shorter the steps of the entries between studies are, which are no logarithms


class Weights(NamedTuple):
    """What makes one kernel over genes of several, and the noise: logarithms, but for the last two."""

    kernels: Array  # [k] of networks and features
    identity: Array  # [] effects of a gene that it shares with no other
    constant: Array  # [] effects of single genes, see `PairKernel`
    covariance: Array  # [] of the genes' fitted profiles
    noise: Array  # [T]
    power: Array  # [] of the size of a gene's fitted profile, by which its effects are scaled
    between: Array  # [T, T] a root of B, lower triangle, in units of `STEP_BETWEEN`; its first entry is 1


class Profiles(NamedTuple):
    """What the fit before tells of genes: rows of the fitted effects."""

    cosine: Array  # [N or n, n]
    size: Array  # [N or n], norms relative to their mean
    size_of_columns: Array  # [n]


class System(NamedTuple):
    """Training and validation genotypes of T studies over n genes."""

    train: tuple[Study, ...]
    labels: tuple[Array, ...]  # [M_t] around their mean
    val: tuple[Pairs, ...]  # in numbers of the study's genes
    val_labels: tuple[Array, ...]  # likewise


def first_weights(num_kernels: int, num_studies: int) -> Weights:
    """Weights to start from: networks and features have half of a gene's variance."""
    start = np.log(0.5 / max(num_kernels, 1))
    correlation = np.full((num_studies, num_studies), FIRST_CORRELATION)
    np.fill_diagonal(correlation, 1.0)
    return Weights(
        kernels=jnp.full(num_kernels, start, jnp.float32),
        identity=jnp.log(0.3),
        constant=jnp.log(0.05),
        covariance=jnp.float32(-jnp.inf),
        noise=jnp.full(num_studies, jnp.log(1.5), jnp.float32),
        power=jnp.float32(0.0),
        between=jnp.asarray(np.linalg.cholesky(correlation) / STEP_BETWEEN, jnp.float32),
    )


def with_covariance(weights: Weights) -> Weights:
    """Weights to go on from with another covariance of the profiles."""
    if np.isfinite(weights.covariance):
        return weights
    return weights._replace(covariance=jnp.log(0.3), power=jnp.float32(0.3))


def between_studies(weights: Weights) -> Array:
    """B `[T, T]`, the covariance between studies; that of the first with itself is 1."""
    root = jnp.tril(weights.between) * STEP_BETWEEN
    root = root.at[0, 0].set(1.0)
    return root @ root.T


def no_profiles(num_rows: int, num_columns: int) -> Profiles:
    """What is known of profiles before any fit."""
    return Profiles(jnp.zeros((num_rows, num_columns)), jnp.ones(num_rows), jnp.ones(num_columns))


def part_of_profiles(profiles: Profiles, genes: np.ndarray, chosen: np.ndarray) -> Profiles:
    """Those of some of the fitted genes."""
    rows = genes[chosen]
    return Profiles(profiles.cosine[rows][:, chosen], profiles.size[rows], profiles.size_of_columns[chosen])


def scaled(shared: Array, weights: Weights, profiles: Profiles) -> Array:
    """The kernel `[rows, n]` of one round, from the weighed sum of fixed kernels `[rows, n]`."""
    shared += jnp.exp(weights.covariance) * profiles.cosine
    scale = profiles.size[:, None] ** weights.power * profiles.size_of_columns[None, :] ** weights.power
    return shared * scale + jnp.exp(weights.constant)


def tune(
    weights: Weights, kernels: Array, profiles: Profiles, system: System, steps: int
) -> tuple[Weights, float]:
    """The best weights on the way of some steps of Adam, and their mean squared validation error.

    Args:
      weights: to start from.
      kernels: `[k, n, n]`.
      profiles: of these n genes.
      system: over these n genes.
      steps: 1 or more.
    """
    adam = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))
    moments, coefficients = adam.init(weights), jax.tree.map(jnp.zeros_like, system.labels)
    best, kept = np.inf, weights
    for _ in range(steps):
        (error, coefficients), slope = _error(weights, kernels, profiles, system, coefficients)
        if float(error) < best:
            best, kept = float(error), weights
        change, moments = adam.update(slope, moments)
        weights = jax.tree.map(jnp.add, weights, change)
    return kept, best


@jax.jit
@partial(jax.value_and_grad, has_aux=True)
def _error(
    weights: Weights, kernels: Array, profiles: Profiles, system: System, start: tuple[Array, ...]
) -> tuple[Array, tuple[Array, ...]]:
    """The mean squared error of the validation genotypes, and the coefficients that gave it."""
    shared = jnp.tensordot(jnp.exp(weights.kernels), kernels, 1)
    shared += jnp.exp(weights.identity) * jnp.eye(kernels.shape[1])
    kernel, between = scaled(shared, weights, profiles), between_studies(weights)
    solution = solve(
        kernel,
        between,
        jnp.exp(weights.noise),
        system.train,
        system.labels,
        start,
        tolerance=TUNING_TOLERANCE,
        max_steps=200,
    )
    found = effects(kernel, between, system.train, solution.coefficients)
    squares = [
        ((pair_sums(matrix, pairs) - labels) ** 2).sum()
        for matrix, pairs, labels in zip(found, system.val, system.val_labels, strict=True)
    ]
    return jnp.stack(squares).sum() / sum(map(len, system.val_labels)), solution.coefficients
