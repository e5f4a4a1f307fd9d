"""Aggregation mapped over the members of an ensemble: one sparse product, wider."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.ops.names import BACKENDS
from gi_jax.ops.spmm import masked_spmm, spmm, with_backend
from tests.programs import result_shapes

N, K = 7, 3
EDGES = np.array([[0, 0, 3, 3, 6, 2, 5, 5], [1, 1, 3, 0, 5, 5, 0, 4]], np.int32)  # repeats and a self loop


@pytest.mark.parametrize("backend", BACKENDS)
def test_members_together_equal_members_one_by_one(backend: str) -> None:
    rng = np.random.default_rng(0)
    graph = with_backend(cell_graph({"network": EDGES}, N), backend)
    with jax.enable_x64(True):
        x, weight = jnp.asarray(rng.normal(size=(2, K, N, 2, 3)))
        keep = jnp.asarray(rng.integers(0, 2, (N, 2)), jnp.float64)

        def loss(x: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
            # Also through rematerialisation, which traces the product as an inner program.
            out = jax.checkpoint(lambda x: masked_spmm(graph.networks[0], jnp.sin(x), keep))(x)
            return (out * weight).sum(), out

        both = jax.value_and_grad(loss, has_aux=True)
        (values, outs), gradients = jax.jit(jax.vmap(both))(x, weight)
        for k in range(K):
            (value, out), gradient = both(x[k], weight[k])
            np.testing.assert_allclose(values[k], value, atol=1e-13)
            np.testing.assert_allclose(outs[k], out, atol=1e-14)
            np.testing.assert_allclose(gradients[k], gradient, atol=1e-14)


@pytest.mark.parametrize(
    ("backend", "primitive"),
    [("bcsr", "bcsr_dot_general"), ("segment", "scatter-add"), ("dense", "dot_general")],
)
def test_members_are_columns_of_one_product(backend: str, primitive: str) -> None:
    graph = with_backend(cell_graph({"network": EDGES}, N), backend)
    gradient = jax.grad(lambda x: jnp.sin(spmm(graph.networks[0], x)).sum())
    members = jax.make_jaxpr(jax.vmap(jax.vmap(gradient)))(jnp.ones((2, K, N, 5)))  # members of members
    single = jax.make_jaxpr(gradient)(jnp.ones((N, 5)))
    for program, columns in ((single, 5), (members, 2 * K * 5)):
        # One product forward, one backward.
        assert result_shapes(program.jaxpr, primitive) == [(N, columns)] * 2


def test_a_mapped_graph_is_refused() -> None:
    graph = with_backend(cell_graph({"network": EDGES}, N), "segment")
    several = jax.tree.map(lambda leaf: jnp.stack([leaf] * K), graph.networks[0])
    with pytest.raises(GiJaxError, match="map over node states and share the graph"):
        jax.vmap(spmm)(several, jnp.ones((K, N, 2)))
