"""Gradients of pooling are those of a softmax over each genotype's own rows, also where it is formed anew."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from gi_jax.data.genotypes import genotype_batch
from gi_jax.ops.keep_mask import keep_mask
from gi_jax.ops.pooling import GUARD, pool
from tests.ops.test_pooling_paths import FORMS, B, H, N, World, deletions, make_world, overlay


def places(world: World, form: str) -> np.ndarray:
    """Of every gene of every genotype `[N, 1 + B]`, where it stands in columns and changed rows, one list."""
    columns = world.gate.columns.shape[1]
    own = np.minimum(np.arange(1 + B), columns - 1)
    dense = [np.arange(N)[:, None] * columns + own]
    if world.change is not None:
        count = world.change.union.gene.shape[0]
        overlay(dense, (N * columns + np.arange(count),), world.change, form)
    return dense[0]


def loss(z_i: Array, z_p: Array) -> Array:
    return jnp.sin(z_i).sum() + jnp.sin(3 * z_p).sum()


@pytest.mark.parametrize("sharpness", [0.5, 30.0])
@pytest.mark.parametrize("form", FORMS)
def test_gradients(form: str, sharpness: float) -> None:
    with jax.enable_x64(True):
        rng = np.random.default_rng(3)
        some = genotype_batch(deletions(rng, rng.normal(size=N)), N, set_size=N)
        some = jax.tree.map(jnp.asarray, some)
        attention = make_world(form, some, np.random.default_rng(4), sharpness).dense_gate[:, 0]
        batch = jax.tree.map(jnp.asarray, genotype_batch(deletions(rng, attention), N, set_size=N))
        world = make_world(form, batch, np.random.default_rng(4), sharpness)
        keep, where = keep_mask(batch, N, jnp.float64), jnp.asarray(places(world, form))
        leaves = jax.tree.map(
            lambda x: x.astype(jnp.float64),
            tuple(states.embeddings for states in (world.gate, world.values)),
        )

        @jax.jit
        def found(leaves: tuple) -> tuple:
            def run(leaves: tuple) -> Array:
                gate, values = world.gate.with_embeddings(leaves[0]), world.values.with_embeddings(leaves[1])
                out = pool(gate, values, batch.genes, keep, world.change and world.change.shared)
                return loss(out.z_i, out.z_p)

            return jax.value_and_grad(run)(leaves)

        @jax.jit
        def exact(leaves: tuple) -> tuple:
            def run(leaves: tuple) -> Array:
                gate, values = (
                    jnp.concatenate([x.reshape(-1, *shape) for x in part])[where]
                    for part, shape in zip(leaves, ((), (H,)), strict=True)
                )
                top = jnp.where(keep > 0, gate, -jnp.inf).max(axis=0)
                top = jax.lax.stop_gradient(jnp.where(jnp.isfinite(top), top, 0))
                weight = keep * jnp.exp(jnp.where(keep > 0, gate - top, 0))
                z = (weight[..., None] * values).sum(axis=0) / (weight.sum(axis=0) + GUARD)[:, None]
                return loss(z[1:], z[:1] - z[1:])

            return jax.value_and_grad(run)(leaves)

        (value, gradient), (right, right_gradient) = found(leaves), exact(leaves)
        assert float(abs(value - right)) < 1e-11 * float(abs(right))
        # Where the attention is on one gene, its own gradient is made of rounding errors of the others.
        scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(right_gradient))
        for own, expected in zip(jax.tree.leaves(gradient), jax.tree.leaves(right_gradient), strict=True):
            np.testing.assert_allclose(own, expected, rtol=0, atol=1e-11 * scale)
