"""A fitted pair-kernel process in few numbers: the weights of its rounds, and a coefficient per genotype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.models.closed_form.pair_kernel import PairKernel
from gi_jax.models.closed_form.pair_kernel_genes import fitted_profiles, fixed_kernels, gene_kernel
from gi_jax.models.closed_form.pair_kernel_system import Genotypes, genotypes_of, system_of
from gi_jax.models.closed_form.pair_kernel_weights import Weights, between_studies, no_profiles
from gi_jax.models.model import Cell


class Round(NamedTuple):
    """What one round of a fit found."""

    weights: Weights
    coefficients: np.ndarray  # [M] float32, of the training genotypes


def model_of_rounds(
    train: GenotypeTable, val: GenotypeTable, cell: Cell, options: PairKernelOptions, rounds: Sequence[Round]
) -> PairKernel:
    """The model that a fit found, its kernel of N x n numbers made anew; without standard deviations.

    Args:
      train: the genotypes that were fitted, in their order then, labels being in place of the scores.
      val: those that chose the weights; their genes have columns of the kernel too.
      cell: as it was then.
      options: likewise.
      rounds: of `fit_in_rounds`.
    """
    genes = np.unique(np.concatenate([t.genes[t.genes < t.num_genes] for t in (train, val)])).astype(np.int64)
    _, blocks = fixed_kernels(cell, genes, options)
    data = genotypes_of(train, val, apart=options.studies == "apart")
    system, profiles = system_of(data, genes), no_profiles(len(cell.genes), len(genes))
    for before in rounds[:-1]:
        kernel, _ = gene_kernel(blocks, before.weights, profiles, genes)
        parts = [jnp.asarray(before.coefficients[data.rows(t)[0]]) for t in range(len(data.intercepts))]
        profiles = fitted_profiles(kernel, before.weights, system, parts, genes)
    kernel, own = gene_kernel(blocks, rounds[-1].weights, profiles, genes)
    return fitted_model(train, genes, data, kernel, own, rounds[-1])


def fitted_model(
    train: GenotypeTable, genes: np.ndarray, data: Genotypes, kernel: Array, own: Array, last: Round
) -> PairKernel:
    """The model of a round whose kernel `[N, n]` and diagonal `[N]` are known; no draws yet."""
    weights = last.weights
    return PairKernel(
        genes=genes,
        kernel=np.asarray(kernel),
        own=np.asarray(own),
        constant=float(jnp.exp(weights.constant)),
        measured=_columns(train, genes),
        study=data.train.study.astype(np.int32),
        coefficients=last.coefficients,
        draws=np.zeros((0, len(train)), np.float16),
        draw_scale=1.0,
        between=np.asarray(between_studies(weights), np.float64),
        noise=np.exp(np.asarray(weights.noise, np.float64)),
        variance_scale=np.ones(len(data.intercepts)),
        intercept=data.intercepts,
        residual=0.0,
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
