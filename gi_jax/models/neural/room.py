"""The room for changed rows that serves every batch of an order."""

from __future__ import annotations

import numpy as np

from gi_jax.ops.capacity import RowNeeds
from gi_jax.ops.changed_rows import Capacity


def padded_order(rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Row numbers filled up to whole batches with the padding row M = `len(rows)`: `[steps * B]` int32."""
    order = np.full(-(-len(rows) // batch_size) * batch_size, len(rows), np.int32)
    order[: len(rows)] = rows
    return order


def choose_capacity(
    needs: RowNeeds | None, need: np.ndarray | None, num_genes: int, batch_size: int
) -> Capacity | None:
    """Room for batches that need at most `need`; None where computing all rows costs no more.

    Args:
      needs: of the genotypes, None for a model that computes all rows anyway.
      need: as `RowNeeds.largest` or `RowNeeds.expected` give it.
    """
    if needs is None:
        return None
    return if_it_pays(needs.capacity(need), num_genes, batch_size)


def if_it_pays(capacity: Capacity, num_genes: int, batch_size: int) -> Capacity | None:
    """The capacity, or None where computing all rows of a batch costs no more."""
    return capacity if 2 * capacity.union < num_genes * batch_size else None
