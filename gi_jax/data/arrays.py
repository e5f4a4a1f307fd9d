"""Arrays that wait on the host until a compiled function takes them."""

from __future__ import annotations

from typing import cast

import numpy as np
from jax import Array


def on_host(array: np.ndarray) -> Array:
    """A NumPy array in a field of arrays: it stays on the host, and is an array of JAX inside `jax.jit`."""
    return cast(Array, array)
