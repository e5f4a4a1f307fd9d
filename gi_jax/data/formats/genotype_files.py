"""Measured genotypes from the package or from the user's tables, and genotypes to predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gi_jax.arguments import as_sequence
from gi_jax.data.bundled import YEAST, bundled_studies, not_bundled
from gi_jax.data.formats.score_columns import frequent_scores, read_p_values, read_scores
from gi_jax.data.formats.tables import Table, read_table
from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_filter import NO_FILTER, GenotypeFilter, apply_filter, average_repeats
from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.data.load_report import LeftOut, LoadReport, SourceReport, examples
from gi_jax.errors import GiJaxError


def load_genotypes(
    genes: GeneList, sources: str | Path | Sequence[str | Path], *, keep: GenotypeFilter = NO_FILTER
) -> tuple[GenotypeTable, LoadReport]:
    """Loads measured genotypes of one or more sources into one table.

    A file has the columns `genes` (comma separated), `score`, and perhaps `p_value` (empty where
    unknown) and `study` (else the file's name is the study). Rows of one study that measure the
    same set of genes become one genotype with the mean score and the largest p-value; the same set
    in two studies stays two genotypes.

    Args:
      sources: names of bundled studies, or paths; or one of either.
      keep: which genotypes to keep.

    Raises:
      GiJaxError: unknown name, unreadable file, unknown gene (unless `keep` leaves those out), a gene twice
        in one genotype, a score or p-value that is no number or cannot be meant, the same score in every
        row, or no genotype left.
    """
    sources = [sources] if isinstance(sources, str | Path) else sources
    if not sources:
        raise GiJaxError(
            f"no genotypes are named; give a path or a bundled study ({', '.join(bundled_studies())})"
        )
    parts = [_read_scores(genes, _path(source), keep.leave_out_unknown_genes) for source in sources]
    table, repeats = average_repeats(_joined([rows for rows, _ in parts], len(genes)))
    table, left_out = apply_filter(table, keep)
    reports = [report for _, report in parts]
    if len(reports) > 1 or repeats or left_out:
        read = sum(report.kept for report in reports)
        reports.append(SourceReport("in all", "genotypes", read, len(table), (*repeats, *left_out)))
    return table, LoadReport(tuple(reports))


def load_query_genotypes(genes: GeneList, path: str | Path) -> tuple[GenotypeTable, LoadReport]:
    """Loads genotypes to predict, one per row and in file order, from the column `genes` alone.

    Raises:
      GiJaxError: an unreadable file, an unknown gene, or a gene twice in one genotype.
    """
    table = read_table(Path(path), required=("genes",))
    sets = _gene_sets(genes, table.columns["genes"], table.where)
    if left := [row for row, found in enumerate(sets) if isinstance(found, str)]:
        raise _unknown_genes(genes, table, sets, left)
    notes = (f"columns not read: {', '.join(table.unread)}",) if table.unread else ()
    report = SourceReport(str(path), "genotypes", len(sets), len(sets), notes=notes)
    return _unmeasured(_known(sets), len(genes)), LoadReport((report,))


def genotypes_from_names(genes: GeneList, genotypes: str | Sequence[str]) -> GenotypeTable:
    """Genotypes to predict from text such as `["YAL001C,YBL002W"]`; text by itself is one genotype.

    Raises:
      GiJaxError: an unknown gene, or a gene twice in one genotype.
    """
    genotypes = as_sequence(genotypes)
    sets = _gene_sets(genes, genotypes, lambda row: f"genotype `{genotypes[row]}`")
    for row, found in enumerate(sets):
        if isinstance(found, str):
            raise GiJaxError(f"genotype `{genotypes[row]}`: {genes.unknown(found)}; correct the name")
    return _unmeasured(_known(sets), len(genes))


def _path(source: str | Path) -> Path:
    if source in bundled_studies():
        return YEAST / "genotypes" / f"{source}.tsv.gz"
    looks_like_path = Path(source).suffix or len(Path(source).parts) > 1
    if not looks_like_path and not Path(source).exists():
        raise not_bundled("study", str(source), bundled_studies(), "for a file of your own give its path")
    return Path(source)


def _read_scores(genes: GeneList, path: Path, leave_out_unknown: bool) -> tuple[tuple, SourceReport]:
    """One file as (gene sets, scores, p-values, study names), and what was left out of it."""
    table = read_table(path, required=("genes", "score"), optional=("p_value", "study"))
    study = path.name.removesuffix(".gz").removesuffix(".tsv")
    sets = _gene_sets(genes, table.columns["genes"], table.where)
    unknown = [row for row, found in enumerate(sets) if isinstance(found, str)]
    if unknown and (not leave_out_unknown or len(unknown) == len(sets)):
        raise _unknown_genes(genes, table, sets, unknown)
    all_scores = scores = read_scores(table)
    p_values = read_p_values(table)
    studies = [name.strip() or study for name in table.columns.get("study", [study] * len(sets))]
    left_out = ()
    if unknown:
        shown = examples([f"{sets[row]} on line {table.lines[row]}" for row in unknown])
        left_out = (LeftOut(len(unknown), "with a gene that is not in the gene list", shown),)
        known = [row for row, found in enumerate(sets) if not isinstance(found, str)]
        sets, studies = [sets[row] for row in known], [studies[row] for row in known]
        scores, p_values = scores[known], p_values[known]
    notes = (f"columns not read: {', '.join(table.unread)}",) if table.unread else ()
    notes += tuple(frequent_scores(table, all_scores))
    report = SourceReport(study, "genotypes", len(table.lines), len(sets), left_out, notes)
    return (sets, scores, p_values, studies), report


def _gene_sets(genes: GeneList, texts: Sequence[str], where: Callable[[int], str]) -> list[list[int] | str]:
    """Per text its gene ids, or the first name that the gene list does not hold."""
    sets = []
    for row, text in enumerate(texts):
        names = text.split(",")
        found = [genes.find(name) for name in names]
        if None in found:
            name = names[found.index(None)].strip()
            if not name:
                raise GiJaxError(
                    f"{where(row)}: found `{text}`, where a gene name is empty; name one gene per comma"
                )
            found = name
        elif len(set(found)) != len(found):
            twice = next(
                name.strip() for name, gene in zip(names, found, strict=True) if found.count(gene) > 1
            )
            raise GiJaxError(
                f"{where(row)}: gene `{twice}` stands twice in the genotype `{text}`; name each gene once"
            )
        sets.append(found)
    return sets


def _known(sets: list[list[int] | str]) -> list[list[int]]:
    """The sets of which every gene was found."""
    return [found for found in sets if not isinstance(found, str)]


def _unknown_genes(genes: GeneList, table: Table, sets: list, rows: list[int]) -> GiJaxError:
    more = f"; {len(rows) - 1:,} later rows name genes like that too" if len(rows) > 1 else ""
    return GiJaxError(
        f"{table.where(rows[0])}: {genes.unknown(sets[rows[0]])}{more}; correct the name, add the gene "
        f"to the gene list or leave the row out"
    )


def _joined(parts: list[tuple], num_genes: int) -> GenotypeTable:
    sets = [genotype for part in parts for genotype in part[0]]
    names = [name for part in parts for name in part[3]]
    studies = tuple(dict.fromkeys(names))
    code = {name: position for position, name in enumerate(studies)}
    genes, sizes = padded(sets, num_genes)
    score, p_value = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
    return GenotypeTable(
        genes, sizes, score, p_value, np.array([code[name] for name in names], np.int32), studies, num_genes
    )


def _unmeasured(sets: list[list[int]], num_genes: int) -> GenotypeTable:
    genes, sizes = padded(sets, num_genes)
    unknown = np.full(len(sets), np.nan)
    return GenotypeTable(genes, sizes, unknown, unknown, np.zeros(len(sets), np.int32), ("query",), num_genes)
