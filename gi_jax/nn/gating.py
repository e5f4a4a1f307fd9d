"""The learned mixture of the global and the local prediction."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, LinearParameters, dropout


class Gate(nn.Module):
    """`softmax(MLP([global, local]))`, MLP 2 -> H -> 2: logits `[B, 2]` and weights `[B, 2]`."""

    channels: int
    activation: str
    dropout: float

    @nn.compact
    def __call__(self, predictions: Array, train: bool) -> tuple[Array, Array]:
        keys = DropoutKeys(self, self.dropout, train)
        hidden = LinearParameters(2, self.channels, name="linear_0")()(predictions)
        hidden = dropout(ACTIVATIONS[self.activation](hidden), self.dropout, keys())
        logits = LinearParameters(self.channels, 2, name="linear_1")()(hidden)
        return logits, jax.nn.softmax(logits, axis=-1)


def equal_weights(predictions: Array) -> Array:
    """0.5 for each of the two predictions: `combination_method: concat`."""
    return jnp.full_like(predictions, 0.5)
