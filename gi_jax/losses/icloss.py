"""Isomorphic cell loss: squared error, label distribution and contrastive terms."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from gi_jax.losses.dist import dist
from gi_jax.losses.inputs import LossInputs
from gi_jax.losses.mse import mse
from gi_jax.losses.output_weights import Weights
from gi_jax.losses.supcr import supcr
from gi_jax.losses.terms import weighted_sum


@dataclass(frozen=True, kw_only=True)
class ICLoss:
    """`mse + lambda_dist * dist + lambda_supcr * supcr`, without state (see `gi_jax.losses.Loss`).

    Bandwidth 0.5 and temperature 0.1 are fixed, as in the original. Source: torchcell 1.8.4, `ICLoss`.

    Attributes:
      weights: one per output dimension, used by all three terms; equal if None.
    """

    lambda_dist: float
    lambda_supcr: float
    weights: Weights = None

    def init(self, num_outputs: int, embedding_dim: int, dtype: DTypeLike = jnp.float32) -> tuple[()]:
        """Nothing to remember."""
        return ()

    def apply(self, state: tuple[()], inputs: LossInputs) -> tuple[Array, tuple[()], dict[str, Array]]:
        """See `gi_jax.losses.Loss.apply`."""
        rows = inputs.predictions, inputs.targets, inputs.valid
        assert inputs.z_p is not None, "the contrastive term compares embeddings"
        values = {
            "mse": mse(*rows, weights=self.weights),
            "dist": dist(*rows, weights=self.weights),
            "supcr": supcr(inputs.z_p, inputs.targets, inputs.valid, weights=self.weights),
        }
        lambdas = {"mse": 1.0, "dist": self.lambda_dist, "supcr": self.lambda_supcr}
        loss, terms = weighted_sum(values, lambdas)
        return loss, state, terms
