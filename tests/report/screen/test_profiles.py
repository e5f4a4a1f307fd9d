"""Predicted profiles, which of them are alike, and the files that other programs read."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, cast

import networkx as nx
import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet

from gi_jax.predict import Predictor
from gi_jax.report.screen import profiles as profiles_module
from gi_jax.report.screen.candidates import Combined
from gi_jax.report.screen.concentration import concentrations
from gi_jax.report.screen.layout import places_of, spread_out
from gi_jax.report.screen.network import groups_of, similarity_network, write_network
from gi_jax.report.screen.profiles import Profiles, masked_correlation, predicted_profiles
from gi_jax.report.screen.treeview import write_treeview
from tests.report.screen.world import GENES, LISTED, NOBODY, NUM, POOL, Model, modular, outcome


def profiles_of(effects: np.ndarray, candidates: Combined | None = None) -> Profiles:
    model = cast(Predictor, Model(effects))
    found = predicted_profiles(model, candidates or Combined(POOL, 2, NOBODY, NUM), np.arange(8))
    assert found is not None
    return found


def test_a_profile_has_the_predictions_with_every_gene(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles_module, "_ROWS", 30)  # two genes at a time
    effects = modular()
    found = profiles_of(effects)
    expected = np.where(np.eye(NUM, dtype=bool), np.nan, effects)[:8]
    np.testing.assert_array_equal(found.scores, expected)


def test_genes_that_all_genotypes_have_are_in_every_profile() -> None:
    effects = modular()
    found = profiles_of(effects, Combined(np.arange(11), 2, np.array([11]), NUM))
    sums = effects[:8, :11] + effects[11, :11] + effects[:8, [11]]
    np.testing.assert_allclose(found.scores, np.where(np.eye(8, 11, dtype=bool), np.nan, sums))


def test_correlations_are_over_the_places_that_both_have() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 40)) + 100
    values[rng.random(values.shape) < 0.2] = np.nan
    values[5] = 7.0
    found = masked_correlation(values)
    for i in range(5):
        for j in range(5):
            both = np.isfinite(values[i]) & np.isfinite(values[j])
            np.testing.assert_allclose(found[i, j], np.corrcoef(values[i, both], values[j, both])[0, 1])
    assert found[5].tolist() == [0, 0, 0, 0, 0, 1]  # a profile that does not vary is like no other


def test_a_large_pool_is_thinned_and_keeps_the_genes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles_module, "PARTNERS", 10)
    found = profiles_of(modular())
    assert found.partners.tolist() == [*range(8), 8, 11]


def test_modules_are_groups_of_the_network() -> None:
    network = similarity_network(profiles_of(modular()))
    assert [own.tolist() for own in groups_of(network)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    places = places_of(network, (4.0, 4.0))
    assert places.keys() == set(range(8))
    at = np.array(list(spread_out(places, (0.5, 0.2)).values()))
    apart = np.abs(at[:, None] - at[None]) + 10 * np.eye(8)[:, :, None]
    assert ((apart[..., 0] > 0.499) | (apart[..., 1] > 0.199)).all()


def test_treeview_files_hold_the_profiles_in_the_order_of_their_trees(tmp_path: Path) -> None:
    found = profiles_of(modular())
    write_treeview(tmp_path, found, GENES)
    rows = list(csv.reader((tmp_path / "profiles.cdt").open(encoding="utf-8"), delimiter="\t"))
    assert rows[0][:4] == ["GID", "ORF", "NAME", "GWEIGHT"]
    assert [rows[1][0], rows[2][0]] == ["AID", "EWEIGHT"]
    columns = [int(name.removeprefix("ARRY").removesuffix("X")) for name in rows[1][4:]]
    assert sorted(columns) == list(range(NUM)) and columns == found.partner_order.tolist()
    assert rows[0][4:] == [GENES.labels[column] for column in columns]
    for row in rows[3:]:
        gene = int(row[0].removeprefix("GENE").removesuffix("X"))
        assert row[1:4] == [GENES.ids[gene], GENES.labels[gene], "1"]
        read = [float(cell) if cell else np.nan for cell in row[4:]]
        np.testing.assert_allclose(read, found.scores[gene, columns], rtol=1e-5)
    assert len(rows) == 3 + 8
    # The tree, read as TreeView does, joins every two genes at the height at which it was made.
    below: dict[str, set[int]] = {f"GENE{k}X": {k} for k in range(8)}
    heights = np.zeros((8, 8))
    for node, first, second, alike in csv.reader((tmp_path / "profiles.gtr").open(), delimiter="\t"):
        for a in below[first]:
            for b in below[second]:
                heights[a, b] = heights[b, a] = 1 - float(alike)
        below[node] = below[first] | below[second]
    np.testing.assert_allclose(
        heights[np.triu_indices(8, 1)], cast(Any, cophenet(found.gene_tree)), atol=2e-6
    )
    assert len((tmp_path / "profiles.atr").read_text().splitlines()) == NUM - 1


def test_cytoscape_files_hold_interactions_and_alike_profiles(tmp_path: Path) -> None:
    own = outcome(LISTED)
    found = profiles_of(modular())
    network = similarity_network(found)
    write_network(tmp_path, own, concentrations(own), network)
    read = nx.read_graphml(tmp_path / "network.graphml")
    edges = {(frozenset((a, b)), held["interaction"]): held for a, b, held in read.edges(data=True)}
    for pair, score in LISTED.items():
        names = frozenset(GENES.ids[gene] for gene in pair)
        assert edges.pop((names, "negative" if score < 0 else "positive"))["prediction"] == score
    alike = {pair: held["correlation"] for (pair, kind), held in edges.items() if kind == "similar_profile"}
    assert len(alike) == len(edges) == network.number_of_edges() > 0
    np.testing.assert_allclose(alike[frozenset(("G00", "G01"))], found.correlation[0, 1])
    node = read.nodes["G00"]
    assert (node["name"], node["lowest_hits"], node["highest_hits"], node["group"]) == ("N0<&", 4, 0, 1)
    lines = (tmp_path / "network.sif").read_text().splitlines()
    assert "G00\tnegative\tG01" in lines and "G07\tpositive\tG08" in lines
    assert len(lines) == len(LISTED) + network.number_of_edges()
