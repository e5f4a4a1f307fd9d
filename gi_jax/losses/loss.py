"""What a training loss is, and how to make one from its configured name."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any, Protocol

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from gi_jax.errors import GiJaxError
from gi_jax.losses.icloss import ICLoss
from gi_jax.losses.inputs import LossInputs
from gi_jax.losses.log_cosh import LogCosh
from gi_jax.losses.mle_dist_supcr import MleDistSupCR
from gi_jax.losses.mle_wass_supcr import MleWassSupCR
from gi_jax.losses.mse import MSE

LossState = Any  # a pytree, the same structure and shapes at every step


class Loss(Protocol):
    """A training loss: hashable settings, and pure functions of an explicit state.

    Both functions work under `jax.jit` with fixed shapes.
    """

    def init(self, num_outputs: int, embedding_dim: int, dtype: DTypeLike = jnp.float32) -> LossState:
        """State before the first batch, for D outputs and embeddings of H channels."""
        ...

    def apply(self, state: LossState, inputs: LossInputs) -> tuple[Array, LossState, dict[str, Array]]:
        """Loss of one batch.

        Returns:
          The loss (a scalar), the next state, and the terms to log (without gradient).
        """
        ...


LOSSES = {
    "logcosh": LogCosh,
    "mse": MSE,
    "icloss": ICLoss,
    "mle_dist_supcr": MleDistSupCR,
    "mle_wass_supcr": MleWassSupCR,
}


def make_loss(name: str, **kwargs: Any) -> Loss:
    """The loss of this name with the keyword arguments of torchcell's class.

    Raises:
      GiJaxError: an unknown name, an unknown or a missing argument, or a bad value.
    """
    if name not in LOSSES:
        raise GiJaxError(f"unknown loss {name!r}{_nearest(name, LOSSES)}; the losses are {', '.join(LOSSES)}")
    kind = LOSSES[name]
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for argument in kwargs:
        if argument not in fields:
            raise GiJaxError(
                f"loss {name} has no argument {argument!r}{_nearest(argument, fields)}; "
                f"it takes {', '.join(fields)}"
            )
    for argument, field in fields.items():
        if field.default is dataclasses.MISSING and argument not in kwargs:
            raise GiJaxError(f"loss {name} needs {argument}; give it a number")
    weights = kwargs.get("weights")
    if weights is not None:
        kwargs["weights"] = tuple(float(w) for w in weights)
    return kind(**kwargs)


def _nearest(word: str, words: dict[str, Any]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f", did you mean {near[0]!r}?" if near else ""
