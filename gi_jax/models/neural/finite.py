"""Finite checks that survive compilation: one flag per stage, read on the host with the loss."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

# The original's stages, in the order in which they are computed.
STAGES = (
    "z_w",
    "z_i",
    "pert_gene_embs",
    "z_p",
    "global_interaction",
    "local_interaction",
    "gate_logits",
    "gate_weights",
    "gene_interaction",
)


def finite_stages(valid: Array, **stages: Array | None) -> Array:
    """`[len(STAGES)]` bool: all values of the stage are finite; True for one that is None or not given.

    Padding genotypes do not count. The original looks for NaN only; infinities count here too.
    """
    flags = []
    for name in STAGES:
        value = stages.get(name)
        if value is None:
            flags.append(jnp.array(True))
            continue
        finite = jnp.isfinite(value)
        if value.shape[0] == valid.shape[0] and name != "z_w":
            finite |= ~valid.reshape(-1, *[1] * (value.ndim - 1))
        flags.append(finite.all())
    return jnp.stack(flags)


def first_bad_stage(flags: Array) -> str | None:
    """The first stage that is not finite, by name; None if all are."""
    bad = [name for name, good in zip(STAGES, flags.tolist(), strict=True) if not good]
    return bad[0] if bad else None
