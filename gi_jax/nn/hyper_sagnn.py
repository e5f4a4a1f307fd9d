"""The local predictor: HyperSAGNN set attention over the deleted genes of a genotype."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, LinearParameters, dropout
from gi_jax.ops.set_attention import (
    OneSet,
    SetPairs,
    one_set_attention,
    pair_attention,
    set_mean,
    set_pairs,
)


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
    dropout: float = 0.0  # of the attention weights and of what comes out

    @nn.compact
    def __call__(self, x: Array, pairs: SetPairs | OneSet, attends: Array, train: bool = False) -> Array:
        """Args: x `[B * S, H]`; attends `[B * S, 1]` bool, the genotype has two genes or more."""
        width, keys = self.channels // self.num_heads, DropoutKeys(self, self.dropout, train)
        query, key, value = (
            LinearParameters(self.channels, self.channels, initial=self.initial, name=name)()(x).reshape(
                -1, self.num_heads, width
            )
            for name in ("query", "key", "value")
        )  # [B * S, A, H / A]
        out = LinearParameters(self.channels, self.channels, initial=self.initial, name="out")()
        beta = self.param("beta", nn.initializers.constant(self.beta_init), (1,))
        drop = partial(dropout, rate=self.dropout, key=keys())
        if isinstance(pairs, OneSet):
            attended = one_set_attention(query, key, value, pairs, width**0.5, drop)
        else:
            attended = pair_attention(query, key, value, pairs, width**0.5, drop)
        attended = dropout(out(attended.reshape(x.shape)), self.dropout, keys())
        moved = x + beta.astype(x.dtype) * attended
        return jnp.where(attends, moved, x) if self.skip_alone else moved


class HyperSAGNN(nn.Module):
    """`mean over the set of w . (dynamic - static)^2 + c` (Zhang, Zou and Ma 2020).

    static = act(W x + b); dynamic = attention layers on x. An empty genotype scores 0. Dropout follows
    static, or with `drop_attention` the attention weights and each layer's output, as in torchcell's classes.
    With `one_set` all genes of a batch are one set, and its score stands for the first genotype.
    """

    channels: int
    num_heads: int
    num_layers: int
    activation: str
    dropout: float
    skip_alone: bool = True
    initial: str = "kaiming"
    last_layer: str = ""  # initial values of the last layer, if others
    drop_attention: bool = False
    one_set: bool = False

    @nn.compact
    def __call__(self, x: Array, sizes: Array, train: bool) -> LocalOutput:
        """Args: x `[B, S, H]` embeddings of the deleted genes, sizes `[B]`."""
        b, s, h = x.shape
        keys = DropoutKeys(self, self.dropout, train)
        flat = x.reshape(b * s, h)
        static = ACTIVATIONS[self.activation](
            LinearParameters(h, h, initial=self.initial, name="static")()(flat)
        )
        of_static, of_attention = (0.0, self.dropout) if self.drop_attention else (self.dropout, 0.0)
        static = dropout(static, of_static, keys())
        member = (jnp.arange(s) < sizes[:, None]).reshape(-1)  # [B * S]
        if self.one_set:
            pairs, attends = OneSet(member), jnp.broadcast_to(sizes.sum() > 1, (b * s, 1))
        else:
            pairs, attends = set_pairs(sizes, s), jnp.repeat(sizes > 1, s)[:, None]  # [B * S, 1]
        dynamic = flat
        for layer in range(self.num_layers):
            attention = ReZeroAttention(
                h,
                self.num_heads,
                skip_alone=self.skip_alone,
                initial=self.initial,
                dropout=of_attention,
                name=f"attention_{layer}",
            )
            dynamic = attention(dynamic, pairs, attends, train)
        predict = LinearParameters(h, 1, initial=self.last_layer or self.initial, name="prediction")()
        scores = predict((dynamic - static) ** 2)  # [B * S, 1]
        if self.one_set:
            mean = jnp.where(member[:, None], scores, 0).sum() / jnp.maximum(sizes.sum(), 1)
            interaction = jnp.zeros((b, 1), scores.dtype).at[0].set(mean.astype(scores.dtype))
        else:
            interaction = set_mean(scores, sizes, s)  # [B, 1]
        return LocalOutput(interaction, static.reshape(b, s, h), dynamic.reshape(b, s, h))
