"""Removals from neural models: exact, of the right network, and found by their slopes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.config import RunConfig, load_config
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.explain.genotype import Explained, Explainer, cell_of
from gi_jax.explain.terms import explanation_of
from gi_jax.models.model import PredictionSettings
from gi_jax.models.neural import build_model
from gi_jax.models.neural.fitted import NeuralModel
from gi_jax.predict import Predictor
from gi_jax.training.state import init_variables
from tests.conftest import CONFIGS
from tests.explain.test_closed_form import KERNEL_SUMS
from tests.serve.conftest import model  # noqa: F401 - a fixture
from tests.untrained import untrained

GENOTYPE = "G03,G11"
KINDS = {
    "two layers, attentive": [
        "model.num_layers=2",
        "model.gene_encoder_config.graph_aggregation_method=cross_attention",
        "model.gene_encoder_config.graph_aggregation_config.num_heads=2",
    ],
    "gatv2": ["model.gene_encoder_config.encoder_type=gatv2", "model.gene_encoder_config.heads=2"],
    "dango": ["model.kind=dango"],
}


def predictor_of(overrides: list[str], more: list[str]) -> Predictor:
    config = load_config(CONFIGS / "tiny.yaml", [*overrides, *more]).config
    return untrained(config)


def edge_lists(graph: CellGraph) -> dict[str, np.ndarray]:
    both = zip(graph.names, graph.networks, strict=True)
    return {name: np.stack([np.asarray(net.senders), np.asarray(net.receivers)]) for name, net in both}


def without(predictor: Predictor, drop: dict[str, np.ndarray]) -> float:
    """The prediction of the same weights on a graph that never had some edges."""
    edges = edge_lists(predictor.graph)
    edges |= {name: edges[name][:, ~rows] for name, rows in drop.items()}
    graph = jax.device_put(cell_graph(edges, predictor.graph.num_genes))
    bundle = replace(predictor.bundle, networks={})
    return float(Predictor(bundle, graph).predict(GENOTYPE, "one")[0])


def explained(predictor: Predictor, most: int = 3) -> Explained:
    return Explainer(predictor).explain(GENOTYPE, "one", most)


@pytest.mark.parametrize("kind", KINDS)
def test_a_removal_is_the_prediction_of_a_cell_without_it(kind: str, small_overrides: list[str]) -> None:
    predictor = predictor_of(small_overrides, KINDS[kind])
    found = explained(predictor, 1)
    genes = predictor.bundle.genes
    edges, full = edge_lists(predictor.graph), float(predictor.predict(GENOTYPE, "one")[0])
    assert found.prediction == pytest.approx(full, rel=1e-6)
    deleted = [genes.index(name) for name in GENOTYPE.split(",")]
    kinds = set()
    for removal in found.parts.removals:
        if removal.kind == "network":
            drop = {removal.name: np.ones(edges[removal.name].shape[1], bool)}
        elif removal.kind == "neighbour":
            touching = {
                name: np.isin(own, deleted).any(axis=0) & (own == removal.genes[0]).any(axis=0)
                for name, own in edges.items()
            }
            drop = {name: rows for name, rows in touching.items() if rows.any()}
        else:
            sender, receiver = removal.genes
            own = edges[removal.name]
            drop = {removal.name: (own[0] == sender) & (own[1] == receiver)}
            if removal.kind == "edge":
                drop[removal.name] |= (own[0] == receiver) & (own[1] == sender)
        assert drop and all(rows.any() for rows in drop.values())
        change = full - without(predictor, drop)
        assert removal.change == pytest.approx(change, abs=2e-6 * max(abs(full), 1)), removal
        kinds.add(removal.kind)
    assert {"network", "neighbour"} <= kinds and kinds & {"edge", "directed edge"}


def test_a_network_that_alone_carries_the_signal_is_named(small_overrides: list[str]) -> None:
    predictor = predictor_of(small_overrides, [])
    graph = predictor.graph
    silent = graph.names.index("dense")
    # The branch of one network gives zeros whatever it receives: only the other one carries anything.
    variables = jax.tree.map(np.array, predictor.bundle.variables)
    layer = variables["params"]["convs_0"]
    for name, leaf in jax.tree_util.tree_leaves_with_path(layer):
        if any("linear_1" in str(part) for part in name):
            leaf[silent] = 0
    for leaf in jax.tree.leaves(layer["norm"]):
        leaf[silent] = 0
    silenced = Predictor(replace(predictor.bundle, variables=variables), graph)
    parts = explained(silenced, 5).parts
    networks = {removal.name: removal.change for removal in parts.removals if removal.kind == "network"}
    assert networks["dense"] == 0 and abs(networks["sparse"]) > 1e-3
    named = [removal.name for removal in parts.removals if "edge" in removal.kind]
    assert len(named) == 5 and set(named) == {"sparse"}

    # The edges found by their slopes are those whose removal changes most.
    edges = edge_lists(graph)["sparse"]
    pairs = {tuple(sorted(pair)) for pair in edges.T.tolist()}
    full = float(silenced.predict(GENOTYPE, "one")[0])
    sizes = {}
    for a, b in pairs:
        drop = ((edges[0] == a) & (edges[1] == b)) | ((edges[0] == b) & (edges[1] == a))
        sizes[a, b] = abs(full - without(silenced, {"sparse": drop}))
    largest = sorted(sizes, key=sizes.__getitem__)[::-1]
    shown = {tuple(sorted(removal.genes)) for removal in parts.removals if "edge" in removal.kind}
    assert largest[0] in shown and len(shown & set(largest[:8])) >= 4


def test_the_paths_add_up_of_every_member_of_an_ensemble(small_config: RunConfig) -> None:
    predictor = untrained(replace(small_config, ensemble=2))
    found = explained(predictor)
    (paths,) = found.parts.sums
    scale = max(abs(term.value) for term in paths.terms)
    assert [term.name.split(":")[0] for term in paths.terms] == ["center of the scores", "global", "local"]
    assert paths.total == pytest.approx(found.prediction, abs=1e-6 * scale)
    assert found.prediction == pytest.approx(predictor.predict(GENOTYPE, "one")[0], rel=1e-6)


def test_features_are_removed_and_a_prior_is_explained_too(
    small_config: RunConfig,
    model: tuple[Path, Predictor],  # noqa: F811
) -> None:
    below = model[1]
    settings = PredictionSettings(batch_size=16)
    config = replace(small_config.model, gene_embedding="features")
    known = jnp.asarray(np.random.default_rng(0).normal(size=(30, 5)), jnp.float32)
    graph = replace(jax.device_put(below.graph), features=known)
    module = build_model(config, 30, graph.names)
    variables = init_variables(module, graph, 0)
    own = NeuralModel(module, config, variables, graph, settings, {}, below.fitted, 0.5)
    genes = np.array([3, 11])
    cell, _ = cell_of(below)
    found = explanation_of(own, genes, cell, 1)
    row = np.array([[3, 11]], np.int32)
    one = GenotypeTable(row, np.array([2]), *[np.full(1, np.nan)] * 2, np.zeros(1, np.int32), ("s",), 30)
    label = own.predict(one).members[0, 0]
    assert [each.name for each in found.sums] == ["paths", *(f"prior: {name}" for name in KERNEL_SUMS)]
    for each in found.sums:
        assert each.total == pytest.approx(label, abs=1e-6 * max(abs(term.value) for term in each.terms))
    assert found.similar

    removed = {removal.genes: removal.change for removal in found.removals if removal.kind == "features"}
    assert removed.keys() == {(3,), (11,), (3, 11)}
    bare = replace(graph, features=known.at[11].set(0))
    without = NeuralModel(module, config, variables, bare, settings, {}, below.fitted, 0.5)
    assert removed[11,] == pytest.approx(label - without.predict(one).members[0, 0], abs=1e-6)
    assert abs(removed[11,]) > 1e-4
