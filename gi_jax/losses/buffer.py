"""A ring buffer of past batches as an explicit pytree."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class RingBuffer(NamedTuple):
    """The last rows pushed, overwritten in a circle."""

    rows: dict[str, Array]  # name -> [size, ...]
    pointer: Array  # [] int32, the slot of the next row
    # A checkpoint knows this array by its name; nobody counts the entries of the tuple.
    count: Array  # pyright: ignore[reportIncompatibleMethodOverride] # [] int32, filled slots, at most size

    @property
    def size(self) -> int:
        """Number of slots."""
        return next(iter(self.rows.values())).shape[0]


def empty_buffer(**rows: Array) -> RingBuffer:
    """A buffer whose slots are `rows`, each `[size, ...]` of zeros, and none of them filled."""
    return RingBuffer(rows, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))


def push(buffer: RingBuffer, rows: dict[str, Array], valid: Array) -> RingBuffer:
    """Writes the valid rows (`name -> [B, ...]`, `valid [B]`) in order; no gradient runs into the buffer.

    Of a batch larger than the buffer the last rows stay.
    """
    size = buffer.size
    pushed = jnp.sum(valid, dtype=jnp.int32)
    rank = jnp.cumsum(valid, dtype=jnp.int32) - 1  # [B], position among the valid rows
    kept = valid & (rank >= pushed - size)
    slot = jnp.where(kept, (buffer.pointer + rank) % size, size)  # `size` is outside: dropped
    written = {
        name: old.at[slot].set(jax.lax.stop_gradient(rows[name]).astype(old.dtype), mode="drop")
        for name, old in buffer.rows.items()
    }
    return RingBuffer(written, (buffer.pointer + pushed) % size, jnp.minimum(buffer.count + pushed, size))


def draw_permutation(buffer: RingBuffer, key: Array) -> Array:
    """A random order of the slots, `[size]`, the filled ones first."""
    slots = jnp.arange(buffer.size)
    lottery = jnp.where(slots < buffer.count, jax.random.uniform(key, (buffer.size,)), 2.0)
    return jnp.argsort(lottery)


def batch_and_past(
    buffer: RingBuffer,
    rows: dict[str, Array],
    valid: Array,
    order: Array | None = None,
    draws: Array | None = None,
) -> tuple[dict[str, Array], Array]:
    """The current batch followed by buffer rows, and which of them all count.

    Args:
      rows: `name -> [B, ...]`, the names of the buffer.
      valid: `[B]` bool.
      order: `[size]`, an order of the slots with the filled ones first; slot order if None.
      draws: number of buffer rows that count, in that order; all filled ones if None.

    Returns:
      `name -> [B + size, ...]` and a mask `[B + size]`.
    """
    past = buffer.rows
    if order is not None:
        past = {name: old[order] for name, old in past.items()}
    draws = buffer.count if draws is None else jnp.minimum(draws, buffer.count)
    together = {name: jnp.concatenate([rows[name], past[name]]) for name in past}
    return together, jnp.concatenate([valid, jnp.arange(buffer.size) < draws])
