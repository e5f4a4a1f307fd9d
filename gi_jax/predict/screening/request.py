"""What a screen is asked for: gene names as the genotypes that are wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable, row_keys
from gi_jax.errors import GiJaxError
from gi_jax.models.wanted import Combinations, Crosses, ListedGenotypes

Genes = str | Sequence[str]  # names in a list, or as `YAL001C,YBL002W`


def combinations(known: GeneList, genes: Genes | None, size: int, including: Genes) -> Combinations:
    """Every genotype of `size` genes that can be made of some genes, or of all.

    Raises:
      GiJaxError: an unknown or repeated gene, or too few genes for a genotype.
    """
    fixed = gene_ids(known, including)
    chosen = np.arange(len(known)) if genes is None else gene_ids(known, genes)
    pool = np.setdiff1d(chosen, fixed)
    free = size - len(fixed)
    if free < 1 or len(pool) < free:
        raise GiJaxError(
            f"a genotype of {size} genes cannot be made of {len(fixed)} that all of them have and some "
            f"of {len(pool):,} others; expected more genes than the fixed ones, and enough others"
        )
    return Combinations(pool, free, fixed)


def crosses(known: GeneList, queries: Sequence[Genes], arrays: Genes) -> Crosses:
    """Every query, one gene or more, with every array gene.

    Raises:
      GiJaxError: an unknown or repeated gene, a repeated query, queries of different sizes, or no cross.
    """
    ids = [np.sort(gene_ids(known, query)) for query in queries]
    for query, found in zip(queries, ids, strict=True):
        if len(found) != len(ids[0]) or not len(found):
            raise GiJaxError(
                f"the query `{_text(query)}` has {len(found)} genes and `{_text(queries[0])}` {len(ids[0])}; "
                "give queries of the same number of genes, one or more, and screen others by themselves"
            )
    rows, first = np.unique(np.array(ids or np.zeros((0, 1)), np.int64), axis=0, return_index=True)
    if len(rows) < len(ids):
        twice = next(k for k in range(len(ids)) if k not in first)
        raise GiJaxError(f"the query `{_text(queries[twice])}` is named twice; name each query once")
    wanted = Crosses(rows, gene_ids(known, arrays))
    if not wanted.num_genotypes:
        raise GiJaxError(
            f"{len(rows):,} queries and {len(wanted.arrays):,} array genes make no cross; name some genes of "
            "either that the other lacks"
        )
    return wanted


def listed(table: GenotypeTable) -> ListedGenotypes:
    """The genotypes of a table, once each."""
    if not len(table):
        raise GiJaxError("found no genotype to predict, expected one or more; name some, or filter less")
    return ListedGenotypes(np.unique(table.genes, axis=0))


def gene_ids(known: GeneList, genes: Genes) -> np.ndarray:
    """`[n]` int64, of names by any that a gene has.

    Raises:
      GiJaxError: an unknown gene, or one that is named twice.
    """
    names = [name for name in known.split(genes) if name.strip()] if isinstance(genes, str) else list(genes)
    ids = np.array([known.index(name) for name in names], np.int64)
    known_ids, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = names[int(np.isin(ids, known_ids[counts > 1]).argmax())]
        raise GiJaxError(f"the gene `{twice}` is named twice; name each gene once")
    return ids


def keys_of(table: GenotypeTable, size: int) -> np.ndarray:
    """Increasing numbers of the genotypes of up to `size` genes, as `row_keys` has them.

    Raises:
      GiJaxError: genotypes of this size have no numbers of 64 bits.
    """
    rows = table.genes[table.sizes <= size][:, :size]
    if rows.shape[1] < size:
        rows = np.pad(rows, ((0, 0), (0, size - rows.shape[1])), constant_values=table.num_genes)
    keys = row_keys(rows, table.num_genes)
    if keys is None:
        raise GiJaxError(
            f"genotypes of {size} genes cannot be left out of a screen of {table.num_genes:,} genes; leave "
            "out such of fewer genes, or none"
        )
    return np.unique(keys)


def _text(genes: Genes) -> str:
    return genes if isinstance(genes, str) else ",".join(genes)
