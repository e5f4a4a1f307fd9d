"""EagerV1: what the shared masked graph must mean; tests/parity has recorded values."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.config import GeneEncoderConfig, LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.models.neural import EagerV1

N, H = 10, 8
NAMES = ("physical_interaction", "regulatory_interaction")
CONFIG = ModelConfig(
    kind="eager_v1",
    hidden_channels=H,
    num_layers=2,
    norm="layer",
    norm_statistics="batch",
    activation="silu",
    gene_encoder_config=GeneEncoderConfig(heads=2),
)


GENOTYPES = [[2, 7], [4], []]
rng = np.random.default_rng(0)
EDGES = {name: rng.integers(0, N, (2, 25)) for name in NAMES}
# Every shape runs once or twice: compiling is all that costs.
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@quick_jit
def predict(variables, graph, batch):
    return EagerV1(CONFIG, graph.num_genes, NAMES).apply(variables, graph, batch)


@pytest.fixture(scope="module", autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def variables(float64):
    """Random ones, so that neither norms nor biases nor beta are at their neutral values."""
    batch = genotype_batch(GENOTYPES, N)
    shapes = jax.eval_shape(EagerV1(CONFIG, N, NAMES).init, jax.random.key(0), cell_graph(EDGES, N), batch)
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape)), shapes)


@pytest.fixture(scope="module")
def plain(variables):
    return predict(variables, cell_graph(EDGES, N), genotype_batch(GENOTYPES, N))


def test_genotype_is_the_wildtype_of_the_graph_without_its_genes(variables, plain):
    """The original's definition: the kept genes alone, relabelled, with the edges between them."""
    one = predict(variables, cell_graph(EDGES, N), genotype_batch(GENOTYPES[:1], N))
    kept = np.setdiff1d(np.arange(N), GENOTYPES[0])
    label = np.full(N, -1)
    label[kept] = np.arange(len(kept))
    rest = {name: label[e][:, (label[e] >= 0).all(axis=0)] for name, e in EDGES.items()}
    table = variables["params"]["gene_embedding"][kept]
    fewer_genes = {"params": variables["params"] | {"gene_embedding": table}}
    alone = predict(fewer_genes, cell_graph(rest, len(kept)), genotype_batch([[]], len(kept)))
    for ours, theirs in zip(one.layers, alone.layers, strict=True):
        np.testing.assert_allclose(ours.columns[kept, 1], theirs.wildtype, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.z_i, alone.z_w, rtol=0, atol=1e-12)
    # In a batch, statistics run over the kept rows of all its genotypes: as shipped.
    assert np.abs(plain.z_i[0] - alone.z_w[0]).max() > 1e-6


def test_padding_genotypes_and_padding_genes_change_nothing(variables, plain):
    batch = genotype_batch(GENOTYPES, N, set_size=4, batch_size=5)
    padded = predict(variables, cell_graph(EDGES, N), batch)
    np.testing.assert_allclose(padded.gene_interaction[:3], plain.gene_interaction, rtol=0, atol=1e-13)
    assert padded.finite.all()


def test_gene_alone_in_its_genotype_has_no_dynamics(plain):
    np.testing.assert_array_equal(plain.local_dynamic[1, 0], plain.pert_gene_embs[1, 0])
    assert np.abs(plain.local_dynamic[0] - plain.pert_gene_embs[0]).max() > 1e-3
    np.testing.assert_array_equal(plain.local_static, plain.pert_gene_embs)


def test_fresh_model_and_its_running_statistics_over_kept_genes():
    model = EagerV1(replace(CONFIG, norm="batch", num_layers=1), N, NAMES)
    graph, batch = cell_graph(EDGES, N), genotype_batch(GENOTYPES, N)
    variables = quick_jit(model.init)(jax.random.key(0), graph, batch)
    assert variables["params"]["gene_interaction_predictor"]["attention"]["beta"] == pytest.approx(0.1)

    changed = quick_jit(lambda v: model.apply(v, graph, batch, train=True, mutable="batch_stats")[1])(
        variables
    )
    linear = variables["params"]["preprocessor"]
    wildtype = variables["params"]["gene_embedding"] @ linear["linear_0"]["kernel"]  # biases are 0
    kept = np.concatenate([np.delete(wildtype, genotype, axis=0) for genotype in GENOTYPES])

    def second_layer(rows):
        hidden = jax.nn.silu((rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5))
        return hidden @ linear["linear_1"]["kernel"]

    expected = np.zeros(H)  # momentum 0.1: both norms of the wildtype pass, then both of the batch's
    for value in (wildtype, second_layer(wildtype), kept, second_layer(kept)):
        expected = 0.9 * expected + 0.1 * value.mean(axis=0)
    found = changed["batch_stats"]["preprocessor"]["norm"]["mean"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_recomputing_in_the_backward_pass_changes_nothing():
    graph, batch = cell_graph(EDGES, N), genotype_batch(GENOTYPES, N)
    config = replace(CONFIG, norm="batch", num_layers=1)
    shapes = jax.eval_shape(EagerV1(config, N, NAMES).init, jax.random.key(0), graph, batch)
    rng = np.random.default_rng(1)
    variables = jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(0.1, 0.5, leaf.shape)), shapes)

    def step(remat):
        def loss(params):
            model = EagerV1(replace(config, remat=remat), N, NAMES)
            given = variables | {"params": params}
            out, changed = model.apply(given, graph, batch, train=True, mutable="batch_stats")
            return (out.gene_interaction**2).sum(), changed

        return quick_jit(jax.grad(loss, has_aux=True))(variables["params"])

    plain = step("none")
    for remat in ("layer", "full"):
        chex.assert_trees_all_close(step(remat), plain, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm": "graph"}, "model.norm of eager_v1 is 'graph', expected one of layer, batch"),
        (
            {"gene_encoder_config": GeneEncoderConfig(graph_aggregation_method="mean")},
            "graph_aggregation_method of eager_v1 is 'mean', expected one of sum",
        ),
        (
            {"local_predictor_config": LocalPredictorConfig(use_local_predictor=False)},
            "eager_v1', which always has a local predictor and a gate",
        ),
        (
            {"local_predictor_config": LocalPredictorConfig(combination_method="concat")},
            "eager_v1', which always has a local predictor and a gate",
        ),
    ],
)
def test_what_the_system_does_not_have_is_refused_by_the_configuration(change, message):
    with pytest.raises(GiJaxError, match=message):
        replace(CONFIG, norm_statistics="batch", **change)
