"""Query strains of a screen: one a line, by its deletions."""

from __future__ import annotations

from pathlib import Path

from gi_jax.data.formats.tables import read_lines
from gi_jax.data.gene_list import GeneList
from gi_jax.data.gene_sets import gene_sets
from gi_jax.errors import GiJaxError


def load_queries(genes: GeneList, path: Path) -> list[list[str]]:
    """Reads lines such as `YAL001C` or `SWR1,SAP30`, without a header; the systematic names of each.

    Raises:
      GiJaxError: an unreadable or empty file, an unknown gene, or a gene twice in a line.
    """
    lines = [(number, line) for number, line in enumerate(read_lines(path), 1) if line.strip()]
    if not lines:
        raise GiJaxError(f"{path}: holds no query; write the deletions of one on each line, as SWR1,SAP30")

    def where(row: int) -> str:
        return f"{path}, line {lines[row][0]}"

    sets = gene_sets(genes, [line for _, line in lines], where)
    for row, name in sets.unknown.items():
        raise GiJaxError(f"{where(row)}: {genes.unknown(name)}; correct the name or remove the line")
    return [genes.names(row) for row in sets.genes]
