"""How much room for changed rows a batch needs, so that one compiled program serves all batches."""

from __future__ import annotations

import numpy as np

from gi_jax.ops.changed_rows import Capacity, capacity_for


def padded_order(rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Row numbers filled up to whole batches with the padding row M = `len(rows)`: `[steps * B]` int32."""
    order = np.full(-(-len(rows) // batch_size) * batch_size, len(rows), np.int32)
    order[: len(rows)] = rows
    return order


def row_needs(bounds: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Rows of the first layer that each genotype may change: `[M + 1, G + 1]`, row M (padding) is 0.

    Args:
      bounds: `[N + 1, G + 1]`, see `gi_jax.ops.changed_rows.row_bounds`.
      genes: `[M, S]` gene ids, then N.
    """
    needs = sum(bounds[genes[:, column]] for column in range(genes.shape[1]))
    return np.concatenate([needs, np.zeros((1, bounds.shape[1]), bounds.dtype)])


def largest_batch_need(needs: np.ndarray, order: np.ndarray, batch_size: int) -> np.ndarray:
    """The most rows that any batch of an epoch's padded order may change: `[G + 1]`."""
    return needs[order].reshape(-1, batch_size, needs.shape[1]).sum(axis=1).max(axis=0)


def expected_batch_need(needs: np.ndarray, batch_size: int, deviations: float = 6.0) -> np.ndarray:
    """Rows that shuffled batches rarely exceed: mean plus `deviations` standard deviations, `[G + 1]`.

    No batch needs more than its largest genotypes together, which bounds the estimate.
    """
    genotypes = needs[:-1]
    spread = deviations * genotypes.std(axis=0) * np.sqrt(batch_size)
    largest = np.sort(genotypes, axis=0)[-batch_size:].sum(axis=0)
    return np.minimum(np.ceil(genotypes.mean(axis=0) * batch_size + spread), largest).astype(np.int64)


def choose_capacity(need: np.ndarray, num_genes: int, batch_size: int) -> Capacity | None:
    """Room for `need` changed rows, or None where listing them costs more than computing all rows."""
    return capacity_for(need) if 2 * need[-1] < num_genes * batch_size else None
