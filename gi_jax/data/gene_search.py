"""Genes found by words, and what a table says of a gene."""

from __future__ import annotations

from gi_jax.data.gene_list import GeneList
from gi_jax.data.gene_names import SEPARATOR, GeneRecord


def search(genes: GeneList, words: str) -> list[int]:
    """The ids of genes in whose names or description all of some words stand."""
    wanted = words.lower().split()
    found = []
    for gene in range(len(genes)):
        record = record_of(genes, gene)
        text = " ".join((genes.ids[gene], *record[:2], *record.aliases, record.description)).lower()
        if wanted and all(word in text for word in wanted):
            found.append(gene)
    return found


def starting_with(genes: GeneList, text: str) -> list[int]:
    """The ids of genes one of whose names begins with a text, in any case: first those that people call so,
    shorter names before longer ones.
    """
    start, found = text.strip().upper(), []
    for gene in range(len(genes) if start else 0):
        names = {genes.ids[gene], genes.labels[gene], *record_of(genes, gene).aliases}
        fitting = [name for name in names if name.upper().startswith(start)]
        if fitting:
            label = genes.labels[gene]
            found.append((label not in fitting, min(map(len, fitting)), label, gene))
    return [gene for *_, gene in sorted(found)]


def described(genes: GeneList, gene: int) -> tuple[str, ...]:
    """Systematic name, standard name, status, aliases and description of a gene, as fields of a table."""
    record = record_of(genes, gene)
    label = genes.labels[gene]
    name = "" if label == genes.ids[gene] else label
    return genes.ids[gene], name, record.status, SEPARATOR.join(record.aliases), record.description


def record_of(genes: GeneList, gene: int) -> GeneRecord:
    """What is known of a gene; nothing but its name where there is no record."""
    known = {} if genes.known is None else genes.known.by_systematic
    return known.get(genes.ids[gene].upper(), GeneRecord(genes.ids[gene]))
