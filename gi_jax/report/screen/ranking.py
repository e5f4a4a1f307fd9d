"""The list of a screen as the table that a reader searches and sorts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from gi_jax.data.gene_names import is_yeast_form
from gi_jax.data.gene_search import record_of
from gi_jax.report.screen.outcome import ScreenOutcome

SGD, BIOGRID = (
    "https://www.yeastgenome.org/locus/",
    "https://thebiogrid.org/search.php?organism=559292&search=",
)
_LABELS = {
    "rank": "rank",
    "prediction": "predicted",
    "low": "from",
    "high": "to",
    "measured": "measured",
    "training_genotypes": "in training",
    "outside_training_range": "outside range",
    "prediction_std": "standard deviation",
}
_FIRST = (
    "rank",
    "genes",
    "prediction",
    "low",
    "high",
    "measured",
    "training_genotypes",
    "outside_training_range",
)
_SAID_BY_GENES = ("names", "descriptions", "sgd", "biogrid")
_ON_A_PHONE = ("rank", "genes", "prediction", "measured")


@dataclass(frozen=True)
class Ranking:
    """What the script of the page is given."""

    data: dict[str, Any]
    kind: ClassVar[str] = "ranking"


def ranking(outcome: ScreenOutcome) -> Ranking:
    """Every listed genotype with all columns, and what is known of its genes.

    Columns are `{key, label, kind, shown}` with kind `genes`, `whole`, `number`, `flag` or `text`, and shown
    `always`, `wide` (on wide pages) or `asked`. Cells of genes are positions in the list of genes,
    `[systematic name, name, description, whether databases of yeast have a page for it]`. Measured scores
    are left out where there are none.
    """
    present = outcome.table.column_names
    keys = [key for key in _FIRST if key in present or key == "rank"]
    keys += [key for key in present if key not in keys and key not in _SAID_BY_GENES]
    if not outcome.known.any():
        keys = [key for key in keys if key != "measured"]
    used = np.unique(outcome.rows[outcome.rows < len(outcome.genes)])
    place = {int(gene): k for k, gene in enumerate(used)}
    cells, columns = [], []
    for key in keys:
        if key == "genes":
            kind, values = "genes", [[place[g] for g in row if g in place] for row in outcome.rows.tolist()]
        else:
            kind, values = _column(outcome, key)
        shown = "always" if key in _ON_A_PHONE else "wide" if key in _FIRST else "asked"
        if kind == "flag" and not any(values):
            shown = "asked"
        columns.append(
            {"key": key, "label": _LABELS.get(key, key.replace("_", " ")), "kind": kind, "shown": shown}
        )
        cells.append(values)
    low = outcome.score < outcome.histogram.median
    return Ranking(
        {
            "columns": columns,
            "rows": [list(row) for row in zip(*cells, strict=True)],
            "ends": ["lowest" if own else "highest" for own in low],
            "genes": [_gene(outcome, int(gene)) for gene in used],
            "sgd": SGD,
            "biogrid": BIOGRID,
        }
    )


def _column(outcome: ScreenOutcome, key: str) -> tuple[str, list[Any]]:
    if key == "rank" and "rank" not in outcome.table.column_names:
        return "whole", list(range(1, len(outcome.table) + 1))
    column = outcome.table.column(key)
    if pa.types.is_boolean(column.type):
        return "flag", column.to_pylist()
    if pa.types.is_integer(column.type):
        return "whole", column.to_pylist()
    if pa.types.is_floating(column.type):
        values = outcome.numbers(key).tolist()
        return "number", [float(f"{x:.6g}") if np.isfinite(x) else None for x in values]
    return "text", [None if value is None else str(value) for value in column.to_pylist()]


def _gene(outcome: ScreenOutcome, gene: int) -> list[Any]:
    systematic = outcome.genes.ids[gene]
    description = record_of(outcome.genes, gene).description
    return [systematic, outcome.genes.labels[gene], description, is_yeast_form(systematic)]
