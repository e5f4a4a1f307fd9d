"""Epoch orders and batches cut from data on the device."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from gi_jax.training.batches import TrainingData, epoch_order, num_batches, rows_at, take_batch


def test_every_epoch_is_another_permutation_padded_to_whole_batches() -> None:
    rng = jax.random.key_data(jax.random.key(3))
    orders = [np.asarray(epoch_order(rng, epoch, num_genotypes=10, batch_size=4)) for epoch in (0, 0, 1)]
    assert num_batches(10, 4) == 3
    for order in orders:
        assert order.shape == (12,)
        assert sorted(order[:10]) == list(range(10))
        assert list(order[10:]) == [10, 10]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert (orders[0] != orders[2]).any()


def test_the_padding_row_is_an_empty_genotype_that_is_not_valid() -> None:
    data = TrainingData(jnp.array([[1, 2], [3, 9]]), jnp.array([2, 1]), jnp.array([[0.5], [-1.0]]))
    rows = rows_at(jnp.array([7, 7, 1, 2]), jnp.int32(1), 2)
    batch, labels = take_batch(data, rows, num_genes=9)
    np.testing.assert_array_equal(batch.genes, [[3, 9], [9, 9]])
    np.testing.assert_array_equal(batch.sizes, [1, 0])
    np.testing.assert_array_equal(batch.valid, [True, False])
    np.testing.assert_array_equal(labels, [[-1.0], [0.0]])
