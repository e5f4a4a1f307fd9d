"""Data: genes, networks and measured genotypes; splits and label transforms. Knows no model."""

from gi_jax.data.bundled import bundled_gene_list, bundled_networks, bundled_studies
from gi_jax.data.dataset import Dataset, load_dataset
from gi_jax.data.formats.genotype_files import genotypes_from_names, load_genotypes, load_query_genotypes
from gi_jax.data.formats.network_files import NetworkSource, load_networks
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.genotype_filter import GenotypeFilter
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.leaks import check_no_leak
from gi_jax.data.load_report import LeftOut, LoadReport, SourceReport
from gi_jax.data.networks import Adjacency, CellGraph, cell_graph
from gi_jax.data.splits import Split, k_fold_splits, load_split, split_genotypes
from gi_jax.data.transforms import LabelTransform, fit_label_transform

__all__ = [
    "Adjacency",
    "CellGraph",
    "Dataset",
    "GeneList",
    "GenotypeBatch",
    "GenotypeFilter",
    "GenotypeTable",
    "LabelTransform",
    "LeftOut",
    "LoadReport",
    "NetworkSource",
    "SourceReport",
    "Split",
    "bundled_gene_list",
    "bundled_networks",
    "bundled_studies",
    "cell_graph",
    "check_no_leak",
    "fit_label_transform",
    "genotype_batch",
    "genotypes_from_names",
    "k_fold_splits",
    "load_dataset",
    "load_gene_list",
    "load_genotypes",
    "load_networks",
    "load_query_genotypes",
    "load_split",
    "split_genotypes",
]
