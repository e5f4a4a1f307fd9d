"""How the pair-kernel process is fitted: kernels of genes, their weights, the linear system."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable, deleted_genes
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.models.closed_form.pair_kernel import PairKernel
from gi_jax.models.closed_form.pair_kernel_genes import (
    fitted_profiles,
    fixed_kernels,
    gene_kernel,
    parts_of_kernel,
)
from gi_jax.models.closed_form.pair_kernel_rounds import (
    factorised,
    fitted_model,
    in_order,
    solve_checked,
)
from gi_jax.models.closed_form.pair_kernel_system import (
    Genotypes,
    genotypes_of,
    system_of,
    system_to_tune_on,
)
from gi_jax.models.closed_form.pair_kernel_weights import (
    TUNING_TOLERANCE,
    System,
    Weights,
    between_studies,
    first_weights,
    no_profiles,
    part_of_profiles,
    tune,
    with_covariance,
)
from gi_jax.models.model import Cell
from gi_jax.ops.pair_kernel import Solution, pair_sums, solve

LOGGER = logging.getLogger(__name__)
NUMBERS_AT_ONCE = 4 * 1024**2  # entries of matrices that draws are solved for at once
JITTER = 1e-5  # of the largest eigenvalue, below which one is rounding


class FitInRounds(NamedTuple):
    """The model of the best round, and what `model_of_weights` makes it again from: every round up to it."""

    model: PairKernel
    weights: tuple[Weights, ...]
    coefficients: tuple[np.ndarray, ...]  # [M] of the training genotypes


def fit_pair_kernel(
    train: GenotypeTable, val: GenotypeTable, cell: Cell, options: PairKernelOptions
) -> PairKernel:
    """Fits the process, see `fit_in_rounds`, and forgets the rounds."""
    return fit_in_rounds(train, val, cell, options).model


def fit_in_rounds(
    train: GenotypeTable, val: GenotypeTable, cell: Cell, options: PairKernelOptions
) -> FitInRounds:
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
    genes = deleted_genes(train, val)
    names, blocks = fixed_kernels(cell, genes, options)
    data = genotypes_of(train, val, apart=options.studies == "apart")
    system = system_of(data, genes)
    tuned, chosen_genes = system_to_tune_on(data, genes)
    profiles = no_profiles(len(cell.genes), len(genes))
    weights = first_weights(len(names), len(data.intercepts))
    best, fitted, rounds, coefficients = np.inf, None, [], []
    for number in range(1 + options.covariance_rounds):
        LOGGER.info(
            "round %d of %d of tuning the kernel's weights", number + 1, 1 + options.covariance_rounds
        )
        kernels = jnp.asarray(blocks[:, genes[chosen_genes]][:, :, chosen_genes])
        part = part_of_profiles(profiles, genes, chosen_genes)
        weights, error = tune(weights, kernels, part, tuned, options.tuning_steps)
        kernel, own = gene_kernel(blocks, weights, profiles, genes)
        solution = solve_checked(kernel[genes], weights, system, options)
        LOGGER.info(
            "mean squared error of the validation labels %.4f; %s", error, _said(names, weights, solution)
        )
        rounds.append(weights)
        coefficients.append(in_order(solution.coefficients, data))
        if error < best:
            parts = parts_of_kernel(names, weights, profiles, cell, options)
            best, fitted = error, (len(rounds), kernel, own, parts, solution)
        if number < options.covariance_rounds:
            profiles = fitted_profiles(kernel, weights, system, solution.coefficients, genes)
            weights = with_covariance(weights)
    assert fitted is not None, "there is a round or more"
    count, kernel, own, parts, solution = fitted
    weights = rounds[count - 1]
    if options.num_samples:
        LOGGER.info("drawing %d times from the prior, for standard deviations", options.num_samples)
    draws, draw_scale = _draws(kernel[genes], weights, system, data, options)
    model = replace(
        fitted_model(train, genes, data, kernel, own, parts, weights, solution),
        draws=draws,
        draw_scale=draw_scale,
        chosen=_said(names, weights, solution),
    )
    if options.num_samples:
        model = replace(model, variance_scale=_variance_scales(model, data))
    return FitInRounds(model, tuple(rounds[:count]), tuple(coefficients[:count]))


def _draws(
    kernel: Array, weights: Weights, system: System, data: Genotypes, options: PairKernelOptions
) -> tuple[np.ndarray, float]:
    """The coefficients `[Q, M]` of labels drawn from the prior, and the unit they are kept in."""
    keys = jax.random.split(jax.random.key(0), options.num_samples)
    direct = factorised(kernel, weights, system) if len(keys) else None
    at_once = max(1, NUMBERS_AT_ONCE // kernel.size)
    found = []
    for start in range(0, len(keys), at_once):
        labels = _drawn_labels(kernel, weights, system, keys[start : start + at_once])
        if direct is None:
            drawn = _of_labels(kernel, weights, system, labels, options.max_solver_steps)
        else:
            one_by_one = zip(*(np.asarray(part) for part in labels), strict=True)
            drawn = map(np.stack, zip(*(direct.solve(own).coefficients for own in one_by_one), strict=True))
        held = [np.asarray(part) for part in drawn]
        found += [in_order([part[q] for part in held], data) for q in range(len(held[0]))]
    draws = np.stack(found) if found else np.zeros((0, len(data.train)), np.float32)
    scale = float(np.abs(draws).max(initial=0)) or 1.0
    return (draws / scale).astype(np.float16), scale


@jax.jit
def _drawn_labels(kernel: Array, weights: Weights, system: System, keys: Array) -> tuple[Array, ...]:
    """Labels `[Q, M_t]` of every study, drawn from the prior."""
    n, noise = len(kernel), jnp.exp(weights.noise)
    between_root = jnp.linalg.cholesky(between_studies(weights))
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
        return tuple(labels)

    return jax.vmap(draw)(keys)


@partial(jax.jit, static_argnames="max_steps")
def _of_labels(
    kernel: Array, weights: Weights, system: System, labels: tuple[Array, ...], max_steps: int
) -> tuple[Array, ...]:
    """The coefficients `[Q, M_t]` of such labels, to a looser tolerance than the mean: it is the noise of the
    draws themselves that counts.
    """
    between, noise = between_studies(weights), jnp.exp(weights.noise)

    def one(labels: tuple[Array, ...]) -> tuple[Array, ...]:
        start = jax.tree.map(jnp.zeros_like, labels)
        limits = {"tolerance": TUNING_TOLERANCE, "max_steps": max_steps}
        return solve(kernel, between, noise, system.train, labels, start, **limits).coefficients

    return jax.vmap(one)(labels)


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
