"""Dango's loss against recorded values and against a dense adjacency."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.losses.dango import alpha_schedule, dango_loss, mean_reconstruction_loss, reconstruction_loss
from gi_jax.ops.spmm import with_backend
from tests.losses.quick import quick_jit

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(path.name for path in GOLDEN.glob("dango_*"))


@pytest.mark.parametrize("case", CASES)
def test_recorded_losses_and_reconstruction_gradients(case: str) -> None:
    folder = GOLDEN / case
    meta = json.loads((folder / "case.json").read_text())
    outputs, graphs = np.load(folder / "outputs.npz"), np.load(folder / "graphs.npz")
    params, recorded_gradient = (
        load_file(folder / "params.safetensors"),
        load_file(folder / "grads.safetensors"),
    )
    names, zero_weights = meta["graph_names"], meta["loss"]["lambda_values"]
    layer = "pretrain_model.recon_layers.{}.{}"
    transitions = dict(meta["loss"]["schedulers"])
    with jax.enable_x64(True):
        graph = cell_graph({name: graphs[name] for name in graphs.files}, meta["gene_num"])
        embeddings = jnp.stack([outputs[f"network_embeddings.{name}"] for name in names])
        weight = jnp.stack([params[layer.format(name, "weight")].T.astype(float) for name in names])
        bias = jnp.stack([params[layer.format(name, "bias")].astype(float) for name in names])
        epochs = jnp.array(meta["loss"]["epochs"])

        @quick_jit
        def run(parts: tuple[jax.Array, jax.Array]) -> tuple:
            reconstruction, gradient = jax.value_and_grad(
                lambda parts: mean_reconstruction_loss(embeddings, *parts, names, graph, zero_weights)
            )(parts)
            losses = {}
            for schedule, transition in transitions.items():
                alphas = alpha_schedule(schedule, transition)(epochs)
                scores = outputs["interaction_scores"], outputs["targets"]
                total, terms = jax.vmap(lambda a, s=scores: dango_loss(*s, reconstruction, a))(alphas)
                losses[schedule] = terms | {"total": total}
            return losses, gradient

        losses, gradient = run((weight, bias))
    for schedule, terms in losses.items():
        for key, values in terms.items():
            recorded = [outputs[f"loss.{schedule}.{epoch}.{key}"] for epoch in meta["loss"]["epochs"]]
            np.testing.assert_allclose(values, recorded, rtol=1e-11, err_msg=f"{schedule} {key}")
    schedule, epoch = meta["loss"]["backward"]
    alpha = losses[schedule]["alpha"][meta["loss"]["epochs"].index(epoch)]
    for g, name in enumerate(names):
        for found, key in ((gradient[0][g].T, "weight"), (gradient[1][g], "bias")):
            recorded = recorded_gradient.get(layer.format(name, key), np.zeros(found.shape))
            np.testing.assert_allclose(
                alpha * found, recorded, rtol=0, atol=1e-10 * np.abs(recorded).max() + 1e-17
            )
            assert (name in graphs.files) == bool(np.any(found))


@pytest.mark.parametrize("backend", ["bcsr", "segment"])
@pytest.mark.parametrize("zero_weight", [0.1, 1.0])
def test_the_dense_loss_with_repeated_edges_and_self_loops(zero_weight: float, backend: str) -> None:
    rng = np.random.default_rng(0)
    genes, channels = 9, 3
    edges = rng.integers(0, genes, size=(2, 30))
    edges[:, 20:] = edges[:, :10]
    edges[:, 29] = 4
    parts = rng.normal(size=(genes, channels)), rng.normal(size=(channels, genes)), rng.normal(size=genes)

    def dense(embeddings: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
        target = np.zeros((genes, genes))
        np.add.at(target, (edges[0], edges[1]), 1)
        error = (embeddings @ weight + bias - target) ** 2
        return jnp.mean(jnp.where(target == 0, zero_weight, 1.0) * error)

    with jax.enable_x64(True):
        network = with_backend(cell_graph({"a": edges}, genes), backend)["a"]
        parts = tuple(map(jnp.array, parts))
        expected = quick_jit(jax.value_and_grad(dense, (0, 1, 2)))(*parts)
        found = jax.value_and_grad(lambda *p: reconstruction_loss(*p, network, zero_weight), (0, 1, 2))(
            *parts
        )
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, rtol=1e-12, atol=1e-14), found, expected)


def test_no_array_of_n_by_n_exists_at_the_size_of_yeast() -> None:
    genes, channels, count = 6607, 16, 100_000
    rng = np.random.default_rng(1)
    network = cell_graph({"a": rng.integers(0, genes, size=(2, count))}, genes)["a"]
    shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((genes, channels), (channels, genes), (genes,))]
    compiled = (
        jax.jit(jax.grad(lambda p, a: reconstruction_loss(*p, a, 0.1))).lower(shapes, network).compile()
    )
    assert compiled.memory_analysis().temp_size_in_bytes < genes * genes * 4 / 4


def test_alpha_schedules_fall_as_named() -> None:
    epochs = jnp.array([0, 4, 5, 10, 50])
    # the definitions at transition epoch 10, by hand
    np.testing.assert_allclose(alpha_schedule("PreThenPost", 10)(epochs), [1, 1, 1, 0, 0])
    np.testing.assert_allclose(alpha_schedule("LinearUntilUniform", 10)(epochs), [1, 0.8, 0.75, 0.5, 0.5])
    np.testing.assert_allclose(
        alpha_schedule("LinearUntilFlipped", 10)(epochs), [1, 0.6, 0.5, 0, 0], atol=1e-7
    )
    with pytest.raises(GiJaxError, match="unknown Dango schedule 'Cosine'.*PreThenPost"):
        alpha_schedule("Cosine")
