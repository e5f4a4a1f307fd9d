"""How the pair-kernel process is fitted: kernels of genes, their weights, the linear system."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form.kernel_parts import DIFFUSION, KernelParts
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.models.closed_form.pair_kernel import PairKernel
from gi_jax.models.closed_form.pair_kernel_system import (
    Genotypes,
    genotypes_of,
    system_of,
    system_to_tune_on,
)
from gi_jax.models.closed_form.pair_kernel_weights import (
    TUNING_TOLERANCE,
    Profiles,
    System,
    Weights,
    between_studies,
    first_weights,
    no_profiles,
    part_of_profiles,
    scaled,
    tune,
    with_covariance,
)
from gi_jax.models.model import Cell
from gi_jax.ops.gene_kernels import diffusion, like_features, shared_neighbours
from gi_jax.ops.pair_kernel import Solution, collect, pair_sums, solve

LOGGER = logging.getLogger(__name__)
KERNELS: dict[str, Callable[..., np.ndarray]] = {
    "shared_neighbours": shared_neighbours,
    "diffusion": diffusion,
}
NUMBERS_AT_ONCE = 4 * 1024**2  # entries of matrices that draws are solved for at once
ROUNDING = 2.0  # how many times the tolerance the residual may be, which float32 adds to
JITTER = 1e-5  # of the largest eigenvalue, below which one is rounding


def fit_pair_kernel(
    train: GenotypeTable, val: GenotypeTable, cell: Cell, options: PairKernelOptions
) -> PairKernel:
    """Fits `PairKernel` to training genotypes, labels being in place of the scores.

    The kernel is `s_i s_j (sum_k w_k K_k + w_I I + w_C C)_ij + a`: K_k of the networks and feature tables of
    the cell, C the cosine of the genes' fitted profiles (rows of F) and s_i a power of the size of gene i's
    profile, both from the fit of the round before; C = 0 and s = 1 in the first. Weights, noise, power and
    the covariance between studies minimise the squared error of the validation genotypes, by Adam on their
    logarithms through the solution of the linear system. With more than 800 genes that is done on 800 of
    them, see `system_to_tune_on`.

    Raises:
      GiJaxError: the linear system does not come to `options.tolerance` in `options.max_solver_steps`.
    """
    genes = np.unique(np.concatenate([t.genes[t.genes < t.num_genes] for t in (train, val)])).astype(np.int64)
    names, blocks = _kernels(cell, genes, options)
    data = genotypes_of(train, val, apart=options.studies == "apart")
    system = system_of(data, genes)
    tuned, chosen_genes = system_to_tune_on(data, genes)
    profiles = no_profiles(len(cell.genes), len(genes))
    weights = first_weights(len(names), len(data.intercepts))
    best, fitted = np.inf, None
    for number in range(1 + options.covariance_rounds):
        LOGGER.info(
            "round %d of %d of tuning the kernel's weights", number + 1, 1 + options.covariance_rounds
        )
        kernels = jnp.asarray(blocks[:, genes[chosen_genes]][:, :, chosen_genes])
        part = part_of_profiles(profiles, genes, chosen_genes)
        weights, error = tune(weights, kernels, part, tuned, options.tuning_steps)
        kernel, own = _weighed(blocks, weights, profiles, genes)
        solution = solve_checked(kernel[genes], weights, system, options)
        LOGGER.info(
            "mean squared error of the validation labels %.4f; %s", error, _said(names, weights, solution)
        )
        if error < best:
            best, fitted = (
                error,
                (weights, kernel, own, solution, _parts(names, weights, profiles, cell, options)),
            )
        if number < options.covariance_rounds:
            profiles = _profiles(kernel, weights, system, solution, genes)
            weights = with_covariance(weights)
    assert fitted is not None, "there is a round or more"
    weights, kernel, own, solution, parts = fitted
    if options.num_samples:
        LOGGER.info("drawing %d times from the prior, for standard deviations", options.num_samples)
    draws, draw_scale = _draws(kernel[genes], weights, system, data, options)
    model = PairKernel(
        genes=genes,
        kernel=np.asarray(kernel),
        own=np.asarray(own),
        constant=float(jnp.exp(weights.constant)),
        measured=_columns(train, genes),
        study=data.train.study.astype(np.int32),
        coefficients=_in_order(solution.coefficients, data),
        draws=draws,
        draw_scale=draw_scale,
        between=np.asarray(between_studies(weights), np.float64),
        noise=np.exp(np.asarray(weights.noise, np.float64)),
        variance_scale=np.ones(len(data.intercepts)),
        intercept=data.intercepts,
        residual=float(solution.residual),
        chosen=_said(names, weights, solution),
        parts=parts,
    )
    return replace(model, variance_scale=_variance_scales(model, data)) if options.num_samples else model


def solve_checked(kernel: Array, weights: Weights, system: System, options: PairKernelOptions) -> Solution:
    """The coefficients of a system with given kernel `[n, n]` and weights.

    Raises:
      GiJaxError: it does not come to `options.tolerance` in `options.max_solver_steps`.
    """
    solution = _solution(
        kernel, weights, system, tolerance=options.tolerance, max_steps=options.max_solver_steps
    )
    if solution.residual > ROUNDING * options.tolerance:
        raise GiJaxError(
            f"the linear system of the pair_kernel model came to a relative residual of "
            f"{float(solution.residual):.1e} in {options.max_solver_steps:,} steps, expected "
            f"{options.tolerance:.0e}; raise model.max_solver_steps or model.tolerance"
        )
    return solution


def _kernels(cell: Cell, genes: np.ndarray, options: PairKernelOptions) -> tuple[list[str], np.ndarray]:
    """The names of the kernels and their blocks `[k, N, n]` of all genes with the fitted ones."""
    of_networks = KERNELS[options.network_kernel]
    made: dict[str, Callable[[], np.ndarray]] = {
        name: partial(of_networks, cell.graph[name], genes) for name in cell.graph.names
    }
    made |= {table.name: partial(like_features, table.values, genes) for table in cell.features}
    blocks = np.zeros((len(made), len(cell.genes), len(genes)), np.float32)
    for block, kernel in zip(blocks, made.values(), strict=True):
        block[:] = kernel()
    return list(made), blocks


def _weighed(
    blocks: np.ndarray, weights: Weights, profiles: Profiles, genes: np.ndarray
) -> tuple[Array, Array]:
    """The kernel `[N, n]` and its diagonal `[N]`; one block at a time is on the device."""
    sizes = jnp.exp(weights.kernels)
    shared = jnp.zeros(blocks.shape[1:]).at[genes, jnp.arange(len(genes))].set(jnp.exp(weights.identity))
    for size, block in zip(sizes, blocks, strict=True):
        shared = _add(shared, size, block)
    # All kernels have ones on their diagonals.
    total = sizes.sum() + jnp.exp(weights.identity) + jnp.exp(weights.covariance)
    own = total * profiles.size ** (2 * weights.power) + jnp.exp(weights.constant)
    return jax.jit(scaled)(shared, weights, profiles), own


def _parts(
    names: list[str], weights: Weights, profiles: Profiles, cell: Cell, options: PairKernelOptions
) -> KernelParts:
    if options.network_kernel == "diffusion":
        names = [name + DIFFUSION if name in cell.graph else name for name in names]
    sizes = np.exp(np.asarray([*weights.kernels, weights.identity, weights.covariance], np.float64))
    return KernelParts(tuple(names), sizes, np.asarray(profiles.size**weights.power, np.float64))


@partial(jax.jit, donate_argnums=0)
def _add(total: Array, weight: Array, block: Array) -> Array:
    return total + weight * block


@partial(jax.jit, static_argnames=("tolerance", "max_steps"))
def _solution(
    kernel: Array, weights: Weights, system: System, *, tolerance: float, max_steps: int
) -> Solution:
    return solve(
        kernel,
        between_studies(weights),
        jnp.exp(weights.noise),
        system.train,
        system.labels,
        jax.tree.map(jnp.zeros_like, system.labels),
        tolerance=tolerance,
        max_steps=max_steps,
    )


def _profiles(
    kernel: Array, weights: Weights, system: System, solution: Solution, genes: np.ndarray
) -> Profiles:
    """Of the effects with a study's genes that a kernel `[N, n]` and the coefficients give, side by side."""
    between, n = between_studies(weights), len(genes)
    collected = [
        jnp.zeros((n, n)).at[jnp.ix_(s.genes, s.genes)].set(collect(s.pairs, a, len(s.genes)))
        for s, a in zip(system.train, solution.coefficients, strict=True)
    ]
    products, squares = jnp.zeros(kernel.shape), jnp.zeros(len(kernel))
    for t, study in enumerate(system.train):
        mixed = sum(between[t, s] * part for s, part in enumerate(collected))
        own = genes[np.asarray(study.genes)]
        found, square = _profile_products(kernel, mixed, genes, own)
        products, squares = products + found, squares + square
    norm = jnp.sqrt(squares)
    safe = jnp.maximum(norm, 1e-12)
    size = norm / jnp.maximum(norm[genes].mean(), 1e-12) + 1e-3
    return Profiles(products / safe[:, None] / safe[genes], size, size[genes])


@jax.jit
def _profile_products(kernel: Array, mixed: Array, genes: Array, own: Array) -> tuple[Array, Array]:
    """Scalar products `[N, n]` of the genes' effects with the genes `own`, and their squares `[N]`."""
    effects = kernel @ mixed @ kernel[own].T
    effects = effects.at[own, jnp.arange(len(own))].set(0)  # no gene has a pair with itself
    return effects @ effects[genes].T, (effects**2).sum(axis=1)


def _draws(
    kernel: Array, weights: Weights, system: System, data: Genotypes, options: PairKernelOptions
) -> tuple[np.ndarray, float]:
    """The coefficients `[Q, M]` of labels drawn from the prior, and the unit they are kept in."""
    keys = jax.random.split(jax.random.key(0), options.num_samples)
    at_once = max(1, NUMBERS_AT_ONCE // kernel.size)
    found = []
    for start in range(0, len(keys), at_once):
        drawn = _drawn(kernel, weights, system, keys[start : start + at_once], options.max_solver_steps)
        held = [np.asarray(part) for part in drawn]
        found += [_in_order([part[q] for part in held], data) for q in range(len(held[0]))]
    draws = np.stack(found) if found else np.zeros((0, len(data.train)), np.float32)
    scale = float(np.abs(draws).max(initial=0)) or 1.0
    return (draws / scale).astype(np.float16), scale


@partial(jax.jit, static_argnames="max_steps")
def _drawn(kernel: Array, weights: Weights, system: System, keys: Array, max_steps: int) -> tuple[Array, ...]:
    """To a looser tolerance than the mean: it is the noise of the draws themselves that counts."""
    n, noise = len(kernel), jnp.exp(weights.noise)
    between = between_studies(weights)
    between_root = jnp.linalg.cholesky(between)
    eigenvalues, vectors = jnp.linalg.eigh(kernel)
    root = vectors * jnp.sqrt(jnp.maximum(eigenvalues, JITTER * eigenvalues[-1]))

    def draw(key: Array) -> tuple[Array, ...]:
        of_effects, of_noise = jax.random.split(key)
        free = jax.random.normal(of_effects, (len(system.train), n, n))
        independent = root @ ((free + free.swapaxes(1, 2)) / np.sqrt(2)) @ root.T
        labels = []
        for t, (study, own) in enumerate(
            zip(system.train, jax.random.split(of_noise, len(noise)), strict=True)
        ):
            drawn = jnp.tensordot(between_root[t], independent, 1)[study.genes][:, study.genes]
            measured = pair_sums(drawn, study.pairs)
            labels.append(measured + jnp.sqrt(noise[t]) * jax.random.normal(own, measured.shape))
        solution = solve(
            kernel,
            between,
            noise,
            system.train,
            tuple(labels),
            jax.tree.map(jnp.zeros_like, tuple(labels)),
            tolerance=TUNING_TOLERANCE,
            max_steps=max_steps,
        )
        return solution.coefficients

    return jax.vmap(draw)(keys)


def _columns(table: GenotypeTable, genes: np.ndarray) -> np.ndarray:
    """The genotypes `[M, S]` in columns of the kernel."""
    column = np.full(table.num_genes + 1, len(genes), np.int32)
    column[genes] = np.arange(len(genes))
    return column[table.genes]


def _in_order(parts: tuple[Array, ...] | list[np.ndarray], data: Genotypes) -> np.ndarray:
    """What stands by study, `[M_t]` each, in the order of the training genotypes `[M]`."""
    joined = np.zeros(len(data.train), np.float32)
    for study, part in enumerate(parts):
        joined[data.rows(study)[0]] = part
    return joined


def _variance_scales(model: PairKernel, data: Genotypes) -> np.ndarray:
    """The mean square `[T]` of the validation errors in predicted deviations; 1 for a study without any."""
    scales = np.ones(len(data.intercepts))
    for study in range(len(scales)):
        table = data.val.take(data.rows(study)[1])
        if len(table):
            found = model.of_study(study).predict(table)
            scales[study] = np.mean(((table.score - found.members[0]) / found.std) ** 2)
    return scales


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
    noise = ", ".join(f"{value:.3g}" for value in np.exp(np.asarray(weights.noise)))
    between = np.asarray(between_studies(weights))
    deviations = np.sqrt(np.diag(between))
    correlated = "".join(
        f"; correlation of studies {s + 1} and {t + 1} {between[s, t] / deviations[s] / deviations[t]:.2f}"
        for s in range(len(between))
        for t in range(s + 1, len(between))
    )
    return f"kernel of {told}; noise {noise}{correlated}; residual {float(solution.residual):.0e}"
