"""The pair-kernel process of given weights: the linear systems of its rounds, solved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable, deleted_genes
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form.kernel_parts import KernelParts
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.models.closed_form.pair_kernel import PairKernel
from gi_jax.models.closed_form.pair_kernel_genes import (
    fitted_profiles,
    fixed_kernels,
    gene_kernel,
    parts_of_kernel,
)
from gi_jax.models.closed_form.pair_kernel_system import Genotypes, genotypes_of, system_of
from gi_jax.models.closed_form.pair_kernel_weights import System, Weights, between_studies, no_profiles
from gi_jax.models.model import Cell
from gi_jax.ops.pair_kernel import Solution, solve
from gi_jax.ops.pair_kernel_direct import Factorised, is_cheaper

ROUNDING = 2.0  # how many times the tolerance the residual may be, which float32 adds to


def model_of_weights(
    train: GenotypeTable,
    val: GenotypeTable,
    cell: Cell,
    options: PairKernelOptions,
    rounds: Sequence[Weights],
    coefficients: Sequence[np.ndarray] = (),
) -> PairKernel:
    """The model that a fit found, solved for again; without standard deviations.

    Args:
      train: the genotypes that were fitted, labels being in place of the scores.
      val: those that chose the weights; their genes have columns of the kernel too.
      cell: as it was then.
      options: likewise.
      rounds: the weights of every round of a fit.
      coefficients: `[M]` of every round, if they are known; they are solved for if not.

    Raises:
      GiJaxError: a linear system does not come to `options.tolerance` in `options.max_solver_steps`.
    """
    genes = deleted_genes(train, val)
    names, blocks = fixed_kernels(cell, genes, options)
    data = genotypes_of(train, val, apart=options.studies == "apart")
    system, profiles = system_of(data, genes), no_profiles(len(cell.genes), len(genes))

    def solution_of(number: int, kernel: Array) -> Solution:
        if not coefficients:
            return solve_checked(kernel[genes], rounds[number], system, options)
        parts = (coefficients[number][data.rows(t)[0]] for t in range(len(data.intercepts)))
        return Solution(tuple(map(jnp.asarray, parts)), jnp.float32(0))

    for number, weights in enumerate(rounds[:-1]):
        kernel, _ = gene_kernel(blocks, weights, profiles, genes)
        found = solution_of(number, kernel).coefficients
        profiles = fitted_profiles(kernel, weights, system, found, genes)
    kernel, own = gene_kernel(blocks, rounds[-1], profiles, genes)
    solution = solution_of(len(rounds) - 1, kernel)
    parts = parts_of_kernel(names, rounds[-1], profiles, cell, options)
    return fitted_model(train, genes, data, kernel, own, parts, rounds[-1], solution)


def fitted_model(
    train: GenotypeTable,
    genes: np.ndarray,
    data: Genotypes,
    kernel: Array,
    own: Array,
    parts: KernelParts,
    weights: Weights,
    solution: Solution,
) -> PairKernel:
    """The model of a round whose kernel `[N, n]`, diagonal `[N]` and solution are known; no draws yet."""
    return PairKernel(
        genes=genes,
        kernel=np.asarray(kernel),
        own=np.asarray(own),
        constant=float(jnp.exp(weights.constant)),
        measured=_columns(train, genes),
        study=data.train.study.astype(np.int32),
        coefficients=in_order(solution.coefficients, data),
        draws=np.zeros((0, len(train)), np.float16),
        draw_scale=1.0,
        between=np.asarray(between_studies(weights), np.float64),
        noise=np.exp(np.asarray(weights.noise, np.float64)),
        variance_scale=np.ones(len(data.intercepts)),
        intercept=data.intercepts,
        residual=float(solution.residual),
        explained_roots=np.zeros(0, np.float32),
        parts=parts,
    )


def solve_checked(kernel: Array, weights: Weights, system: System, options: PairKernelOptions) -> Solution:
    """The coefficients of a system with given kernel `[n, n]` and weights.

    Raises:
      GiJaxError: it does not come to `options.tolerance` in `options.max_solver_steps`.
    """
    if (direct := factorised(kernel, weights, system)) is not None:
        solution = direct.solve([np.asarray(part) for part in system.labels])
    else:
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


def factorised(kernel: Array, weights: Weights, system: System) -> Factorised | None:
    """The factorised covariance of all training genotypes, where that is the cheaper way."""
    if not is_cheaper(sum(map(len, system.labels)), len(kernel)):
        return None
    between, noise = np.asarray(between_studies(weights)), np.exp(np.asarray(weights.noise))
    return Factorised(np.asarray(kernel), between, noise, system.train)


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


def in_order(parts: Sequence[Array] | Sequence[np.ndarray], data: Genotypes) -> np.ndarray:
    """What stands by study, `[M_t]` each, in the order of the training genotypes `[M]`."""
    joined = np.zeros(len(data.train), np.float32)
    for study, part in enumerate(parts):
        joined[data.rows(study)[0]] = part
    return joined


def _columns(table: GenotypeTable, genes: np.ndarray) -> np.ndarray:
    """The genotypes `[M, S]` in columns of the kernel."""
    column = np.full(table.num_genes + 1, len(genes), np.int32)
    column[genes] = np.arange(len(genes))
    return column[table.genes]
