"""How the buffered losses change with the epoch: buffer weight, number of draws, temperature."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import Array

TEMPERATURE_SCHEDULES = ("exponential", "cosine", "constant")


def buffer_weights(warmup_epochs: int, stable_epoch: int) -> np.ndarray:
    """Buffer weight by epoch, `[epochs]`; the last entry holds for all later epochs.

    `0.1 + 0.2 e / warmup` before `warmup_epochs`, then `0.3 + 0.6 sigmoid(10 (progress - 0.5))` with
    progress from 0 to 1 at `stable_epoch`, then 0.9. Source: torchcell `AdaptiveWeighting`.
    """

    def weight(epoch: int) -> float:
        if epoch < warmup_epochs:
            return 0.1 + 0.2 * (epoch / warmup_epochs)
        if epoch < stable_epoch:
            progress = (epoch - warmup_epochs) / (stable_epoch - warmup_epochs)
            return 0.3 + 0.6 / (1 + math.exp(-10 * (progress - 0.5)))
        return 0.9

    return np.array([weight(epoch) for epoch in range(max(warmup_epochs, stable_epoch) + 1)])


def buffer_draws(weights: np.ndarray, batch_size: int) -> np.ndarray:
    """Buffer rows drawn beside n current ones, `floor(n w / (1 - w))`, as a table `[epochs, B + 1]` int32.

    A table on the host in float64: at w = 0.9 the quotient is 9 n, and float32 rounds it below.
    """
    current = np.arange(batch_size + 1)
    return (current[None, :] * weights[:, None] / (1 - weights[:, None])).astype(np.int32)


def temperature_at(epoch: Array, first: float, last: float, max_epochs: int, schedule: str) -> Array:
    """Temperature of the contrastive term at `epoch` (a float scalar).

    `exponential`: `first (last / first)^(epoch / max_epochs)`; `cosine`: `last + (first - last)
    (1 + cos(pi epoch / max_epochs)) / 2`; `constant`: `first`. Source: torchcell `TemperatureScheduler`.
    """
    progress = epoch / max_epochs
    if schedule == "exponential":
        return first * (last / first) ** progress
    if schedule == "cosine":
        return last + 0.5 * (first - last) * (1 + jnp.cos(jnp.pi * progress))
    return jnp.full_like(progress, first)
