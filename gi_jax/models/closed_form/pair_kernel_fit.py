"""How the pair-kernel process is fitted: kernels of genes, their weights, the linear system."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from gi_jax.data.gene_pairs import columns_of_pairs
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.models.closed_form.pair_kernel import PairKernel
from gi_jax.models.model import Cell
from gi_jax.ops.gene_kernels import diffusion, like_features, shared_neighbours
from gi_jax.ops.pair_kernel import Pairs, Solution, collect, pair_sums, solve

LOGGER = logging.getLogger(__name__)
KERNELS: dict[str, Callable[..., np.ndarray]] = {
    "shared_neighbours": shared_neighbours,
    "diffusion": diffusion,
}
MOST_TUNED = 800  # genes; with more, weights are tuned on those that most genotypes delete
DRAWS_AT_ONCE = 4
TUNING_TOLERANCE = 1e-2  # of the linear systems on the way
LEARNING_RATE = 0.3  # of the logarithms of the weights, falling to 0 along a cosine
ROUNDING = 2.0  # how many times the tolerance the residual may be, which float32 adds to
JITTER = 1e-5  # of the largest eigenvalue, below which one is rounding


class Weights(NamedTuple):
    """What makes one kernel over genes of several, and the noise: logarithms, but for the last."""

    kernels: Array  # [k] of networks and features
    identity: Array  # [] effects of a gene that it shares with no other
    constant: Array  # [] effects of single genes, see `PairKernel`
    covariance: Array  # [] of the genes' fitted profiles
    noise: Array  # []
    power: Array  # [] of the size of a gene's fitted profile, by which its effects are scaled


class Profiles(NamedTuple):
    """What the fit before tells of genes: rows of the fitted effects."""

    cosine: Array  # [N or n, n]
    size: Array  # [N or n], norms relative to their mean
    size_of_columns: Array  # [n]


class System(NamedTuple):
    """Training and validation genotypes over n genes."""

    train: Pairs
    labels: Array  # [M] around their mean
    val: Pairs
    val_labels: Array  # [M_val] likewise


def fit_pair_kernel(
    train: GenotypeTable, val: GenotypeTable, cell: Cell, options: PairKernelOptions
) -> PairKernel:
    """Fits `PairKernel` to training genotypes, labels being in place of the scores.

    The kernel is `s_i s_j (sum_k w_k K_k + w_I I + w_C C)_ij + a`: K_k of the networks and feature tables of
    the cell, C the cosine of the genes' fitted profiles (rows of F) and s_i a power of the size of gene i's
    profile, both from the fit of the round before; C = 0 and s = 1 in the first. Weights, noise and power
    minimise the squared error of the validation genotypes, by Adam on their logarithms through the solution
    of the linear system. With more than 800 genes that is done on the 800 that most genotypes delete.

    Raises:
      GiJaxError: the linear system does not come to `options.tolerance` in `options.max_solver_steps`.
    """
    genes = np.unique(np.concatenate([t.genes[t.genes < t.num_genes] for t in (train, val)])).astype(np.int64)
    names, blocks = _kernels(cell, genes, options)
    intercept = float(train.score.mean())
    system = _system(train, val, genes, intercept)
    tuned, chosen_genes = _tuning_system(train, val, genes, intercept)
    profiles = _no_profiles(len(cell.genes), len(genes))
    weights = _first_weights(len(names))
    solver = {"tolerance": options.tolerance, "max_steps": options.max_solver_steps}
    best, fitted = np.inf, None
    for number in range(1 + options.covariance_rounds):
        LOGGER.info(
            "round %d of %d of tuning the kernel's weights", number + 1, 1 + options.covariance_rounds
        )
        kernels = jnp.asarray(blocks[:, genes[chosen_genes]][:, :, chosen_genes])
        part = _part(profiles, genes, chosen_genes)
        weights, error = _tune(weights, kernels, part, tuned, options.tuning_steps)
        kernel, own = _weighed(blocks, weights, profiles, genes)
        solution = _solution(kernel[genes], weights, system, **solver)
        if solution.residual > ROUNDING * options.tolerance:
            raise GiJaxError(
                f"the linear system of the pair_kernel model came to a relative residual of "
                f"{float(solution.residual):.1e} in {options.max_solver_steps:,} steps, expected "
                f"{options.tolerance:.0e}; raise model.max_solver_steps or model.tolerance"
            )
        coefficients = collect(system.train, solution.coefficients, len(genes))
        LOGGER.info(
            "mean squared error of the validation labels %.4f; %s", error, _said(names, weights, solution)
        )
        if error < best:
            best, fitted = error, (weights, kernel, own, solution, coefficients)
        profiles = _profiles(kernel, coefficients, genes)
        weights = _with_covariance(weights)
    assert fitted is not None, "there is a round or more"
    weights, kernel, own, solution, coefficients = fitted
    if options.num_samples:
        LOGGER.info("drawing %d times from the prior, for standard deviations", options.num_samples)
    draws, draw_scale = _draws(kernel[genes], weights, system, options)
    model = PairKernel(
        genes=genes,
        kernel=np.asarray(kernel),
        own=np.asarray(own),
        constant=float(jnp.exp(weights.constant)),
        coefficients=np.asarray(coefficients),
        draws=draws,
        draw_scale=draw_scale,
        noise=float(jnp.exp(weights.noise)),
        variance_scale=1.0,
        intercept=intercept,
        residual=float(solution.residual),
        chosen=_said(names, weights, solution),
    )
    std = model.std(val.genes)
    if std is None:
        return model
    return replace(model, variance_scale=float(np.mean(((val.score - model.labels(val.genes)) / std) ** 2)))


def _kernels(cell: Cell, genes: np.ndarray, options: PairKernelOptions) -> tuple[list[str], np.ndarray]:
    """The names of the kernels and their blocks `[k, N, n]` of all genes with the fitted ones."""
    of_networks = KERNELS[options.network_kernel]
    made = {name: of_networks(cell.graph[name], genes) for name in cell.graph.names}
    made |= {table.name: like_features(table.values, genes) for table in cell.features}
    blocks = np.zeros((len(made), len(cell.genes), len(genes)), np.float32)
    for block, kernel in zip(blocks, made.values(), strict=True):
        block[:] = kernel
    return list(made), blocks


def _system(train: GenotypeTable, val: GenotypeTable, genes: np.ndarray, intercept: float) -> System:
    position = np.full(train.num_genes + 1, len(genes), np.int32)
    position[genes] = np.arange(len(genes))

    def pairs(table: GenotypeTable) -> Pairs:
        first, second = (position[column] for column in columns_of_pairs(table.genes))
        # A pair with padding is none: both of its places lie in the row that is cut off.
        none = (first == len(genes)) | (second == len(genes))
        return Pairs(*(jnp.asarray(np.where(none, len(genes), column)) for column in (first, second)))

    def labels(table: GenotypeTable) -> Array:
        return jnp.asarray(table.score - intercept, jnp.float32)

    return System(pairs(train), labels(train), pairs(val), labels(val))


def _tuning_system(
    train: GenotypeTable, val: GenotypeTable, genes: np.ndarray, intercept: float
) -> tuple[System, np.ndarray]:
    """The genotypes to tune weights on, and which of the genes they are over."""
    if len(genes) <= MOST_TUNED:
        return _system(train, val, genes, intercept), np.arange(len(genes))
    counts = np.bincount(np.concatenate([train.genes, val.genes]).reshape(-1), minlength=train.num_genes)
    chosen = np.sort(np.argsort(-counts[genes], kind="stable")[:MOST_TUNED])
    outside = np.ones(train.num_genes + 1, bool)
    outside[genes[chosen]] = False
    outside[-1] = False  # padding
    inner_train, inner_val = (t.take(np.flatnonzero(~outside[t.genes].any(axis=1))) for t in (train, val))
    if not len(inner_train) or not len(inner_val):  # few genotypes over many genes: no part has enough
        return _system(train, val, genes, intercept), np.arange(len(genes))
    return _system(inner_train, inner_val, genes[chosen], intercept), chosen


def _first_weights(num_kernels: int) -> Weights:
    start = np.log(0.5 / max(num_kernels, 1))
    return Weights(
        kernels=jnp.full(num_kernels, start, jnp.float32),
        identity=jnp.log(0.3),
        constant=jnp.log(0.05),
        covariance=jnp.float32(-jnp.inf),
        noise=jnp.log(1.5),
        power=jnp.float32(0.0),
    )


def _with_covariance(weights: Weights) -> Weights:
    """Weights to go on from with another covariance of the profiles."""
    if np.isfinite(weights.covariance):
        return weights
    return weights._replace(covariance=jnp.log(0.3), power=jnp.float32(0.3))


def _no_profiles(num_rows: int, num_columns: int) -> Profiles:
    return Profiles(jnp.zeros((num_rows, num_columns)), jnp.ones(num_rows), jnp.ones(num_columns))


@jax.jit
def _profiles(kernel: Array, coefficients: Array, genes: Array) -> Profiles:
    """Of the effects that a kernel `[N, n]` and coefficients `[n, n]` give."""
    effects = kernel @ coefficients @ kernel[genes].T
    effects = effects.at[genes, jnp.arange(len(genes))].set(0)  # no gene has a pair with itself
    norm = jnp.linalg.norm(effects, axis=1)
    unit = effects / jnp.maximum(norm, 1e-12)[:, None]
    size = norm / jnp.maximum(norm[genes].mean(), 1e-12) + 1e-3
    return Profiles(unit @ unit[genes].T, size, size[genes])


def _part(profiles: Profiles, genes: np.ndarray, chosen: np.ndarray) -> Profiles:
    rows = genes[chosen]
    return Profiles(profiles.cosine[rows][:, chosen], profiles.size[rows], profiles.size_of_columns[chosen])


def _combine(kernels: Array, identity: Array, weights: Weights, profiles: Profiles) -> Array:
    """The kernel `[rows, n]` of one round.

    Args:
      kernels: `[k, rows, n]`.
      identity: `[rows, n]`, 1 where row and column are one gene.
      weights: of the kernels.
      profiles: rows as in `kernels`.
    """
    shared = jnp.tensordot(jnp.exp(weights.kernels), kernels, 1) + jnp.exp(weights.identity) * identity
    shared += jnp.exp(weights.covariance) * profiles.cosine
    scale = profiles.size[:, None] ** weights.power * profiles.size_of_columns[None, :] ** weights.power
    return shared * scale + jnp.exp(weights.constant)


@jax.jit
def _weighed(blocks: Array, weights: Weights, profiles: Profiles, genes: Array) -> tuple[Array, Array]:
    """The kernel `[N, n]` and its diagonal `[N]`."""
    identity = jnp.zeros(blocks.shape[1:]).at[genes, jnp.arange(len(genes))].set(1)
    kernel = _combine(blocks, identity, weights, profiles)
    # All kernels have ones on their diagonals.
    shared = jnp.exp(weights.kernels).sum() + jnp.exp(weights.identity) + jnp.exp(weights.covariance)
    own = shared * profiles.size ** (2 * weights.power) + jnp.exp(weights.constant)
    return kernel, own


@partial(jax.jit, static_argnames=("tolerance", "max_steps"))
def _solution(
    kernel: Array, weights: Weights, system: System, *, tolerance: float, max_steps: int
) -> Solution:
    return solve(
        kernel,
        jnp.exp(weights.noise),
        system.train,
        system.labels,
        jnp.zeros_like(system.labels),
        tolerance=tolerance,
        max_steps=max_steps,
    )


@jax.jit
@partial(jax.value_and_grad, has_aux=True)
def _error(
    weights: Weights, kernels: Array, profiles: Profiles, system: System, start: Array
) -> tuple[Array, Array]:
    """The mean squared error of the validation genotypes, and the coefficients that gave it."""
    kernel = _combine(kernels, jnp.eye(kernels.shape[1]), weights, profiles)
    noise = jnp.exp(weights.noise)
    solution = solve(
        kernel, noise, system.train, system.labels, start, tolerance=TUNING_TOLERANCE, max_steps=200
    )
    effects = kernel @ collect(system.train, solution.coefficients, len(kernel)) @ kernel
    return ((pair_sums(effects, system.val) - system.val_labels) ** 2).mean(), solution.coefficients


def _tune(
    weights: Weights, kernels: Array, profiles: Profiles, system: System, steps: int
) -> tuple[Weights, float]:
    """The best weights on the way of some steps of Adam, and their error."""
    adam = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))
    moments, coefficients = adam.init(weights), jnp.zeros_like(system.labels)
    best, kept = np.inf, weights
    for _ in range(steps):
        (error, coefficients), slope = _error(weights, kernels, profiles, system, coefficients)
        if float(error) < best:
            best, kept = float(error), weights
        change, moments = adam.update(slope, moments)
        weights = jax.tree.map(jnp.add, weights, change)
    return kept, best


def _draws(
    kernel: Array, weights: Weights, system: System, options: PairKernelOptions
) -> tuple[np.ndarray, float]:
    """The coefficients `[Q, n, n]` of labels drawn from the prior, and the unit they are kept in."""
    keys = jax.random.split(jax.random.key(0), options.num_samples)
    parts = [keys[start : start + DRAWS_AT_ONCE] for start in range(0, len(keys), DRAWS_AT_ONCE)]
    found = [np.asarray(_drawn(kernel, weights, system, part, options.max_solver_steps)) for part in parts]
    draws = np.concatenate(found) if found else np.zeros((0, *kernel.shape), np.float32)
    scale = float(np.abs(draws).max(initial=0)) or 1.0
    return (draws / scale).astype(np.float16), scale


@partial(jax.jit, static_argnames="max_steps")
def _drawn(kernel: Array, weights: Weights, system: System, keys: Array, max_steps: int) -> Array:
    """To a looser tolerance than the mean: it is the noise of the draws themselves that counts."""
    n, noise = len(kernel), jnp.exp(weights.noise)
    eigenvalues, vectors = jnp.linalg.eigh(kernel)
    root = vectors * jnp.sqrt(jnp.maximum(eigenvalues, JITTER * eigenvalues[-1]))

    def draw(key: Array) -> Array:
        of_effects, of_noise = jax.random.split(key)
        free = jax.random.normal(of_effects, (n, n))
        labels = pair_sums(root @ ((free + free.T) / np.sqrt(2)) @ root.T, system.train)
        labels += jnp.sqrt(noise) * jax.random.normal(of_noise, labels.shape)
        solution = solve(
            kernel,
            noise,
            system.train,
            labels,
            jnp.zeros_like(labels),
            tolerance=TUNING_TOLERANCE,
            max_steps=max_steps,
        )
        return collect(system.train, solution.coefficients, n)

    return jax.vmap(draw)(keys)


def _said(names: list[str], weights: Weights, solution: Solution) -> str:
    """The shares of the kernels, the largest first."""
    sizes = dict(zip(names, np.exp(weights.kernels).tolist(), strict=True))
    sizes |= {
        "own effects": float(np.exp(weights.identity)),
        "fitted profiles": float(np.exp(weights.covariance)),
    }
    total = sum(sizes.values())
    shares = sorted(((size / total, name) for name, size in sizes.items()), reverse=True)
    told = ", ".join(f"{name} {share:.0%}" for share, name in shares if share >= 0.01)
    return (
        f"kernel of {told}; noise {float(np.exp(weights.noise)):.3g}; residual {float(solution.residual):.0e}"
    )
