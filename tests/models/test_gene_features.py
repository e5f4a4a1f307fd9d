"""Embeddings made of gene features: an undeleted gene is known by them, and a model folder keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

from gi_jax.cli import app
from gi_jax.config import LocalPredictorConfig, ModelConfig, parse_config
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import load_bundle, save_bundle
from gi_jax.models.neural import build_model
from gi_jax.models.neural.fixed import FIXED
from gi_jax.models.neural.gene_features import FEATURES
from gi_jax.nn.bilinear import BilinearPredictor
from gi_jax.nn.hyper_sagnn import LocalOutput
from gi_jax.predict import Predictor, Screen

CONFIGS = Path(__file__).parents[2] / "configs"
N, D, H = 10, 4, 8
LOCAL = LocalPredictorConfig(predictor="bilinear", combination_method="local")
CONFIG = ModelConfig(hidden_channels=H, num_layers=0, gene_embedding="both", local_predictor_config=LOCAL)


def graph() -> CellGraph:
    rng = np.random.default_rng(0)
    known = jnp.asarray(rng.normal(size=(N, D)), jnp.float32)
    return replace(cell_graph({"a": rng.integers(0, N, (2, 12))}, N), features=known)


def test_the_bilinear_predictor_is_its_sum() -> None:
    rng, sizes = np.random.default_rng(0), np.array([0, 1, 2, 3])
    x, square = rng.normal(size=(4, 3, H)), rng.normal(size=(H, H))
    single, level = rng.normal(size=(H, 1)), 0.7
    params = {"pairs": {"kernel": square}, "genes": {"kernel": single, "bias": np.array([level])}}
    found = cast(LocalOutput, BilinearPredictor(H).apply({"params": params}, x, sizes))
    symmetric = (square + square.T) / 2
    for b, size in enumerate(sizes):
        own = x[b, :size]
        pairs = sum(own[i] @ symmetric @ own[j] for i in range(size) for j in range(i))
        expected = level * (size > 0) + own.sum(axis=0) @ single[:, 0] + pairs
        np.testing.assert_allclose(found.interaction[b, 0], expected, rtol=1e-4)
        halves = (found.static[b] * found.dynamic[b]).sum() / 2
        np.testing.assert_allclose(halves, pairs, rtol=1e-4, atol=1e-5)


def test_an_undeleted_gene_has_no_part_of_its_own() -> None:
    model, batch = build_model(CONFIG, N, ("a",)), genotype_batch([[0, 3], [1, 2]], N)
    variables = jax.jit(model.init)(jax.random.key(0), graph(), batch)
    params = jax.tree.map(lambda x: x + 0.1, variables["params"])  # nothing at 0 that keeps gradients back
    params["gene_embedding"] = variables["params"]["gene_embedding"]
    np.testing.assert_array_equal(params["gene_embedding"], 0)

    def error(params: dict, key: jax.Array) -> jax.Array:
        rngs = {"dropout": key}
        output = cast(Any, model.apply({"params": params}, graph(), batch, train=True, rngs=rngs))
        return (output.gene_interaction**2).sum()

    slopes = np.stack(
        [jax.jit(jax.grad(error))(params, jax.random.key(seed))["gene_embedding"] for seed in range(8)]
    )
    moved = np.abs(slopes).sum(axis=2) > 0  # [8, N]
    assert not moved[:, 4:].any() and moved[:, :4].any(axis=0).all()
    assert 0.2 < moved[:, :4].mean() < 0.8  # dropped gene by gene, at a rate of 0.5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """60 genes of four traits; the score of a pair is a product of their traits, and noise."""
    folder, rng = tmp_path_factory.mktemp("traits"), np.random.default_rng(1)
    genes = [f"G{i:02}" for i in range(60)]
    traits = rng.normal(size=(60, 4))
    (folder / "genes.txt").write_text("".join(f"{gene}\n" for gene in genes))
    rows = ("\t".join([gene, *map(str, own)]) for gene, own in zip(genes, traits, strict=True))
    (folder / "traits.tsv").write_text("gene\ta\tb\tc\td\n" + "\n".join(rows) + "\n")
    score = traits @ np.diag([1, -1, 0.5, 0]) @ traits.T + 0.1 * rng.normal(size=(60, 60))
    pairs = [f"{genes[i]},{genes[j]}\t{score[i, j]:.4f}" for i in range(60) for j in range(i)]
    (folder / "scores.tsv").write_text("genes\tscore\n" + "\n".join(pairs) + "\n")
    return folder, [
        f"data.genes={folder / 'genes.txt'}",
        f"data.genotypes=[{folder / 'scores.tsv'}]",
        f"data.features.traits.path={folder / 'traits.tsv'}",
        "cell_dataset.graphs=[]",
        "cell_dataset.features=[traits]",
        "data_module.batch_size=64",
        "model.hidden_channels=16",
        "trainer.max_epochs=20",
        "regression_task.optimizer.weight_decay=0.1",
        "regression_task.optimizer.lr=1e-2",
        "regression_task.warmup_steps=10",
        "ensemble=2",
    ]


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_genes_without_a_training_genotype_are_predicted_and_the_model_is_kept(
    world: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, overrides = world
    run = tmp_path / "run"
    train = ["train", "--config", CONFIGS / "neural_features.yaml", "--out", run, *overrides]
    call(*train, "trainer.max_epochs=3")
    call(*train, "--resume")
    lines = [line.split("\t") for line in (run / "evaluation.tsv").read_text().splitlines()]
    pearson = dict(
        zip((row[0] for row in lines), (row[lines[0].index("pearson")] for row in lines), strict=True)
    )
    assert float(pearson["model"]) > 0.9 > 0.5 > float(pearson["low-rank"])

    predictor, asked = Predictor.load(run), ["G00,G01", "G05", "G10,G20,G30"]
    assert predictor.fitted.abilities.tells_unseen_genes_apart
    expected = predictor.predict_with_spread(asked)
    (folder / "traits.tsv").rename(folder / "away.tsv")  # what is kept is enough
    bundle = load_bundle(run)
    save_bundle(bundle, tmp_path / "model")
    np.testing.assert_array_equal(Predictor.load(tmp_path / "model").predict_with_spread(asked), expected)
    members = [Predictor(bundle.member(k), predictor.graph).predict(asked) for k in (0, 1)]
    np.testing.assert_allclose(np.mean(members, axis=0), expected.mean, rtol=1e-5)
    screen = Screen(predictor, "G00,G01,G02,G03", top=3)
    assert list(screen.run()) == [6]
    names = [",".join(predictor.bundle.genes.names(row)) for row in screen.found().genes]
    np.testing.assert_allclose(screen.found().score, predictor.predict(names), rtol=1e-4)

    damaged = {**bundle.variables, FIXED: {FEATURES: bundle.variables[FIXED][FEATURES][:-1]}}
    for variables in (damaged, {"params": bundle.variables["params"]}):
        with pytest.raises(GiJaxError, match=r"features of the shape \(60, any\)"):
            Predictor(replace(bundle, variables=variables), predictor.graph)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: {gene_embedding: known}", "model.gene_embedding is 'known', expected one of free"),
        ("model: {kind: dango, gene_embedding: both}", "model.gene_embedding of dango is 'both'"),
        ("model: {feature_rank: 0}", "model.feature_rank is 0, expected at least 1"),
        ("model: {gene_embedding: both, free_dropout: 1.0}", "model.free_dropout is 1.0"),
        (
            "model: {local_predictor_config: {predictor: linear}}",
            "predictor is 'linear', expected one of hyper_sagnn",
        ),
        ("{cell_dataset: {features: [yeastphenome]}}", "gene_embedding: features"),
    ],
)
def test_wrong_settings_are_named(text: str, sentence: str) -> None:
    with pytest.raises(GiJaxError, match=sentence):
        parse_config(text)
