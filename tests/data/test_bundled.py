"""The bundled data is what its provenance tables say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gi_jax.data import bundled_gene_list, bundled_networks, bundled_studies, load_dataset, load_genotypes
from gi_jax.data.bundled import YEAST


def provenance(first_column: str) -> dict[str, list[str]]:
    """The rows `name -> cells` of the README table whose first column has this title."""
    text = (YEAST / "README.md").read_text()
    table = text[text.index(f"| {first_column} |") :].split("\n\n")[0]
    rows = [[cell.strip(" `") for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def count(cell: str) -> int:
    return int(cell.replace(",", ""))


def test_the_gene_list_has_the_stated_length():
    assert len(bundled_gene_list()) == count(
        re.search(r"`genes.txt`: ([\d,]+) ORFs", (YEAST / "README.md").read_text())[1]
    )


def test_networks_match_their_provenance():
    table = provenance("name")
    assert set(table) == set(bundled_networks()) and len(table) == 9
    data = load_dataset(["costanzo2016_subset"], list(table))
    reports = {source.source: source for source in data.report.sources}
    for name, (edges, genes, directed, *_) in table.items():
        network = data.graph[name]
        assert reports[name].kept == reports[name].read == count(edges)
        assert len(np.union1d(network.senders, network.receivers)) == count(genes)
        assert bundled_networks()[name] == (directed == "yes")
        both_ways = np.array_equal(network.receivers_t, network.senders)
        assert both_ways != bundled_networks()[name]


@pytest.mark.parametrize("study", bundled_studies())
def test_genotypes_match_their_provenance(study):
    genotypes, genes, score, *_ = provenance("study")[study]
    table, report = load_genotypes(bundled_gene_list(), [study])
    assert len(table) == count(genotypes) and report.sources[0].left_out == ()
    assert len(np.unique(table.genes)) == count(genes)
    assert set(table.sizes.tolist()) == {3 if "trigenic" in score else 2}
    assert np.isnan(table.p_value).all() == (study not in ("trigenic_tau", "costanzo2010_significant"))


def test_significant_pairs_are_marked_as_such():
    table, report = load_genotypes(bundled_gene_list(), ["costanzo2010_significant"])
    assert report.sources[0].notes[0].startswith("significant pairs only (p < 0.05")
    assert (table.p_value < 0.05).all()
    assert (np.abs(table.score) <= 0.08).sum() == 264  # means of measurements of opposite sign


def test_the_package_data_stays_small():
    assert sum(path.stat().st_size for path in YEAST.rglob("*") if path.is_file()) <= 12_000_000
