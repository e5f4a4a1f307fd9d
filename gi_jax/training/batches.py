"""Training genotypes that live on the device, and batches cut from them inside the compiled step."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import GenotypeBatch


class TrainingData(NamedTuple):
    """M labelled genotypes: a few integers and a float each, so all of them stay on the device."""

    genes: Array  # [M, S] int32, gene ids, then N
    sizes: Array  # [M] int32
    labels: Array  # [M, 1], transformed scores
    prior: Array | None = None  # [M, 1], labels to which the model adds

    @property
    def num_genotypes(self) -> int:
        """M."""
        return self.sizes.shape[0]


def training_data(
    table: GenotypeTable, labels: np.ndarray, dtype: jnp.dtype, prior: np.ndarray | None = None
) -> TrainingData:
    """Moves genotypes, their labels `[M]` and, where there is one, their prior `[M]` to the device."""
    genes, sizes = jnp.asarray(table.genes, jnp.int32), jnp.asarray(table.sizes, jnp.int32)
    below = None if prior is None else jnp.asarray(prior[:, None], dtype)
    return TrainingData(genes, sizes, jnp.asarray(labels[:, None], dtype), below)


def num_batches(num_genotypes: int, batch_size: int) -> int:
    """Batches of an epoch; the last one may be padded."""
    return -(-num_genotypes // batch_size)


@partial(jax.jit, static_argnames=("num_genotypes", "batch_size"))
def epoch_order(rng: Array, epoch: Array, *, num_genotypes: int, batch_size: int) -> Array:
    """The rows of an epoch in random order, then the padding row M up to whole batches: `[steps * B]` int32.

    Made on the device from the run's key and the epoch number alone, so that any epoch can be
    repeated and no batch costs a transfer.
    """
    key = jax.random.fold_in(jax.random.wrap_key_data(rng), epoch)
    rows = jax.random.permutation(key, jnp.arange(num_genotypes, dtype=jnp.int32))
    padding = num_batches(num_genotypes, batch_size) * batch_size - num_genotypes
    return jnp.pad(rows, (0, padding), constant_values=num_genotypes)


def rows_at(order: Array, position: Array, batch_size: int) -> Array:
    """Rows of batch number `position` of an epoch: `[B]` int32, M for padding."""
    return jax.lax.dynamic_slice(order, (position * batch_size,), (batch_size,))


def take_batch(data: TrainingData, rows: Array, num_genes: int) -> tuple[GenotypeBatch, Array]:
    """Genotypes and labels `[B, 1]` at `rows` `[B]`; row M is an empty genotype that is not valid."""
    batch = GenotypeBatch(
        genes=data.genes.at[rows].get(mode="fill", fill_value=num_genes),
        sizes=data.sizes.at[rows].get(mode="fill", fill_value=0),
        valid=rows < data.num_genotypes,
    )
    return batch, data.labels.at[rows].get(mode="fill", fill_value=0)


def add_prior(predictions: Array, data: TrainingData, rows: Array) -> Array:
    """Predictions `[B, 1]` of the genotypes at `rows`, added to the prior if there is one."""
    if data.prior is None:
        return predictions
    return predictions + data.prior.at[rows].get(mode="fill", fill_value=0)
