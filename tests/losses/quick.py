"""Compiles a small function once and fast; op by op would compile every operation on its own."""

from __future__ import annotations

from functools import partial

import jax

quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
