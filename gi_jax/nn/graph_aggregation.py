"""How the outputs of G networks become one embedding per gene."""

from __future__ import annotations

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.nn.expert_mixture import Experts, ExpertSettings, mix_experts
from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, Linear, LinearParameters, dropout
from gi_jax.ops.trees import take


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
        """Args: x `[G, ..., H]` over the present networks. Returns `[..., H]` and weights `[..., G, G]`."""
        x = jnp.moveaxis(x, 0, -2)  # [..., G, H]
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

    `value_p = MLP_p([x_g1, x_g2])`, `value_last = mean_g x_g`, weights = softmax of a scorer of
    each value. Three identities keep it cheap: the first linear layer of a pair is
    `W_a x_g1 + W_b x_g2`, so nothing is concatenated, and a network with itself needs only
    `W_a + W_b`; the last one commutes with the scorer's linear layer; and pairs are computed one
    after the other (`gi_jax.nn.expert_mixture`).
    """

    num_networks: int
    channels: int
    hidden: int
    num_layers: int
    activation: str
    dropout: float

    @nn.compact
    def __call__(self, x: Array, present: tuple[int, ...], train: bool) -> tuple[Array, Array]:
        """Args: x `[G, ..., H]` over the present networks. Returns `[..., H]` and weights `[..., P + 1]`."""
        h, k = self.channels, self.hidden
        keys = DropoutKeys(self, self.dropout, train)
        first_all, second_all = np.triu_indices(self.num_networks)
        widths = [2 * h, *[k] * (self.num_layers - 1), h]
        layers = [
            LinearParameters(widths[i], widths[i + 1], (len(first_all),), name=f"pair_{i}")()
            for i in range(self.num_layers)
        ]
        score_hidden = LinearParameters(h, k, name="scorer_0")()
        score_out = LinearParameters(k, 1, name="scorer_1")()

        chosen = np.flatnonzero(np.isin(first_all, present) & np.isin(second_all, present))
        first, second = np.triu_indices(len(present))
        layers = jax.tree.map(lambda a: a.astype(x.dtype), take(layers, chosen))
        score_hidden, score_out = (
            jax.tree.map(lambda a: a.astype(x.dtype), layer) for layer in (score_hidden, score_out)
        )
        same, cross = np.flatnonzero(first == second), np.flatnonzero(first != second)
        groups = [
            _experts(take(layers, part), score_hidden, score_out, with_itself=part is same)
            for part in (same, cross)
        ]
        reads = (
            tuple((int(g),) for g in first[same]),
            tuple((int(a), int(b)) for a, b in zip(first[cross], second[cross], strict=True)),
        )
        rows = x.reshape(x.shape[0], -1, h)  # [G, R, H]
        mean = sum(rows[g] for g in range(len(present))) / len(present)  # [R, H]
        mean_logit = score_out(ACTIVATIONS[self.activation](score_hidden(mean)))[:, 0]
        settings = ExpertSettings(self.activation, self.dropout, linear=self.num_layers == 1)
        dropouts = tuple(keys() for _ in range(max(self.num_layers - 1, 1)))
        mixed, weights = cast(
            tuple[Array, Array],
            mix_experts(settings, reads, rows, tuple(groups), mean, mean_logit, dropouts),
        )
        order = np.append(np.argsort(np.concatenate([same, cross])), len(first))
        weights = weights[order].T  # [R, P + 1], pairs in the order of the parameters
        return mixed.reshape(x.shape[1:]), weights.reshape(*x.shape[1:-1], -1)


class PairMixture(nn.Module):
    """A softmax mixture of one MLP per pair of networks (g1 <= g2), and of nothing else.

    `value_p = MLP_p([x_g1, x_g2])`, two layers of width H, relu and dropout behind both; weights = softmax of
    `Linear(relu(Linear(value_p)))`, H // 4 wide. It is what torchcell's eager class calls pairwise
    interaction.
    """

    num_networks: int
    channels: int
    dropout: float

    @nn.compact
    def __call__(self, x: Array, present: tuple[int, ...], train: bool) -> tuple[Array, Array]:
        """Args: x `[G, ..., H]` over the present networks. Returns `[..., H]` and weights `[..., P]`."""
        h, k = self.channels, self.channels // 4
        keys = DropoutKeys(self, self.dropout, train)
        first_all, second_all = np.triu_indices(self.num_networks)
        layers = [
            LinearParameters(width, h, (len(first_all),), name=f"pair_{i}")()
            for i, width in enumerate((2 * h, h))
        ]
        scorer = [
            LinearParameters(h, k, name="scorer_0")(),
            LinearParameters(k, 1, name="scorer_1")(),
        ]
        chosen = np.flatnonzero(np.isin(first_all, present) & np.isin(second_all, present))
        layers = jax.tree.map(lambda a: a.astype(x.dtype), take(layers, chosen))
        scorer = jax.tree.map(lambda a: a.astype(x.dtype), scorer)
        first, second = np.triu_indices(len(present))
        same, cross = np.flatnonzero(first == second), np.flatnonzero(first != second)
        groups = []
        for part in (same, cross):
            (inner, outer), copies = take(layers, part), len(part)
            w_a, w_b = jnp.split(inner.kernel.swapaxes(1, 2), 2, axis=2)  # [P, H, H]
            score, score_out = (
                jax.tree.map(lambda a: jnp.broadcast_to(a, (copies, *a.shape)), layer)  # noqa: B023
                for layer in scorer
            )
            inputs = (w_a + w_b,) if part is same else (w_a, w_b)
            assert inner.bias is not None, "every layer of a pair has a bias"
            groups.append(Experts(inputs, inner.bias, (outer,), None, score, score_out))
        reads = (
            tuple((int(g),) for g in first[same]),
            tuple((int(a), int(b)) for a, b in zip(first[cross], second[cross], strict=True)),
        )
        rows = x.reshape(x.shape[0], -1, h)  # [G, R, H]
        nothing, never = jnp.zeros_like(rows[0]), jnp.full(rows.shape[1], -jnp.inf, rows.dtype)
        mixed, weights = cast(
            tuple[Array, Array],
            mix_experts(
                ExpertSettings("relu", self.dropout, linear=False),
                reads,
                rows,
                tuple(groups),
                nothing,
                never,
                (keys(), keys()),
            ),
        )
        order = np.argsort(np.concatenate([same, cross]))
        weights = weights[order].T  # [R, P], pairs in the order of the parameters
        return mixed.reshape(x.shape[1:]), weights.reshape(*x.shape[1:-1], -1)


def _experts(layers: list[Linear], score_hidden: Linear, score_out: Linear, *, with_itself: bool) -> Experts:
    """The pairs' MLPs and the scorer, whose first layer is merged with the last of each MLP."""
    num_pairs, _, h = layers[-1].kernel.shape
    w_a, w_b = jnp.split(layers[0].kernel.swapaxes(1, 2), 2, axis=2)  # [P, K, H]
    last, middle, first_bias, last_bias = layers[-1], layers[1:-1], layers[0].bias, layers[-1].bias
    assert first_bias is not None and last_bias is not None, "every layer of a pair has a bias"
    if len(layers) == 1:
        identity = jnp.broadcast_to(jnp.eye(h, dtype=last.kernel.dtype), (num_pairs, h, h))
        last_bias = jnp.zeros_like(last_bias)
        last = Linear(identity, last_bias)
    score = Linear(last.kernel @ score_hidden.kernel, score_hidden(last_bias))
    score_out = jax.tree.map(lambda a: jnp.broadcast_to(a, (num_pairs, *a.shape)), score_out)
    return Experts(
        (w_a + w_b,) if with_itself else (w_a, w_b), first_bias, tuple(middle), last, score, score_out
    )


def wide_softmax(logits: Array) -> Array:
    """Softmax over the last axis, formed in float32 for half-precision logits, in their dtype."""
    wide = logits.astype(jnp.float32) if logits.dtype == jnp.bfloat16 else logits
    return jax.nn.softmax(wide, axis=-1).astype(logits.dtype)
