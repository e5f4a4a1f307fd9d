"""Layers as Flax modules: they declare parameters, `gi_jax.ops` does the maths."""
