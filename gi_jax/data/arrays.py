"""Arrays that wait on the host until a compiled function takes them."""

from __future__ import annotations

from typing import cast

import numpy as np
from jax import Array


def on_host(array: np.ndarray | np.generic) -> Array:
    """A NumPy array or scalar in a field of arrays: it stays on the host, and `jax.jit` makes it JAX's."""
    return cast(Array, array)
