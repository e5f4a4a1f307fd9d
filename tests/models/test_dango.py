"""Dango: missing networks, sets of genes, a loss without [N, N] arrays; tests/parity has recorded values."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.config import LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import cell_graph
from gi_jax.losses.dango import mean_reconstruction_loss
from gi_jax.models.neural import Dango
from gi_jax.nn.mlp import Linear
from gi_jax.nn.sage import SAGEParameters, sage

N, H = 10, 8
NAMES = ("neighborhood", "fusion", "database")
CONFIG = ModelConfig(
    kind="dango", hidden_channels=H, local_predictor_config=LocalPredictorConfig(num_heads=2)
)


rng = np.random.default_rng(0)
EDGES = {name: rng.integers(0, N, (2, 20)) for name in NAMES}
# Every shape runs once or twice: compiling is all that costs.
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@quick_jit
def predict(variables, graph, batch):
    return Dango(CONFIG, N, NAMES).apply(variables, graph, batch)


@pytest.fixture(scope="module", autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def variables(float64):
    batch = genotype_batch([[0, 1]], N)
    return quick_jit(Dango(CONFIG, N, NAMES).init)(jax.random.key(0), cell_graph(EDGES, N), batch)


@pytest.fixture(scope="module")
def plain(variables):
    return predict(variables, cell_graph(EDGES, N), genotype_batch([[1, 2, 3], [4], []], N))


def test_missing_network_has_zero_embeddings_and_keeps_its_share_of_the_attention(variables, plain):
    present = cell_graph({name: EDGES[name] for name in ("database", "neighborhood")}, N)
    out = predict(variables, present, genotype_batch([[1, 2, 3], [4], []], N))
    assert not out.network_embeddings[1].any()
    assert (out.network_weights[1] > 0).all()
    np.testing.assert_allclose(out.network_weights.sum(axis=0), 1, rtol=0, atol=1e-15)
    np.testing.assert_allclose(out.network_embeddings[0], plain.network_embeddings[0], rtol=0, atol=1e-15)


def test_neighbours_are_averaged_with_repeated_edges_counting_each_time():
    graph = cell_graph({"a": np.array([[1, 1, 2, 0], [0, 0, 0, 3]])}, 4)
    x = jnp.arange(8.0).reshape(4, 2)  # rows [0 1], [2 3], [4 5], [6 7]
    parameters = SAGEParameters(Linear(jnp.eye(2), jnp.array([0.5, -0.5])), Linear(10 * jnp.eye(2), None))
    # Gene 0 hears gene 1 twice and gene 2 once, gene 3 hears gene 0; genes 1 and 2 hear nothing.
    means = np.array([[8 / 3, 11 / 3], [0, 0], [0, 0], [0, 1]])
    expected = np.maximum(means + [0.5, -0.5] + 10 * np.arange(8.0).reshape(4, 2), 0)
    np.testing.assert_allclose(sage(parameters, graph["a"], x), expected, rtol=0, atol=1e-14)


def test_deleted_genes_stay_in_the_networks(variables, plain):
    other = predict(variables, cell_graph(EDGES, N), genotype_batch([[5, 2, 3], [6], []], N))
    np.testing.assert_array_equal(plain.integrated_embeddings, other.integrated_embeddings)
    assert (plain.gene_interaction[:2] != other.gene_interaction[:2]).all()


def test_order_within_a_genotype_does_not_matter_and_padding_does_not_count(variables, plain):
    batch = genotype_batch([[3, 1, 2], [4], []], N, set_size=5, batch_size=4)
    padded = predict(variables, cell_graph(EDGES, N), batch)
    np.testing.assert_allclose(padded.gene_interaction[:3], plain.gene_interaction, rtol=0, atol=1e-15)
    assert plain.gene_interaction[2] == 0
    assert padded.finite.all()


def test_loss_from_the_outputs_alone_reaches_embedding_and_reconstruction():
    """And nothing as large as one [N, N] matrix exists on the way."""
    n = 700
    rng = np.random.default_rng(1)
    graph = cell_graph({name: rng.integers(0, n, (2, 900)) for name in NAMES}, n)
    model, batch = Dango(CONFIG, n, NAMES), genotype_batch([[0, 1]], n)
    shapes = jax.eval_shape(model.init, jax.random.key(0), graph, batch)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.3, leaf.shape)), shapes["params"])

    def loss(params, graph):
        out = model.apply({"params": params}, graph, batch)
        weight, bias = out.reconstruction
        return mean_reconstruction_loss(out.network_embeddings, weight, bias, NAMES, graph, {"fusion": 0.1})

    compiled = quick_jit(jax.grad(loss)).lower(params, graph).compile()
    gradient = compiled(params, graph)
    assert compiled.memory_analysis().temp_size_in_bytes < n * n * 8
    for part in ("gene_embedding", "sage_1", "sage_2", "reconstruction"):
        assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient[part])), part
    assert not any(leaf.any() for leaf in jax.tree.leaves(gradient["hyper_sagnn"]))


def test_initial_values_are_those_of_pytorch(variables):
    params = variables["params"]
    bound = 1 / np.sqrt(H)  # of every linear layer with H inputs, weight and bias
    for layer in (params["sage_1"]["neighbours"], params["reconstruction"], params["hyper_sagnn"]["static"]):
        for leaf in layer.values():
            assert 0.7 * bound < np.abs(leaf).max() <= bound
    assert "bias" not in params["sage_1"]["own"]
    assert params["hyper_sagnn"]["attention_1"]["beta"] == pytest.approx(0.01)
    assert np.std(params["gene_embedding"]) == pytest.approx(0.1, rel=0.3)
