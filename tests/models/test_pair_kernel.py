"""The pair-kernel process against the dense formulas of Gaussian processes, on a dozen genes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gi_jax.data.formats.feature_files import GeneFeatures
from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form import PairKernelOptions, fit_pair_kernel
from gi_jax.models.closed_form.pair_kernel import PairKernel, restore_pair_kernel
from gi_jax.models.model import Cell, PredictionSettings
from gi_jax.models.wanted import Combinations
from gi_jax.ops.gene_kernels import like_features, shared_neighbours

N, UNSEEN = 14, 13
OPTIONS = PairKernelOptions(tuning_steps=3, covariance_rounds=0, tolerance=1e-6)


def cell() -> Cell:
    rng = np.random.default_rng(0)
    graph = cell_graph({"net": rng.integers(0, N, (2, 30))}, N)
    features = GeneFeatures("traits", rng.normal(size=(N, 4)).astype(np.float32), tuple("abcd"))
    return Cell(GeneList(tuple(f"G{i:02}" for i in range(N)), ("",) * N), graph, (features,))


def table(genotypes: list[tuple[int, ...]], scores: np.ndarray) -> GenotypeTable:
    genes, sizes = padded(genotypes, N)
    return GenotypeTable(
        genes, sizes, scores, np.full(len(sizes), np.nan), np.zeros(len(sizes), np.int32), ("s",), N
    )


def data() -> tuple[GenotypeTable, GenotypeTable]:
    rng = np.random.default_rng(1)
    genotypes = [(i, j) for i in range(UNSEEN) for j in range(i)] + [(0, 1, 2), (3, 4, 5), (2, 7, 9)]
    order = rng.permutation(len(genotypes))
    scores = rng.normal(size=len(genotypes))
    train, val = order[:60], order[60:]
    return table([genotypes[i] for i in train], scores[train]), table(
        [genotypes[i] for i in val], scores[val]
    )


def kernel(model: PairKernel) -> np.ndarray:
    """K of all genes, its unseen rows too, put together from what the model keeps."""
    full = np.full((N, N), np.nan)
    full[:, model.genes] = model.kernel
    full[model.genes, :] = model.kernel.T
    full[np.arange(N), np.arange(N)] = model.own
    return np.where(np.isnan(full), model.constant, full)


def between(k: np.ndarray, a: GenotypeTable, b: GenotypeTable) -> np.ndarray:
    """Covariances of the sums of pair effects."""
    found = np.zeros((len(a), len(b)))
    for row, genes in enumerate(a.genes):
        for column, others in enumerate(b.genes):
            own, other = genes[genes < N], others[others < N]
            for i, j in [(i, j) for i in own for j in own if i < j]:
                for m, n in [(m, n) for m in other for n in other if m < n]:
                    found[row, column] += k[i, m] * k[j, n] + k[i, n] * k[j, m]
    return found


ASKED = table([(0, 1), (2, UNSEEN), (1, 5, 9), (4,), (6, 8, 10, UNSEEN)], np.full(5, np.nan))


def test_mean_and_variance_are_those_of_the_matrices() -> None:
    train, val = data()
    model = fit_pair_kernel(train, val, cell(), replace(OPTIONS, num_samples=400))
    k = kernel(model)
    of_training = between(k, train, train) + model.noise * np.eye(len(train))
    with_asked = between(k, ASKED, train)
    expected = train.score.mean() + with_asked @ np.linalg.solve(
        of_training, train.score - train.score.mean()
    )
    found = model.predict(ASKED)
    np.testing.assert_allclose(found.members[0], expected, rtol=1e-3, atol=1e-4)
    assert found.members[0][3] == pytest.approx(train.score.mean())  # one gene has no pair

    prior = np.diag(between(k, ASKED, ASKED))
    explained = (with_asked * np.linalg.solve(of_training, with_asked.T).T).sum(axis=1)
    assert np.mean(
        ((model.predict(val).members[0] - val.score) / model.predict(val).std) ** 2
    ) == pytest.approx(1)
    variance = found.std**2 / model.variance_scale - model.noise
    # 400 draws: the standard error of what they explain is 7 %.
    np.testing.assert_allclose(
        variance, np.maximum(prior - explained, 0.01 * prior), atol=0.25 * explained.max()
    )
    assert variance[1] > variance[0]  # nothing is measured of the unseen gene


def test_the_kernel_is_that_of_networks_and_features() -> None:
    train, val = data()
    options = replace(OPTIONS, tuning_steps=1)  # so weights are those to start from
    model = fit_pair_kernel(train, val, cell(), replace(options, num_samples=0))
    own, genes = cell(), np.arange(UNSEEN)
    kernels = [shared_neighbours(own.graph["net"], genes), like_features(own.features[0].values, genes)]
    expected = 0.25 * kernels[0] + 0.25 * kernels[1] + 0.3 * np.eye(N)[:, genes] + 0.05
    np.testing.assert_allclose(model.kernel, expected, atol=1e-5)
    np.testing.assert_allclose(model.own, 0.85, atol=1e-5)
    assert model.predict(ASKED).std is None
    assert "net 31%" in model.chosen and "own effects 37%" in model.chosen


def test_the_matrix_of_all_effects_says_what_the_rows_say(monkeypatch: pytest.MonkeyPatch) -> None:
    train, val = data()
    model = fit_pair_kernel(train, val, cell(), replace(OPTIONS, covariance_rounds=1, num_samples=3))
    rows = model.predict(val)
    monkeypatch.setattr("gi_jax.models.closed_form.pair_posterior.MATRIX_PAYS", 0)
    whole = model.predict(val)
    np.testing.assert_allclose(whole.members, rows.members, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(whole.std, rows.std, rtol=1e-4)


def test_a_part_of_many_genes_is_enough_to_tune_on(monkeypatch: pytest.MonkeyPatch) -> None:
    train, val = data()
    whole = fit_pair_kernel(train, val, cell(), replace(OPTIONS, num_samples=0))
    monkeypatch.setattr("gi_jax.models.closed_form.pair_kernel_system.MOST_TUNED", 9)
    part = fit_pair_kernel(train, val, cell(), replace(OPTIONS, num_samples=0))
    assert part.noise != whole.noise and part.kernel.shape == whole.kernel.shape
    assert part.residual < 1e-5


def test_an_unsolved_system_is_an_error() -> None:
    train, val = data()
    with pytest.raises(GiJaxError, match="came to a relative residual of .* in 1 steps, expected 1e-06"):
        fit_pair_kernel(train, val, cell(), replace(OPTIONS, max_solver_steps=1))


def test_an_unseen_gene_has_the_effects_of_its_neighbours() -> None:
    """Two groups of genes, effects between groups; a gene that was never deleted is told by its network."""
    rng, groups = np.random.default_rng(3), np.arange(N) % 2
    edges = [(i, j) for i in range(N) for j in range(i) if groups[i] == groups[j]]
    own = Cell(cell().genes, cell_graph({"net": np.array(edges).T}, N))
    pairs = [(i, j) for i in range(N) for j in range(i)]
    scores = np.array([1.0 if groups[i] != groups[j] else -1.0 for i, j in pairs]) + 0.1 * rng.normal(
        size=len(pairs)
    )
    unseen = np.array([UNSEEN in pair for pair in pairs])
    held = np.flatnonzero(~unseen)
    val = np.zeros(len(pairs), bool)
    val[held[np.array([12 in pairs[i] for i in held])]] = True  # pairs of another gene, to choose weights by
    seen = ~unseen & ~val
    parts = [table([pairs[i] for i in np.flatnonzero(rows)], scores[rows]) for rows in (seen, val, unseen)]
    model = fit_pair_kernel(parts[0], parts[1], own, PairKernelOptions(tuning_steps=10, num_samples=0))
    assert np.corrcoef(model.predict(parts[2]).members[0], parts[2].score)[0, 1] > 0.95
    options = PairKernelOptions(tuning_steps=10, covariance_rounds=0, num_samples=0)
    blind = fit_pair_kernel(parts[0], parts[1], own._replace(graph=cell_graph({}, N)), options)
    assert np.ptp(blind.predict(parts[2]).members[0]) < 0.2  # nothing tells the group of the unseen gene


def in_two_studies(genotypes: GenotypeTable, of_second: np.ndarray, scores: np.ndarray) -> GenotypeTable:
    return replace(genotypes, study=of_second.astype(np.int32), studies=("one", "two"), score=scores)


def test_a_study_is_told_by_one_that_agrees_with_it_on_a_scale_of_its_own() -> None:
    """The second study has the same effects, halved and shifted, of pairs that the first did not measure."""
    rng = np.random.default_rng(5)
    pairs = [(i, j) for i in range(N) for j in range(i)]
    group = rng.normal(size=(N, 2))
    effects = np.array([group[i] @ group[j] for i, j in pairs])
    everything = table(pairs, effects)
    # The second study measured every pair, the first a half; a few of those are to choose weights by.
    half, asked = np.split(rng.permutation(len(pairs)), [45])
    rows = np.concatenate([half, np.arange(len(pairs))])
    of_second = np.arange(len(rows)) >= len(half)
    scores = np.where(of_second, 0.5 * effects[rows] + 3.0, effects[rows])
    val = np.arange(len(rows)) < 15
    whole = in_two_studies(everything.take(rows), of_second, scores)
    train, chosen_by = whole.take(~val), whole.take(val)
    options = PairKernelOptions(tuning_steps=15, covariance_rounds=0, num_samples=4, studies="apart")
    blind = Cell(cell().genes, cell_graph({}, N))
    model = fit_pair_kernel(train, chosen_by, blind, options)
    of_first = in_two_studies(everything.take(asked), np.zeros(len(asked)), effects[asked])
    found = model.predict(of_first).members[0]
    assert np.corrcoef(found, effects[asked])[0, 1] > 0.9
    alone = fit_pair_kernel(train.take(train.study == 0), chosen_by, blind, options)
    assert np.corrcoef(alone.predict(of_first).members[0], effects[asked])[0, 1] < 0.8
    of_its_own = in_two_studies(everything.take(asked), np.ones(len(asked)), effects[asked])
    assert abs(model.predict(of_its_own).members[0].mean() - (0.5 * effects[asked] + 3).mean()) < 0.5
    assert "correlation of studies 1 and 2" in model.chosen

    again = restore_pair_kernel(model.arrays(), options, blind, PredictionSettings())
    for asked_table in (of_first, of_its_own):
        np.testing.assert_array_equal(again.predict(asked_table).members, model.predict(asked_table).members)
        np.testing.assert_array_equal(again.predict(asked_table).std, model.predict(asked_table).std)
    every = Combinations(np.arange(4), 2, np.zeros(0, np.int64))
    tile = next(iter(again.of_study(1).screen(every))).start(None)
    expected = in_two_studies(
        table([tuple(g) for g in tile.genes.tolist()], np.zeros(6)), np.ones(6), np.zeros(6)
    )
    np.testing.assert_allclose(tile.result().members[0], model.predict(expected).members[0], rtol=1e-9)
