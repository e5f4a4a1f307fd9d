"""The kernel over genes of one round of a fit of the pair-kernel process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.models.closed_form.kernel_parts import DIFFUSION, KernelParts
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.models.closed_form.pair_kernel_weights import (
    Profiles,
    System,
    Weights,
    between_studies,
    scaled,
)
from gi_jax.models.model import Cell
from gi_jax.ops.gene_kernels import diffusion, like_features, shared_neighbours
from gi_jax.ops.pair_kernel import collect

KERNELS: dict[str, Callable[..., np.ndarray]] = {
    "shared_neighbours": shared_neighbours,
    "diffusion": diffusion,
}


def fixed_kernels(cell: Cell, genes: np.ndarray, options: PairKernelOptions) -> tuple[list[str], np.ndarray]:
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


def gene_kernel(
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


def parts_of_kernel(
    names: Sequence[str], weights: Weights, profiles: Profiles, cell: Cell, options: PairKernelOptions
) -> KernelParts:
    """What the kernel of a round is made of."""
    if options.network_kernel == "diffusion":
        names = [name + DIFFUSION if name in cell.graph else name for name in names]
    sizes = np.exp(np.asarray([*weights.kernels, weights.identity, weights.covariance], np.float64))
    return KernelParts(tuple(names), sizes, np.asarray(profiles.size**weights.power, np.float64))


@partial(jax.jit, donate_argnums=0)
def _add(total: Array, weight: Array, block: Array) -> Array:
    return total + weight * block


def fitted_profiles(
    kernel: Array, weights: Weights, system: System, coefficients: Sequence[Array], genes: np.ndarray
) -> Profiles:
    """Of the effects with a study's genes that a kernel `[N, n]` and the coefficients give, side by side."""
    between, n = between_studies(weights), len(genes)
    collected = [
        jnp.zeros((n, n)).at[jnp.ix_(s.genes, s.genes)].set(collect(s.pairs, a, len(s.genes)))
        for s, a in zip(system.train, coefficients, strict=True)
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
