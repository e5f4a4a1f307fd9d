"""Parts of predictions add up to the prediction, parts of networks to the layer."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from gi_jax.config import RunConfig
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.genotypes import genotype_batch
from gi_jax.experiment.cell import load_genes, load_graph
from gi_jax.explain.intermediates import Trained, predictor_parts, wildtype_networks
from gi_jax.models.neural import build_model
from gi_jax.models.neural.forward import TableForward
from gi_jax.report.networks import network_shares
from gi_jax.training.state import init_variables


@pytest.fixture(scope="module")
def trained(small_config: RunConfig) -> Trained:
    genes = load_genes(small_config.data)
    graph, _ = load_graph(small_config, genes)
    model = build_model(small_config.model, len(genes), graph.names)
    return Trained(model, init_variables(model, graph, seed=1), graph)


def test_weighted_parts_are_the_prediction(trained: Trained, small_config: RunConfig) -> None:
    names = [f"G{a:02},G{b:02}" for a, b in [(0, 1), (2, 3), (4, 29), (1, 7), (8, 9), (11, 10)]]
    table = genotypes_from_names(load_genes(small_config.data), names)
    parts = predictor_parts(trained, table, batch_size=4)
    assert parts.interaction.shape == parts.weight.shape == (6, 2)
    np.testing.assert_allclose(parts.weight.sum(axis=1), 1, rtol=1e-6)
    predicted = TableForward(trained.model, trained.graph, table, batch_size=4)(trained.variables)
    np.testing.assert_allclose((parts.interaction * parts.weight).sum(axis=1), predicted, rtol=1e-5)


def test_summed_networks_are_the_layer(trained: Trained) -> None:
    found = wildtype_networks(trained)
    assert found.weights == ()
    (outputs,) = found.outputs
    assert outputs.shape == (2, 30, 8)
    wildtype = genotype_batch([[]], 30)
    output = jax.jit(trained.model.apply)(trained.variables, trained.graph, wildtype)
    np.testing.assert_allclose(outputs.sum(axis=0), output.layers[-1].wildtype, rtol=1e-5, atol=1e-6)
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1


def test_shares_of_pairs_go_to_their_networks_by_halves() -> None:
    # Pairs of 3 networks in order 00, 01, 02, 11, 12, 22, then the plain mean.
    weights = np.array([[0.1, 0.2, 0.0, 0.3, 0.1, 0.0, 0.3]])
    expected = [[0.1 + 0.1 + 0.1, 0.1 + 0.3 + 0.05 + 0.1, 0.05 + 0.1]]
    np.testing.assert_allclose(network_shares(weights, 3), expected, rtol=1e-12)


def test_shares_of_attention_are_what_a_network_receives() -> None:
    weights = np.array([[[0.9, 0.1], [0.5, 0.5]]])  # rows attend
    np.testing.assert_allclose(network_shares(weights, 2), [[0.7, 0.3]], rtol=1e-12)
    np.testing.assert_array_equal(network_shares(np.array([[0.6, 0.4]]), 2), [[0.6, 0.4]])
