"""Batch size and capacity that a table of genotypes is predicted with: what makes a compiled program."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.options import ModelConfig
from gi_jax.models.neural.row_needs import changed_row_needs, lists_changed_rows, shares_rows
from gi_jax.ops.capacity import Reach, batch_counts, genotype_counts, random_batch_counts, reach
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.row_counts import RowCounts, cheaper_than_all_rows

SMALL_TABLE = 8  # genotypes; computing all their rows takes less than compiling for just the changed ones
SMALL_BATCH = 4  # genotypes of a batch of a small table
SHARED_BATCHES = (32, 256)  # genotypes of a batch of other tables
LARGE_TABLE = 4096  # genotypes; with more, a program of the table's own saves more than it costs


class Program(NamedTuple):
    """What is static in a compiled forward pass, beside the model and the width of the table."""

    batch_size: int
    capacity: Capacity | None  # None computes all rows


def choose_program(config: ModelConfig, graph: CellGraph, genes: np.ndarray, batch_size: int) -> Program:
    """The program for a table; all but large tables share a handful, so that queries seldom compile.

    Batch sizes are `SMALL_BATCH` and `SHARED_BATCHES`, except for norm statistics over the batch, where
    it matters which genotypes share one. Capacities follow from the batch size and the networks: what
    random genotypes rarely exceed, or that times a power of two for genotypes with more neighbours.

    Args:
      config: of the model.
      graph: the networks, N genes.
      genes: `[M, S]` gene ids, then N.
      batch_size: the most genotypes of a batch.
    """
    num_genotypes = len(genes)
    if num_genotypes > LARGE_TABLE:
        return _own_program(config, graph, genes, batch_size)
    one_batch = min(batch_size, 1 << (num_genotypes - 1).bit_length())
    over_batch = config.norm_statistics == "batch"
    if num_genotypes <= SMALL_TABLE:
        return Program(one_batch if over_batch else min(batch_size, SMALL_BATCH), None)
    sizes = {one_batch} if over_batch else {min(batch_size, size) for size in SHARED_BATCHES}
    if lists_changed_rows(config):
        share, changed = shares_rows(config, genes), reach(graph)
        counts = genotype_counts(changed, genes, share=share)
        programs = [_shared_program(changed, counts, genes, size, share=share) for size in sizes]
    else:
        programs = [Program(size, None) for size in sizes]
    cost = _Cost(config, graph, num_genotypes)
    return min(programs, key=cost)


def _own_program(config: ModelConfig, graph: CellGraph, genes: np.ndarray, batch_size: int) -> Program:
    """Capacity for what the batches of this table have, in its order, and no more."""
    needs = changed_row_needs(config, graph, genes, batch_size)
    if needs is None:
        return Program(batch_size, None)
    order = np.pad(np.arange(len(genes)), (0, -len(genes) % batch_size), constant_values=len(genes))
    capacity = needs.capacity(needs.largest(order, batch_size))
    return Program(batch_size, cheaper_than_all_rows(capacity, graph.num_genes, batch_size))


def _shared_program(
    changed: Reach, counts: RowCounts, genes: np.ndarray, batch_size: int, *, share: bool
) -> Program:
    """The smallest class of capacity that holds every batch of a table with the given counts `[M]`."""
    limit = random_batch_counts(changed, batch_size, genes.shape[1], share=share)
    batches = (slice(start, start + batch_size) for start in range(0, len(genes), batch_size))
    of_batches = [batch_counts(changed, counts[rows], genes[rows], share=share) for rows in batches]
    while not all(batch.fits(limit) for batch in of_batches):
        limit = limit.doubled()
    return Program(batch_size, cheaper_than_all_rows(limit.capacity(), changed.num_genes, batch_size))


class _Cost:
    """Rows that a program computes for a table of M genotypes, and then its batches, to decide a draw."""

    def __init__(self, config: ModelConfig, graph: CellGraph, num_genotypes: int) -> None:
        self.layers = 0 if config.kind == "dango" else config.num_layers  # Dango has no rows of genotypes
        self.wildtype, self.num_genotypes = graph.num_genes * len(graph.networks), num_genotypes

    def __call__(self, program: Program) -> tuple[int, int]:
        all_rows = (1 + program.batch_size) * self.wildtype
        capacity, batches = program.capacity, -(-self.num_genotypes // program.batch_size)
        if not self.layers:
            return batches * self.wildtype, batches
        first = all_rows if capacity is None else self.wildtype + sum(capacity.networks)
        return batches * (first + (self.layers - 1) * all_rows), batches
