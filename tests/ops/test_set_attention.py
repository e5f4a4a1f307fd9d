"""Attention within sets of two, for which nothing has to be weighed, against the general path."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.ops.set_attention import pair_attention, set_pairs

B, A, D = 5, 2, 3
SIZES = jnp.array([2, 1, 2, 0, 2])


def attend(arrays: tuple[Array, Array, Array], set_size: int) -> Array:
    """Attention of the members `[B, 2, A, D]` when sets are padded to `set_size`; `[B, 2, A, D]`."""
    padded = (jnp.pad(x, ((0, 0), (0, set_size - 2), (0, 0), (0, 0))).reshape(-1, A, D) for x in arrays)
    return pair_attention(*padded, set_pairs(SIZES, set_size), D**0.5).reshape(B, set_size, A, D)[:, :2]


def test_two_members_attend_to_each_other_as_in_larger_padding() -> None:
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), 4)
        arrays = tuple(jax.random.normal(key, (B, 2, A, D)) for key in keys[:3])
        weight = jax.random.normal(keys[3], (B, 2, A, D))
        (two, d_two), (three, d_three) = (
            jax.value_and_grad(lambda a: (attend(a, size) * weight).sum())(arrays)  # noqa: B023
            for size in (2, 3)
        )
        chex.assert_trees_all_close((two, d_two), (three, d_three), rtol=1e-12, atol=1e-12)
        out = attend(arrays, 2)
    np.testing.assert_array_equal(out[0], arrays[2][0, ::-1])
    np.testing.assert_array_equal(out[1], 0)


def test_sets_of_two_do_not_compute_queries_and_keys() -> None:
    def attended(x: Array, projections: tuple[Array, Array, Array]) -> Array:
        query, key, value = ((x @ w).reshape(-1, 1, 7) for w in projections)
        return pair_attention(query, key, value, set_pairs(SIZES, 2), 1.0)

    arguments = (jnp.ones((2 * B, 7)), (jnp.ones((7, 7)),) * 3)
    products = jax.jit(attended).lower(*arguments).compile().as_text().count(" dot(")
    assert products == 1
