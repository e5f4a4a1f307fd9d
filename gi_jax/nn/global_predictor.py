"""The global predictor: the interaction of a genotype from all the genes that it keeps."""

from __future__ import annotations

from flax import linen as nn
from jax import Array

from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, LinearParameters, dropout


class GlobalPredictor(nn.Module):
    """`Linear(act(Linear(z_p)))`: the interaction from the pooled difference."""

    channels: int
    activation: str
    dropout: float
    last_layer: str = "kaiming"  # initial values of the last layer
    scale: float = 1.0  # of z_p, where it enters

    @nn.compact
    def __call__(self, z_p: Array, train: bool) -> Array:
        keys = DropoutKeys(self, self.dropout, train)
        hidden = LinearParameters(self.channels, self.channels, name="linear_0")()(self.scale * z_p)
        hidden = dropout(ACTIVATIONS[self.activation](hidden), self.dropout, keys())
        last = LinearParameters(self.channels, 1, initial=self.last_layer, name="linear_1")
        return last()(hidden)  # [B, 1]
