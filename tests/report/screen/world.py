"""A made-up list of a screen of twelve genes, in which everything can be counted by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.experiment.confidence import Confidence
from gi_jax.report.screen.candidates import Candidates, Combined
from gi_jax.report.screen.outcome import Histogram, ScreenOutcome

NUM = 12
GENES = GeneList(tuple(f"G{k:02}" for k in range(NUM)), tuple(f"N{k}<&" for k in range(NUM)))
POOL = np.arange(NUM)
NOBODY = np.zeros(0, np.int64)


def table_of(pairs: list[tuple[int, ...]], scores: list[float] | None = None) -> GenotypeTable:
    """Measured genotypes of one size and one study."""
    rows = np.array(pairs, np.int32)
    num = len(rows)
    score = np.array(scores if scores is not None else np.zeros(num), float)
    sizes = np.full(num, rows.shape[1], np.int8)
    return GenotypeTable(
        rows, sizes, score, np.full(num, np.nan, np.float32), np.zeros(num, np.int16), ("mine",), NUM
    )


def outcome(
    listed: dict[tuple[int, ...], float],
    candidates: Candidates | None = None,
    known: GenotypeTable | None = None,
    **columns: Sequence | pa.Array,
) -> ScreenOutcome:
    """The outcome of a screen of all pairs whose list holds some genotypes with their predictions."""
    order = sorted(listed, key=listed.__getitem__)
    table = pa.table(
        {
            "genes": [",".join(GENES.ids[gene] for gene in pair) for pair in order],
            "prediction": [listed[pair] for pair in order],
            **columns,
        }
    )
    everything = [listed.get(pair, 0.0) for pair in itertools.combinations(range(NUM), 2)]
    counts, edges = np.histogram(everything, bins=np.linspace(-8, 8, 65))
    return ScreenOutcome(
        GENES, table, Histogram(edges, counts), candidates or Combined(POOL, 2, NOBODY, NUM), known
    )


# Gene 0 is in four of the five lowest pairs; the highest two share nothing.
LISTED = {(0, 1): -5.0, (0, 2): -4.5, (0, 3): -4.0, (0, 4): -3.5, (5, 6): -3.0, (7, 8): 2.0, (9, 10): 2.5}


class Model:
    """Stands for a predictor: it adds up the effects of the pairs of a genotype."""

    def __init__(self, effects: np.ndarray, features: tuple[str, ...] = ()) -> None:
        self.effects = effects
        cell = SimpleNamespace(features=features)
        config = SimpleNamespace(cell_dataset=cell)
        self.bundle = SimpleNamespace(genes=GENES, config=config, confidence=Confidence(1.5, 0.9, 100))

    def predict_table(self, table: GenotypeTable) -> np.ndarray:
        rows = [[gene for gene in row if gene < NUM] for row in table.genes.tolist()]
        assert all(len(set(row)) == len(row) > 0 for row in rows)  # no gene with itself
        pairs = [itertools.combinations(row, 2) for row in rows]
        return np.array([sum(self.effects[a, b] for a, b in own) for own in pairs])


def modular(seed: int = 0) -> np.ndarray:
    """Pair effects in which genes 0 to 3 have one profile, 4 to 7 another, and the others noise."""
    rng = np.random.default_rng(seed)
    profiles = 0.1 * rng.normal(size=(NUM, NUM))
    for start in (0, 4):
        profiles[start : start + 4] += 3 * rng.normal(size=NUM)
    effects = profiles + profiles.T
    for start in (0, 4):  # alike within a module too, or its own places would hide it
        effects[start : start + 4, start : start + 4] = 2.0
    return effects
