"""The result of a screen as a table: everything that helps to decide about a genotype, beside its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gi_jax.data.gene_list import GeneList
from gi_jax.data.gene_names import are_yeast_names
from gi_jax.data.gene_search import record_of
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.explain.parts import parts_of_predictions
from gi_jax.files import replacing, write_text
from gi_jax.predict.predictor import Predictor
from gi_jax.predict.screen import Found
from gi_jax.runs.measured import RunData

PARQUET = ".parquet"
_SGD = "https://www.yeastgenome.org/locus/{}"
_BIOGRID = "https://thebiogrid.org/search.php?search={}&organism=559292"


def screen_table(
    predictor: Predictor, found: Found, data: RunData | None = None, *, study: str | None = None
) -> pa.Table:
    """One row a genotype, lowest score first, with the columns of docs/screens.md that there are values for.

    Args:
      predictor: of the screen.
      found: its result.
      data: what the model was trained on, where it can be read.
      study: on whose scale the screen predicted.

    Raises:
      GiJaxError: a baseline cannot be fitted.
    """
    genes, num_genes = predictor.bundle.genes, len(predictor.bundle.genes)
    rows = [[gene for gene in row if gene < num_genes] for row in found.genes.tolist()]
    columns: dict[str, pa.Array | np.ndarray | list] = {
        "rank": np.arange(1, len(rows) + 1),
        "genes": pa.array([",".join(genes.names(row)) for row in rows], pa.string()),
        "prediction": found.score,
    }
    if genes.has_labels:
        columns["names"] = pa.array([",".join(genes.labelled(row)) for row in rows], pa.string())
    if found.std is not None:
        columns["prediction_std"] = found.std
        if predictor.bundle.confidence is not None:
            interval = predictor.bundle.confidence.interval(found.score, found.std)
            columns["low"], columns["high"] = interval
    asked = _as_table(found, num_genes, study)
    if data is not None:
        columns |= _measured(data, found, rows, study)
    columns |= parts_of_predictions(predictor, asked)
    if data is not None and len(rows):
        columns |= data.baselines(predictor, asked)
    return pa.table(columns | _about(genes, rows))


def write_table(table: pa.Table, path: Path) -> None:
    """Writes Parquet where the file is called so, and else text with tabs: numbers of six digits, truth as
    `yes` and `no`, nothing where a value is missing.
    """
    if path.suffix.lower() == PARQUET:
        with replacing(path) as new:
            pq.write_table(table, new)
        return
    columns = [list(map(_field, column.to_pylist())) for column in table.columns]
    lines = ["\t".join(row) for row in (table.column_names, *zip(*columns, strict=True))]
    write_text(path, "\n".join(lines) + "\n")


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _as_table(found: Found, num_genes: int, study: str | None) -> GenotypeTable:
    """The genotypes as those to predict."""
    m = len(found.score)
    sizes = (found.genes < num_genes).sum(axis=1, dtype=np.int8)
    nothing = np.full(m, np.nan)
    table = GenotypeTable(
        found.genes, sizes, nothing, nothing.astype(np.float32), np.zeros(m, np.int16), ("query",), num_genes
    )
    return table if study is None else replace(table, studies=(study,))


def _measured(
    data: RunData, found: Found, rows: Sequence[Sequence[int]], study: str | None
) -> dict[str, pa.Array | np.ndarray]:
    """What was measured of the genotypes, and what the model was fitted to."""
    scores = measured_scores(data.of_study(study))
    columns: dict[str, pa.Array | np.ndarray] = {
        "measured": pa.array([scores.get(frozenset(row)) for row in rows], pa.float64())
    }
    if (train := data.train) is None or not len(train):
        return columns
    counts = np.bincount(train.genes[train.genes < train.num_genes], minlength=train.num_genes)
    columns["training_genotypes"] = pa.array([",".join(str(counts[gene]) for gene in row) for row in rows])
    own = train.take(train.study == train.studies.index(study)) if study in train.studies else train
    low, high = (own.score.min(), own.score.max()) if len(own) else (-np.inf, np.inf)
    columns["outside_training_range"] = (found.score < low) | (found.score > high)
    return columns


def measured_scores(table: GenotypeTable) -> dict[frozenset[int], float]:
    """Mean measured score of every set of genes, over studies."""
    total = np.bincount(table.set_ids, table.score) / np.bincount(table.set_ids)
    first = np.unique(table.set_ids, return_index=True)[1]
    n = table.num_genes
    sets = (frozenset(gene for gene in row if gene < n) for row in table.genes[first].tolist())
    return dict(zip(sets, total.tolist(), strict=True))


def _about(genes: GeneList, rows: Sequence[Sequence[int]]) -> dict[str, pa.Array]:
    """What the genes are, and where more is said of them; one entry a gene."""
    columns: dict[str, pa.Array] = {}
    used = {gene: record_of(genes, gene) for gene in {gene for row in rows for gene in row}}
    if any(record.description for record in used.values()):
        texts = (" | ".join(used[gene].description for gene in row) for row in rows)
        columns["descriptions"] = pa.array(list(texts), pa.string())
    if are_yeast_names(genes.ids):
        sgd = {gene: _SGD.format(record.identifier or genes.ids[gene]) for gene, record in used.items()}
        columns["sgd"] = pa.array([" ".join(sgd[gene] for gene in row) for row in rows], pa.string())
        found = (" ".join(_BIOGRID.format(genes.ids[gene]) for gene in row) for row in rows)
        columns["biogrid"] = pa.array(list(found), pa.string())
    return columns
