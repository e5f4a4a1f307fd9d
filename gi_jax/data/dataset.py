"""Everything a training reads: genes, networks, measured genotypes, and what was left out on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gi_jax.arguments import as_sequence
from gi_jax.data.bundled import bundled_gene_list
from gi_jax.data.formats.genotype_files import load_genotypes
from gi_jax.data.formats.network_files import NetworkSource, load_networks
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.genotype_filter import NO_FILTER, GenotypeFilter
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.load_report import LoadReport, SourceReport
from gi_jax.data.networks import CellGraph


@dataclass(frozen=True)
class Dataset:
    """A gene list, the networks over it, the measured genotypes, and the report of the load."""

    genes: GeneList
    graph: CellGraph
    genotypes: GenotypeTable
    report: LoadReport


def load_dataset(
    genotypes: str | Path | Sequence[str | Path],
    networks: str | NetworkSource | Sequence[str | NetworkSource],
    *,
    genes: str | Path | None = None,
    keep: GenotypeFilter = NO_FILTER,
) -> Dataset:
    """Loads bundled or own data over one gene list.

    Args:
      genotypes: names of bundled studies, or paths (see `load_genotypes`); one may stand by itself.
      networks: names of bundled networks, or `NetworkSource`s (see `load_networks`); likewise.
      genes: path of a gene list; the bundled yeast genes if None.

    Raises:
      GiJaxError: whatever the three loaders find wrong.
    """
    gene_list = bundled_gene_list() if genes is None else load_gene_list(genes)
    source = "bundled yeast genes" if genes is None else str(genes)
    graph, network_report = load_networks(gene_list, networks)
    table, genotype_report = load_genotypes(gene_list, as_sequence(genotypes), keep=keep)
    gene_report = LoadReport((SourceReport(source, "genes", len(gene_list), len(gene_list)),))
    return Dataset(gene_list, graph, table, gene_report + network_report + genotype_report)
