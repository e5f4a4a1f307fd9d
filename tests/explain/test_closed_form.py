"""Sums of models that are solved for: they are the prediction, and name what was planted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gi_jax.config import RunConfig
from gi_jax.data.formats.feature_files import GeneFeatures
from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.data.networks import cell_graph
from gi_jax.data.transforms import LabelTransform
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle
from gi_jax.experiment.experiment import Experiment, load_experiment
from gi_jax.explain.explanation import Explanation
from gi_jax.explain.genotype import Explainer, cell_of
from gi_jax.explain.terms import explanation_of
from gi_jax.models.closed_form import PairKernelOptions, fit_pair_kernel
from gi_jax.models.closed_form.pair_kernel import restore_pair_kernel
from gi_jax.models.model import Cell, PredictionSettings
from gi_jax.models.registry import KINDS, fit_competitor
from gi_jax.ops.gene_kernels import like_features, shared_neighbours
from gi_jax.predict import Predictor

N = 60
OPTIONS = PairKernelOptions(covariance_rounds=0, num_samples=0, tuning_steps=25)
KERNEL_SUMS = ["kernels", "training genotypes", "genes of training genotypes"]


def table(rows: np.ndarray, scores: np.ndarray) -> GenotypeTable:
    genes, sizes = padded(rows.tolist(), N)
    nothing, study = np.full(len(sizes), np.nan), np.zeros(len(sizes), np.int32)
    return GenotypeTable(genes, sizes, scores, nothing, study, ("s",), N)


def planted_world(source: str = "carries") -> tuple[Cell, GenotypeTable, GenotypeTable]:
    """Three networks and a table of features; pair effects come from one of them alone."""
    rng = np.random.default_rng(5)
    edges = {name: rng.integers(0, N, (2, 120)) for name in ("silent", "carries", "mute")}
    graph = cell_graph(edges, N)
    features = GeneFeatures("traits", rng.normal(size=(N, 5)).astype(np.float32), tuple("abcde"))
    if source == "traits":
        kernel = like_features(features.values, np.arange(N))
    else:
        kernel = shared_neighbours(graph[source], np.arange(N))
    root = np.linalg.cholesky(kernel + 1e-4 * np.eye(N))
    free = rng.normal(size=(N, N))
    effects = root @ (free + free.T) @ root.T / np.sqrt(2)
    pairs = np.stack(np.triu_indices(N, 1), axis=1)
    pairs = pairs[rng.permutation(len(pairs))]
    scores = effects[pairs[:, 0], pairs[:, 1]] + 0.1 * rng.normal(size=len(pairs))
    cell = Cell(GeneList(tuple(f"G{i:02}" for i in range(N))), graph, (features,))
    return cell, table(pairs[:900], scores[:900]), table(pairs[900:1300], scores[900:1300])


@pytest.fixture(scope="module")
def world():
    cell, train, val = planted_world()
    return cell, train, val, fit_pair_kernel(train, val, cell, OPTIONS)


def sizes(found: Explanation, name: str) -> dict[str, float]:
    """The sizes of the terms of one sum by their names, without the level."""
    own = next(one for one in found.sums if one.name == name)
    return {term.name: abs(term.value) for term in own.terms if term.kind != "level"}


@pytest.mark.parametrize("source", ["carries", "traits"])
def test_what_alone_carries_the_signal_is_named(source: str, world) -> None:
    cell, train, val, model = world
    if source == "traits":
        cell, train, val = planted_world(source)
        model = fit_pair_kernel(train, val, cell, OPTIONS)
    strong = np.argsort(-np.abs(model.predict(val).members[0]))[:20]
    first = 0
    for row in strong:
        found = sizes(explanation_of(model, val.genes[row].astype(np.int64), cell, 3), "kernels")
        first += max(found, key=found.__getitem__) == source
        assert found["fitted profiles"] < 1e-4 * sum(found.values())  # there are none in the first round
    assert first >= 18


def test_every_sum_is_the_prediction(world) -> None:
    cell, train, val, model = world
    model = fit_pair_kernel(train, val, cell, replace(OPTIONS, covariance_rounds=1, tuning_steps=2))
    for genes in ([3, 17], [1, 2, 40], [5]):
        row = np.array(genes)
        found = explanation_of(model, row, cell, 4)
        label = model.labels(row[None])[0]
        assert [one.name for one in found.sums] == KERNEL_SUMS
        for one in found.sums:
            scale = max(abs(term.value) for term in one.terms)
            assert one.total == pytest.approx(label, abs=1e-6 * scale), one.name
        assert len(found.sums[1].terms) == 6 and "896 other" in found.sums[1].terms[-1].name
    profiles = next(term for term in explanation_of(model, np.array([3, 17]), cell, 4).sums[0].terms
                    if term.kind == "profiles")  # fmt: skip
    assert abs(profiles.value) > 1e-3


def test_contributions_of_training_genotypes_are_coefficient_times_covariance(world) -> None:
    cell, train, _, model = world
    genes = np.array([3, 17])
    whole = explanation_of(model, genes, cell, len(train)).sums[1].terms[1:]
    kernel = model.kernel.astype(np.float64)  # all genes are fitted
    for term in whole[:50]:
        a, b = term.genes
        row = np.flatnonzero((train.genes == term.genes).all(axis=1))[0]
        covariance = kernel[3, a] * kernel[17, b] + kernel[3, b] * kernel[17, a]
        assert term.value == pytest.approx(model.coefficients[row] * covariance, rel=1e-9, abs=1e-12)
    values = [abs(term.value) for term in whole]
    assert values == sorted(values)[::-1] and len(values) == len(train)


def test_similar_genes_are_those_of_the_network(world) -> None:
    cell, _, _, model = world
    exact = shared_neighbours(cell.graph["carries"], np.arange(N))
    found = explanation_of(model, np.array([3, 17]), cell, 3).similar
    assert {one.gene for one in found} == {3, 17} and len(found) == 6
    best = next(one for one in found if one.gene == 3)
    order = np.argsort(-np.where(np.arange(N) == 3, -1, exact[3]))
    assert best.other in order[:2] and best.shares[0][0] == "carries"
    assert sum(share for _, share in best.shares) == pytest.approx(1, abs=0.05)


def test_what_is_not_at_hand_stays_together(world) -> None:
    cell, _, _, model = world
    arrays = model.arrays()
    again = restore_pair_kernel(arrays, OPTIONS, cell, PredictionSettings())
    bare = cell._replace(features=(), graph=cell_graph({}, N))
    genes = np.array([3, 17])
    found = explanation_of(again, genes, bare, 3)
    assert sizes(found, "kernels").keys() == {"own effects", "single genes", "not at hand"}
    assert found.sums[0].total == pytest.approx(model.labels(genes[None])[0])
    assert "not at hand, so not told apart: silent, carries, mute, traits" in found.notes

    earlier = {name: array for name, array in arrays.items() if not name.startswith(("kernel_", "gene_sc"))}
    old = restore_pair_kernel(earlier, OPTIONS, cell, PredictionSettings())
    found = explanation_of(old, genes, cell, 3)
    assert [one.name for one in found.sums] == KERNEL_SUMS[1:] and "train it again" in found.notes[0]
    damaged = arrays | {"kernel_weights": np.ones(2)}
    with pytest.raises(GiJaxError, match="names 4 kernels and has 2 weights"):
        restore_pair_kernel(damaged, OPTIONS, cell, PredictionSettings())


@pytest.fixture(scope="module")
def experiment(small_config: RunConfig) -> Experiment:
    return load_experiment(small_config)


@pytest.mark.parametrize("kind", ["mean", "additive", "low_rank", "query_pair"])
def test_the_terms_of_the_simple_models(kind: str, experiment: Experiment) -> None:
    fitted = fit_competitor(kind, experiment.training, experiment.validation, experiment.cell)
    config = replace(experiment.config, model=KINDS[kind].options())
    scale = LabelTransform("standard", (0.7,), (3.0,))
    bundle = ModelBundle(config, experiment.genes, scale, {}, dict(fitted.arrays()))
    predictor = Predictor(bundle, experiment.graph, fitted=fitted)
    for genotype in ("G01,G02", "G05", "G03,G04,G29"):
        found = Explainer(predictor).explain(genotype)
        (terms,) = found.parts.sums
        assert terms.total == pytest.approx(predictor.predict(genotype)[0], rel=1e-9)
        kinds = [term.kind for term in terms.terms]
        count = len(found.genes)
        expected = {
            "mean": ["level"],
            "additive": ["level"] + ["gene"] * count,
            "low_rank": ["level"] + ["gene"] * count + ["pair"] * (count * (count - 1) // 2),
            "query_pair": ["level", "pair"],
        }
        assert kinds == expected[kind]
    if kind == "additive":
        effects = [term.value for term in Explainer(predictor).explain("G01,G02").parts.sums[0].terms[1:]]
        np.testing.assert_allclose(effects, 3.0 * fitted.effects[[1, 2]])


def test_a_model_that_is_no_sum_says_so(experiment: Experiment) -> None:
    fitted = SimpleNamespace(kind="gradient_boosting")  # whose fit takes seconds
    with pytest.raises(GiJaxError, match="gradient_boosting is no sum"):
        explanation_of(fitted, np.array([1, 2]), experiment.cell, 3)


def test_another_network_than_that_of_the_training_is_refused(experiment: Experiment) -> None:
    fitted = fit_competitor("mean", experiment.training, experiment.validation, experiment.cell)
    config = replace(experiment.config, model=KINDS["mean"].options())
    networks = {"sparse": "0" * 64}
    bundle = ModelBundle(config, experiment.genes, experiment.transform, networks, dict(fitted.arrays()))
    with pytest.raises(GiJaxError, match="'sparse' has other edges"):
        cell_of(Predictor(bundle, fitted=fitted))
