"""Texts such as `YAL001C,SWR1` as rows of gene ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gi_jax.data.gene_list import GeneList
from gi_jax.errors import GiJaxError


class GeneSets(NamedTuple):
    """M sets of genes, and the names that were not understood."""

    genes: np.ndarray  # [M, S] int32, gene ids increasing, then N
    sizes: np.ndarray  # [M] int8; 0 for a set with an unknown gene
    unknown: dict[int, str]  # row -> the first name in it that the gene list does not hold
    names: tuple[str, ...]  # distinct names as they were written


def gene_sets(genes: GeneList, texts: pa.Array | Sequence[str], where: Callable[[int], str]) -> GeneSets:
    """Finds the genes of comma-separated texts.

    Args:
      where: says where a text stands, for messages.

    Raises:
      GiJaxError: a set without a gene, an empty name, a gene twice in a set.
    """
    given: Any = texts if isinstance(texts, pa.Array) else pa.array(list(texts), pa.string())
    if not len(given):
        return GeneSets(np.full((0, 1), len(genes), np.int32), np.zeros(0, np.int8), {}, ())
    lists = pc.split_pattern(given, ",")  # pyright: ignore[reportAttributeAccessIssue]
    coded = lists.flatten().dictionary_encode()
    names = coded.dictionary.to_pylist()
    found = [genes.find(name) for name in names]
    ids = np.array([-1 if gene is None else gene for gene in found], np.int32)[coded.indices.to_numpy()]
    starts = lists.offsets.to_numpy()
    starts = starts - starts[0]
    sizes = np.diff(starts)
    odd = np.flatnonzero(np.minimum.reduceat(ids, starts[:-1]) < 0)
    # Such rows have a name with commas in it, or one that nobody knows.
    again = {int(row): _one(genes, given[int(row)].as_py(), where, int(row)) for row in odd}
    sizes[odd] = [0 if isinstance(one, str) else len(one) for one in again.values()]
    read = {row: one for row, one in again.items() if not isinstance(one, str)}
    rows = _rows(ids, starts, sizes, read, len(genes))
    twice = (rows[:, 1:] == rows[:, :-1]) & (rows[:, 1:] < len(genes))
    if twice.any():
        row = int(twice.any(axis=1).argmax())
        raise _twice(genes, given[row].as_py(), where(row))
    unknown = {row: one for row, one in again.items() if isinstance(one, str)}
    return GeneSets(rows, sizes.astype(np.int8), unknown, tuple(names))


def _rows(
    ids: np.ndarray, starts: np.ndarray, sizes: np.ndarray, again: dict[int, list[int]], num_genes: int
) -> np.ndarray:
    width = max(int(sizes.max(initial=0)), 1)
    if not again and (sizes == width).all() and len(ids) == width * len(sizes):
        return np.sort(ids.reshape(len(sizes), width), axis=1)
    rows = np.full((len(sizes), width), num_genes, np.int32)
    for k in range(width):
        has = np.flatnonzero(sizes > k)
        rows[has, k] = ids[np.minimum(starts[:-1][has] + k, len(ids) - 1)]
    for row, found in again.items():
        rows[row] = num_genes
        rows[row, : len(found)] = found
    return np.sort(rows, axis=1)


def _one(genes: GeneList, text: str, where: Callable[[int], str], row: int) -> list[int] | str:
    """The gene ids of one text, or the first name in it that is unknown."""
    names = genes.split(text)
    found = []
    for name in names:
        gene = genes.find(name)
        if gene is None:
            if not name.strip():
                raise GiJaxError(
                    f"{where(row)}: found `{text}`, where a gene name is empty; name one gene per comma"
                )
            return name.strip()
        found.append(gene)
    return found


def _twice(genes: GeneList, text: str, where: str) -> GiJaxError:
    names = genes.split(text)
    found = [genes.find(name) for name in names]
    name = next(name for name, gene in zip(names, found, strict=True) if found.count(gene) > 1)
    return GiJaxError(
        f"{where}: gene `{name.strip()}` stands twice in the genotype `{text}`; name each gene once"
    )
