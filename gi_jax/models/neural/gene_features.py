"""The fixed features of genes that a neural model makes embeddings of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gi_jax.data.genotype_table import GenotypeTable, deleted_genes
from gi_jax.data.networks import CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.models.model import Cell
from gi_jax.models.neural.options import ModelConfig
from gi_jax.ops.gene_coordinates import kernel_coordinates
from gi_jax.ops.gene_kernels import like_features, scaled_columns, shared_neighbours

FEATURES = "gene_features"  # the array's name among those of a model
FEW_COLUMNS = 32  # of a table, which then enter by themselves too


def gene_features(cell: Cell, tables: tuple[GenotypeTable, ...], rank: int) -> np.ndarray:
    """Features `[N, D]` of all genes, D at most `rank` and the columns of small tables.

    They are the leading coordinates (`gi_jax.ops.gene_coordinates`) of the mean of the kernels over genes,
    networks and tables of the cell having one half of the weight each, on the genes of the tables: two
    genes' features have their kernel as scalar product. The columns of tables with 32 or fewer come after
    them, standardised and divided by the root of their number, as a cosine does not tell how large they are.

    Args:
      cell: its networks and tables of gene features.
      tables: training and validation genotypes, whose scores are not looked at.
      rank: the most coordinates.

    Raises:
      GiJaxError: the cell has neither networks nor tables of features.
    """
    genes = deleted_genes(*tables)
    groups = [
        [(shared_neighbours, network) for network in cell.graph.networks],
        [(like_features, table.values) for table in cell.features],
    ]
    groups = [group for group in groups if group]
    if not groups:
        raise GiJaxError(
            "model.gene_embedding makes embeddings of gene features, but cell_dataset names neither graphs "
            "nor features; name some, or set gene_embedding: free"
        )
    kernel = np.zeros((len(cell.genes), len(genes)), np.float32)
    for group in groups:
        for likeness, known in group:
            kernel += likeness(known, genes) / (len(groups) * len(group))
    small = [table for table in cell.features if len(table.columns) <= FEW_COLUMNS]
    own = [scaled_columns(table.values) / len(table.columns) ** 0.5 for table in small]
    return np.concatenate([kernel_coordinates(kernel, genes, rank), *own], axis=1)


def check_features(arrays: Mapping[str, Any], options: ModelConfig, num_genes: int) -> None:
    """Raises a `GiJaxError` unless a model's arrays hold features exactly if its options say so."""
    shape = np.shape(arrays[FEATURES]) if FEATURES in arrays else None
    fits = shape is None if not options.embeds_features else shape is not None and shape[:-1] == (num_genes,)
    if not fits:
        expected = f"({num_genes}, any)" if options.embeds_features else "none"
        raise GiJaxError(
            f"the weights are of another model than the configuration: model.gene_embedding is "
            f"{options.gene_embedding}, which has features of the shape {expected}, found {shape or 'none'}; "
            "restore the config.yaml that came with them"
        )


def with_features(graph: CellGraph, arrays: Mapping[str, Any]) -> CellGraph:
    """The networks of a cell with the features among a model's arrays beside them, if it has any."""
    if FEATURES not in arrays:
        return graph
    return replace(graph, features=jax.device_put(jnp.asarray(arrays[FEATURES])))
