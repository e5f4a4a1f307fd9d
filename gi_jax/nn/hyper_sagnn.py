"""The local predictor: HyperSAGNN set attention over the deleted genes of a genotype."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, LinearParameters, dropout
from gi_jax.ops.set_attention import SetPairs, pair_attention, set_mean, set_pairs


class LocalOutput(NamedTuple):
    """The score and the two embeddings whose squared difference it is a linear function of."""

    interaction: Array  # [B, 1]
    static: Array  # [B, S, H]
    dynamic: Array  # [B, S, H]


class ReZeroAttention(nn.Module):
    """`x + beta * out(attention(x))` within each set, without self (Bachlechner et al. 2021 for beta).

    Scores are divided by `sqrt(H / heads)`. A gene alone in its genotype attends to nothing: it keeps
    its x, or with `skip_alone` off it becomes `x + beta * out(0)`.
    """

    channels: int
    num_heads: int
    beta_init: float = 0.01
    skip_alone: bool = True
    initial: str = "kaiming"

    @nn.compact
    def __call__(self, x: Array, pairs: SetPairs, attends: Array) -> Array:
        """Args: x `[B * S, H]`; attends `[B * S, 1]` bool, the genotype has two genes or more."""
        width = self.channels // self.num_heads
        query, key, value = (
            LinearParameters(self.channels, self.channels, initial=self.initial, name=name)()(x).reshape(
                -1, self.num_heads, width
            )
            for name in ("query", "key", "value")
        )  # [B * S, A, H / A]
        out = LinearParameters(self.channels, self.channels, initial=self.initial, name="out")()
        beta = self.param("beta", nn.initializers.constant(self.beta_init), (1,))
        attended = out(pair_attention(query, key, value, pairs, width**0.5).reshape(x.shape))
        moved = x + beta.astype(x.dtype) * attended
        return jnp.where(attends, moved, x) if self.skip_alone else moved


class HyperSAGNN(nn.Module):
    """`mean over the set of w . (dynamic - static)^2 + c` (Zhang, Zou and Ma 2020).

    static = act(W x + b); dynamic = attention layers on x. An empty genotype scores 0.
    """

    channels: int
    num_heads: int
    num_layers: int
    activation: str
    dropout: float
    skip_alone: bool = True
    initial: str = "kaiming"
    last_layer: str = ""  # initial values of the last layer, if others

    @nn.compact
    def __call__(self, x: Array, sizes: Array, train: bool) -> LocalOutput:
        """Args: x `[B, S, H]` embeddings of the deleted genes, sizes `[B]`."""
        b, s, h = x.shape
        keys = DropoutKeys(self, self.dropout, train)
        flat = x.reshape(b * s, h)
        static = ACTIVATIONS[self.activation](
            LinearParameters(h, h, initial=self.initial, name="static")()(flat)
        )
        static = dropout(static, self.dropout, keys())
        pairs = set_pairs(sizes, s)
        attends = jnp.repeat(sizes > 1, s)[:, None]  # [B * S, 1]
        dynamic = flat
        for layer in range(self.num_layers):
            attention = ReZeroAttention(
                h, self.num_heads, skip_alone=self.skip_alone, initial=self.initial, name=f"attention_{layer}"
            )
            dynamic = attention(dynamic, pairs, attends)
        predict = LinearParameters(h, 1, initial=self.last_layer or self.initial, name="prediction")()
        interaction = set_mean(predict((dynamic - static) ** 2), sizes, s)  # [B, 1]
        return LocalOutput(interaction, static.reshape(b, s, h), dynamic.reshape(b, s, h))
