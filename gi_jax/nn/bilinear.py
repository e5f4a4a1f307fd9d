"""A local predictor that is bilinear in the embeddings of the deleted genes."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.nn.hyper_sagnn import LocalOutput
from gi_jax.nn.mlp import LinearParameters


class BilinearPredictor(nn.Module):
    """`c + sum_i w . x_i + sum_{i < j} x_i^T M x_j` over the genes of a genotype, M symmetric.

    With M = sum_r s_r v_r v_r^T it is a factor model whose factors are functions of what is known of the
    genes. Everything starts at 0, and a weight decay of M is the penalty on its factors, without the
    preference of a product of factors for low rank. An empty genotype scores 0.
    """

    channels: int

    @nn.compact
    def __call__(self, x: Array, sizes: Array) -> LocalOutput:
        """Args: x `[B, S, H]` embeddings of the deleted genes, sizes `[B]`.

        Returns: the score, x itself, and `dynamic_i = M sum_{j != i} x_j`, whose products with x_i it sums.
        """
        b, s, h = x.shape
        square = LinearParameters(h, h, use_bias=False, initial="zero", name="pairs")().kernel
        single = LinearParameters(h, 1, initial="zero", name="genes")()
        exists = (jnp.arange(s) < sizes[:, None])[..., None]  # [B, S, 1]
        x = jnp.where(exists, x, 0)
        # Each pair is met from both of its genes, so this is `x^T (square + square^T) / 2 x` over i < j.
        turned = (x.reshape(-1, h) @ ((square + square.T) / 2)).reshape(b, s, h)
        dynamic = jnp.where(exists, turned.sum(axis=1, keepdims=True) - turned, 0)
        assert single.bias is not None, "it was not left out"
        each = (x * dynamic).sum(axis=-1, keepdims=True) / 2 + x @ single.kernel  # [B, S, 1]
        level = jnp.where(sizes[:, None] > 0, single.bias, 0)
        return LocalOutput(each.sum(axis=1) + level, x, dynamic)
