"""What a screen found, and among what: all that its page is made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from gi_jax.data.gene_list import GeneList
from gi_jax.data.gene_sets import gene_sets
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.predict.screen import Screen
from gi_jax.report.screen.candidates import Candidates, candidates_of

LOWEST, HIGHEST = "lowest", "highest"
ENDS = (LOWEST, HIGHEST)
NEARLY_ALL = 0.95  # of the genes of a list, from which it counts as one of measured genes


class Histogram(NamedTuple):
    """How many of all predictions of a screen lie in each of B bins."""

    edges: np.ndarray  # [B + 1]
    counts: np.ndarray  # [B]

    @property
    def median(self) -> float:
        """The middle of the bin in which the middle prediction lies."""
        half = int(np.searchsorted(np.cumsum(self.counts), self.counts.sum() / 2))
        return float(self.edges[half : half + 2].mean())


@dataclass(frozen=True)
class ScreenOutcome:
    """The list of a screen with its surroundings.

    `table` has a row a genotype, lowest prediction first: the columns `genes` (names with commas between
    them) and `prediction`, and any of `prediction_std`, `low`, `high`, `measured`, `training_genotypes` (a
    number a gene, with commas between them), `outside_training_range` and others, which are shown as they
    are.
    """

    genes: GeneList
    table: pa.Table
    histogram: Histogram  # of all predictions of the screen
    candidates: Candidates
    measured: GenotypeTable | None = None  # what the run's data measured, on the scale of the predictions
    study: str | None = None  # on whose scale, where a model has several
    notes: tuple[str, ...] = field(default=())  # what a reader of the predictions should know

    @cached_property
    def rows(self) -> np.ndarray:
        """Gene ids `[R, S]` of the listed genotypes, then N."""
        texts = self.table.column("genes").combine_chunks()
        return gene_sets(self.genes, texts, lambda row: f"row {row + 1} of the screen").genes

    @cached_property
    def score(self) -> np.ndarray:
        """Predictions `[R]` of the listed genotypes."""
        return self.numbers("prediction")

    def numbers(self, column: str) -> np.ndarray:
        """A column as numbers `[R]`, NaN where it is empty or absent."""
        if column not in self.table.column_names:
            return np.full(len(self.table), np.nan)
        return self.table.column(column).cast(pa.float64()).to_numpy(zero_copy_only=False)

    @cached_property
    def ends(self) -> dict[str, np.ndarray]:
        """Which rows `[R]` bool are of which end: below the median of all predictions, or not below it.

        An end without rows is left out.
        """
        below = self.score < self.histogram.median
        return {end: own for end, own in ((LOWEST, below), (HIGHEST, ~below)) if own.any()}

    def extreme_first(self, end: str) -> np.ndarray:
        """The rows of an end, beginning with the lowest or the highest prediction."""
        rows = np.flatnonzero(self.ends[end])
        return rows[np.argsort(self.score[rows] if end == LOWEST else -self.score[rows], kind="stable")]

    @cached_property
    def training(self) -> np.ndarray | None:
        """How often training saw each gene of the listed genotypes `[R, S]`, -1 for padding; None if
        unknown.
        """
        if "training_genotypes" not in self.table.column_names:
            return None
        seen = np.full(self.rows.shape, -1, np.int64)
        texts = self.table.column("training_genotypes").to_pylist()
        for row, (text, names) in enumerate(zip(texts, self.table.column("genes").to_pylist(), strict=True)):
            of_gene = dict(zip(map(self.genes.find, self.genes.split(names)), text.split(","), strict=True))
            seen[row] = [int(of_gene.get(gene, -1)) for gene in self.rows[row].tolist()]
        return seen

    @cached_property
    def measured_genes(self) -> np.ndarray | None:
        """The genes of the pool that the run's data delete, where the list hardly has others; else None.

        Of genes that training never saw a model predicts less extreme scores. In a list drawn from all genes
        the measured ones stand out for that reason alone, and so do the sets that were chosen to be measured.
        """
        if self.measured is None:
            return None
        pool = self.candidates.pool
        seen = np.intersect1d(pool, self.measured.genes)
        listed = self.rows[np.isin(self.rows, pool)]
        if len(seen) == len(pool) or not len(listed) or np.isin(listed, seen).mean() < NEARLY_ALL:
            return None
        return seen

    def among_measured(self) -> ScreenOutcome:
        """The outcome with the candidates of `measured_genes`; itself where that is None."""
        if self.measured_genes is None:
            return self
        return replace(self, candidates=self.candidates.among(self.measured_genes))

    @cached_property
    def known(self) -> np.ndarray:
        """Which listed genotypes `[R]` bool have a measured score."""
        return np.isfinite(self.numbers("measured"))


def outcome_of(
    screen: Screen,
    table: pa.Table,
    *,
    measured: GenotypeTable | None = None,
    left_out: GenotypeTable | None = None,
    study: str | None = None,
) -> ScreenOutcome:
    """The outcome of a screen that has been run.

    Args:
      table: its list, see `ScreenOutcome`; `gi_jax.runs.screen_table` makes one.
      measured: what was measured of genotypes like these, to show beside the predictions.
      left_out: the genotypes that the screen was told to leave out.
      study: on whose scale it predicted.

    Raises:
      GiJaxError: there are too many crosses to be counted, see `check_candidates`.
    """
    genes = screen.predictor.bundle.genes
    return ScreenOutcome(
        genes=genes,
        table=table,
        histogram=Histogram(*screen.histogram()),
        candidates=candidates_of(screen.wanted, len(genes), left_out),
        measured=measured,
        study=study,
        notes=screen.predictor.notes,
    )
