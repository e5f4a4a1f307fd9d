"""Names of what `gi_jax.ops` has to choose from; nothing else is imported with them."""

from __future__ import annotations

BACKENDS = ("bcsr", "segment", "dense")  # of aggregation, see `gi_jax.ops.spmm`
AGGREGATION_BACKENDS = ("auto", *BACKENDS)  # `auto`: measured, or as `spmm.rule` says
NORM_STATISTICS = ("batch", "genotype", "node")  # see `gi_jax.ops.norm`
