"""In which precision predictions are computed, whatever dtype the weights arrive in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from jax import Array

from gi_jax.errors import GiJaxError
from gi_jax.models.weights import FIXED

_ADVICE = "restore the weights from a copy or train again"


def check_weights(variables: Mapping[str, Any], whose: str) -> None:
    """Checks that every array of a neural model's variables holds finite floating-point numbers.

    Raises:
      GiJaxError: one does not; `whose` stands in front of the sentence.
    """
    if not isinstance(variables.get("params"), Mapping):
        raise GiJaxError(f"{whose}: holds no weights under `params`; {_ADVICE}")
    weights = {name: tree for name, tree in variables.items() if name != FIXED}  # which may hold gene numbers
    for name, array in cast(dict[str, Array], flatten_dict(weights, sep=".")).items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise GiJaxError(
                f"{whose}: the array {name} is of {array.dtype}, expected floating-point numbers; {_ADVICE}"
            )
    check_finite(variables, whose)


def check_finite(arrays: Mapping[str, Any], whose: str) -> None:
    """Checks that every array of a model holds finite numbers.

    Raises:
      GiJaxError: one does not; `whose` stands in front of the sentence.
    """
    for name, array in flatten_dict(arrays, sep=".").items():
        if not np.isfinite(np.asarray(array, np.float64)).all():
            raise GiJaxError(f"{whose}: the array {name} holds numbers that are not finite; {_ADVICE}")


def in_working_precision(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables as float32; float64 ones stay so if JAX has it switched on (JAX_ENABLE_X64).

    So weights kept in half precision predict what the same numbers kept in float32 do.
    """
    wide = jax.dtypes.canonicalize_dtype(jnp.float64)
    return jax.tree.map(
        lambda array: np.asarray(array, wide if array.dtype == jnp.float64 else jnp.float32), variables
    )
