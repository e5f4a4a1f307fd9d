"""How the outputs of G networks become one embedding per gene."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, Linear, LinearParameters, dropout


class CrossAttention(nn.Module):
    """Multi-head self-attention across networks, per gene, then the mean over networks.

    A learned embedding is added to every network's output; the first rows of the table serve the
    networks that are present, in order (as the original does, also when one is missing).
    """

    num_networks: int
    channels: int
    num_heads: int
    dropout: float

    @nn.compact
    def __call__(self, x: Array, present: tuple[int, ...], train: bool) -> tuple[Array, Array]:
        """Args: x `[..., G, H]` over the present networks. Returns `[..., H]` and weights `[..., G, G]`."""
        g, h = x.shape[-2:]
        keys = DropoutKeys(self, self.dropout, train)
        table = self.param(
            "graph_embeddings", nn.initializers.normal(0.02), (self.num_networks, self.channels)
        )
        project = LinearParameters(h, 3 * h, initial="attention", name="in")()
        projected = project(x + table[:g].astype(x.dtype))  # [..., G, 3 H]
        out = LinearParameters(h, h, name="out")()
        query, key, value = (
            part.reshape(*x.shape[:-1], self.num_heads, h // self.num_heads)
            for part in jnp.split(projected, 3, axis=-1)
        )  # [..., G, A, H / A]
        logits = jnp.einsum("...gad,...kad->...agk", query, key) / (h // self.num_heads) ** 0.5
        weights = wide_softmax(logits)  # [..., A, G, G]
        mixed = jnp.einsum("...agk,...kad->...gad", dropout(weights, self.dropout, keys()), value)
        return out(mixed.reshape(x.shape)).mean(axis=-2), weights.mean(axis=-3)


class PairwiseInteraction(nn.Module):
    """A softmax mixture of one MLP per pair of networks (g1 <= g2) and the plain mean over networks.

    `option_p = MLP_p([x_g1, x_g2])`, `option_last = mean_g x_g`, weights = softmax of a scorer of
    each option. Two identities keep options of width H from being formed: the first linear layer
    of a pair is `W_a x_g1 + W_b x_g2`, so G wide products replace G (G + 1) / 2 on concatenated
    copies; the last one commutes with the mixture and with the scorer's linear layer.
    """

    num_networks: int
    channels: int
    hidden: int
    num_layers: int
    activation: str
    dropout: float

    @nn.compact
    def __call__(self, x: Array, present: tuple[int, ...], train: bool) -> tuple[Array, Array]:
        """Args: x `[..., G, H]` over the present networks. Returns `[..., H]` and weights `[..., P + 1]`."""
        h, k = self.channels, self.hidden
        keys = DropoutKeys(self, self.dropout, train)
        act = ACTIVATIONS[self.activation]
        first_all, second_all = np.triu_indices(self.num_networks)
        num_pairs = len(first_all)
        widths = [2 * h, *[k] * (self.num_layers - 1), h]
        layers = [
            LinearParameters(widths[i], widths[i + 1], (num_pairs,), name=f"pair_{i}")()
            for i in range(self.num_layers)
        ]
        score_hidden = LinearParameters(h, k, name="scorer_0")()
        score_out = LinearParameters(k, 1, name="scorer_1")()

        chosen = np.flatnonzero(np.isin(first_all, present) & np.isin(second_all, present))
        layers = [jax.tree.map(lambda a: a[chosen].astype(x.dtype), layer) for layer in layers]
        hidden = _first_layer(x, layers[0])  # [..., P, K]
        for layer in layers[1:]:
            hidden = dropout(act(hidden), self.dropout, keys())
            if layer is not layers[-1]:
                hidden = jnp.einsum("...pk,pkj->...pj", hidden, layer.kernel) + layer.bias
        last = layers[-1] if self.num_layers > 1 else _identity(len(chosen), h, x.dtype)

        mean = x.mean(axis=-2)  # [..., H]
        kernel = jnp.einsum("pkh,hj->pkj", last.kernel, score_hidden.kernel.astype(x.dtype))  # [P, K, K']
        bias = score_hidden(last.bias)  # [P, K']
        scored = jnp.einsum("...pk,pkj->...pj", hidden, kernel) + bias
        scored = jnp.concatenate([scored, score_hidden(mean)[..., None, :]], axis=-2)  # [..., P + 1, K']
        weights = wide_softmax(score_out(act(scored))[..., 0])  # [..., P + 1]
        pair_weights = weights[..., :-1]
        mixed = jnp.einsum("...pk,pkh->...h", pair_weights[..., None] * hidden, last.kernel)
        return mixed + pair_weights @ last.bias + weights[..., -1:] * mean, weights


def _first_layer(x: Array, layer: Linear) -> Array:
    """`W_p [x_g1, x_g2] + b_p` for all pairs, from G products of width G K: `[..., P, K]`."""
    g, h = x.shape[-2:]
    first, second = np.triu_indices(g)
    w_a, w_b = layer.kernel[:, :h], layer.kernel[:, h:]  # [P, H, K]
    grid = jnp.zeros((g, g, *w_a.shape[1:]), x.dtype)  # [own, partner, H, K]
    grid = grid.at[first, second].add(w_a).at[second, first].add(w_b)
    terms = jnp.einsum("...gh,gohk->...gok", x, grid)  # [..., own, partner, K]
    other = jnp.where((first != second)[:, None], terms[..., second, first, :], 0)
    return terms[..., first, second, :] + other + layer.bias


def _identity(num_pairs: int, channels: int, dtype: jnp.dtype) -> Linear:
    eye = jnp.broadcast_to(jnp.eye(channels, dtype=dtype), (num_pairs, channels, channels))
    return Linear(eye, jnp.zeros((num_pairs, channels), dtype))


def wide_softmax(logits: Array) -> Array:
    """Softmax over the last axis, formed in float32 for half-precision logits, in their dtype."""
    wide = logits.astype(jnp.float32) if logits.dtype == jnp.bfloat16 else logits
    return jax.nn.softmax(wide, axis=-1).astype(logits.dtype)
