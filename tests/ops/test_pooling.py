"""The pooled difference: the same from every form of states, and exact where a subtraction is not."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.data.genotypes import genotype_batch
from gi_jax.ops.keep_mask import keep_mask
from gi_jax.ops.node_states import NodeStates, SharedColumn
from gi_jax.ops.pooling import pool

N, H = 6607, 4
GENOTYPES = [[0, 17], [3], [], [6606, 40, 41]]


def states(dtype: type) -> tuple[NodeStates, NodeStates]:
    rng = np.random.default_rng(0)
    gate, values = rng.normal(size=(N, 1)), rng.normal(3, 1, size=(N, 1, H))
    return SharedColumn(jnp.asarray(gate, dtype)), SharedColumn(jnp.asarray(values, dtype))


def pooled(dtype: type, shared_column: bool):
    batch = genotype_batch(GENOTYPES, N)
    gate, values = states(dtype)
    if not shared_column:
        gate, values = gate.dense(len(GENOTYPES)), values.dense(len(GENOTYPES))
    return pool(gate, values, jnp.asarray(batch.genes), keep_mask(batch, N, jnp.dtype(dtype)))


def test_shared_column_equals_one_column_per_genotype() -> None:
    with jax.enable_x64(True):
        shared, dense = pooled(np.float64, True), pooled(np.float64, False)
        chex.assert_trees_all_close(shared, dense, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(shared.z_p[2], 0)  # nothing is deleted


@pytest.mark.parametrize("genotype", [0, 1, 3])
def test_difference_in_float32_keeps_its_digits(genotype: int) -> None:
    with jax.enable_x64(True):
        exact = np.asarray(pooled(np.float64, True).z_p)[genotype]
    found = pooled(np.float32, True)
    subtracted = np.asarray(found.z_w[0] - found.z_i[genotype])

    def error(x: np.ndarray) -> float:
        return float(np.abs(x - exact).max() / np.abs(exact).max())

    assert error(np.asarray(found.z_p)[genotype]) < 2e-5 < error(subtracted)
