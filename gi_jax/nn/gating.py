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
    last_layer: str = "kaiming"  # initial values of the last layer

    @nn.compact
    def __call__(self, predictions: Array, train: bool) -> tuple[Array, Array]:
        keys = DropoutKeys(self, self.dropout, train)
        hidden = LinearParameters(2, self.channels, name="linear_0")()(predictions)
        hidden = dropout(ACTIVATIONS[self.activation](hidden), self.dropout, keys())
        logits = LinearParameters(self.channels, 2, initial=self.last_layer, name="linear_1")()(hidden)
        return logits, jax.nn.softmax(logits, axis=-1)


FIXED_WEIGHTS = {"concat": (0.5, 0.5), "local": (0.0, 1.0)}  # of the global and the local prediction


def fixed_weights(predictions: Array, combination_method: str) -> Array:
    """`[B, 2]`: weights that nothing learns, by combination method."""
    return jnp.broadcast_to(
        jnp.array(FIXED_WEIGHTS[combination_method], predictions.dtype), predictions.shape
    )
