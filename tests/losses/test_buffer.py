"""The ring buffer against a plain list of rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.losses.buffer import batch_and_past, draw_permutation, empty_buffer, push
from gi_jax.losses.epoch_weights import buffer_draws, buffer_weights
from tests.losses.quick import quick_jit

SIZE = 5


def write(buffer: list[float], pointer: int, rows: list[float]) -> int:
    for row in rows:
        buffer[pointer] = row
        pointer = (pointer + 1) % SIZE
    return pointer


@pytest.mark.parametrize("batches", [[3, 2], [4, 4, 4], [2, 13, 3], [5], [0, 1, 0]])
def test_rows_wrap_around_and_padding_is_skipped(batches: list[int]) -> None:
    slots, pointer, number, seen = [0.0] * SIZE, 0, 0.0, 0
    buffer = empty_buffer(x=jnp.zeros((SIZE, 1)))
    pushed = quick_jit(push)
    for count in batches:
        rows, valid = np.full(16, -1.0), np.zeros(16, bool)
        where = np.random.default_rng(count).permutation(16)[:count]
        valid[np.sort(where)] = True
        rows[valid] = number + np.arange(1, count + 1)
        number, seen = number + count, seen + count
        pointer = write(slots, pointer, list(rows[valid]))
        buffer = pushed(buffer, {"x": jnp.array(rows[:, None], jnp.float32)}, jnp.array(valid))
    np.testing.assert_array_equal(buffer.rows["x"][:, 0], slots)
    assert buffer.pointer == pointer and buffer.count == min(seen, SIZE)


def test_draws_come_from_the_filled_slots_only() -> None:
    buffer = push(empty_buffer(x=jnp.zeros((SIZE, 1))), {"x": jnp.ones((3, 1))}, jnp.ones(3, bool))
    keys = jax.random.split(jax.random.key(0), 50)
    orders = quick_jit(jax.vmap(draw_permutation, (None, 0)))(buffer, keys)
    assert (np.sort(orders[:, :3], axis=1) == [0, 1, 2]).all()
    assert (np.sort(orders, axis=1) == np.arange(SIZE)).all()
    assert len({tuple(order[:3]) for order in np.asarray(orders)}) == 6
    rows, counted = quick_jit(batch_and_past)(
        buffer, {"x": jnp.zeros((2, 1))}, jnp.array([True, False]), orders[0], jnp.int32(9)
    )
    np.testing.assert_array_equal(counted, [True, False, True, True, True, False, False])
    np.testing.assert_array_equal(rows["x"][np.asarray(counted), 0], [0, 1, 1, 1])


def test_number_of_draws_is_that_of_float64_arithmetic() -> None:
    weights = buffer_weights(warmup_epochs=4, stable_epoch=20)
    # torchcell 1.8.4, AdaptiveWeighting(4, 20), run in Python
    np.testing.assert_allclose(
        weights[[0, 1, 2, 12, 19]], [0.1, 0.15, 0.2, 0.6, 0.8925410094880883], rtol=1e-15
    )
    draws = buffer_draws(weights, 28)
    assert len(weights) == 21 and draws.dtype == np.int32
    # int(28 * 0.9 / (1 - 0.9)) in Python; float32 gives 251 for the quotient 252
    assert draws[20, 28] == 252 and draws[4, 28] == int(28 * weights[4] / (1 - weights[4]))
