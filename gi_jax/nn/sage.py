"""GraphSAGE convolution over every network."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.data.networks import Adjacency
from gi_jax.nn.mlp import Linear, LinearParameters
from gi_jax.ops.spmm import in_degree, spmm


class SAGEParameters(NamedTuple):
    """Stacked over networks, leading axis G; index it for one network."""

    neighbours: Linear  # H -> H
    own: Linear  # H -> H, without bias


class SAGE(nn.Module):
    """Declares `relu(W_n mean of neighbours + b + W_o x)` for G networks (Hamilton et al. 2017)."""

    num_networks: int
    channels: int

    @nn.compact
    def __call__(self) -> SAGEParameters:
        h, stack = self.channels, (self.num_networks,)
        return SAGEParameters(
            LinearParameters(h, h, stack, initial="uniform", name="neighbours")(),
            LinearParameters(h, h, stack, use_bias=False, initial="uniform", name="own")(),
        )


def sage(parameters: SAGEParameters, adjacency: Adjacency, x: Array) -> Array:
    """One layer on one network, `[N, H]`; a gene without incoming edges has a neighbour mean of 0.

    A repeated edge counts each time, in the sum and in the number of neighbours.
    """
    degree = jnp.maximum(in_degree(adjacency), 1)[:, None].astype(x.dtype)  # [N, 1]
    return jax.nn.relu(parameters.neighbours(spmm(adjacency, x) / degree) + parameters.own(x))
