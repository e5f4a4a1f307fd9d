"""Measured genotypes from the package or from the user's tables, and genotypes to predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gi_jax.arguments import as_sequence
from gi_jax.data.bundled import bundled_studies, not_bundled, study_file, study_notes
from gi_jax.data.formats.columns import CATEGORY, NUMBER, Part
from gi_jax.data.formats.genotype_parquet import is_parquet, read_parquet
from gi_jax.data.formats.score_columns import check_spread, frequent_scores, read_p_values, read_scores
from gi_jax.data.formats.tables import Scan, read_table, scan_table
from gi_jax.data.gene_list import GeneList
from gi_jax.data.gene_sets import GeneSets, gene_sets
from gi_jax.data.genotype_filter import NO_FILTER, GenotypeFilter, apply_filter, average_repeats
from gi_jax.data.genotype_table import GenotypeTable, code_type, joined
from gi_jax.data.load_report import LeftOut, LoadReport, SourceReport, examples
from gi_jax.errors import GiJaxError

_TYPES = {"score": NUMBER, "p_value": NUMBER, "study": CATEGORY}


def load_genotypes(
    genes: GeneList, sources: str | Path | Sequence[str | Path], *, keep: GenotypeFilter = NO_FILTER
) -> tuple[GenotypeTable, LoadReport]:
    """Loads measured genotypes of one or more sources into one table.

    A file has the columns `genes` (comma separated), `score`, and perhaps `p_value` (empty where
    unknown) and `study` (else the file's name is the study); or it is a Parquet file that an import
    wrote. Rows of one study that measure the same set of genes become one genotype with the mean score
    and the largest p-value; the same set in two studies stays two genotypes.

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
    parts = [_read(genes, _path(source), keep.leave_out_unknown_genes) for source in sources]
    table, reports = joined([rows for rows, _ in parts]), [report for _, report in parts]
    del parts
    table, repeats = average_repeats(table)
    table, left_out = apply_filter(table, keep)
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
    sets = gene_sets(genes, table.columns["genes"], table.where)
    if sets.unknown:
        raise _unknown_genes(genes, table.where(min(sets.unknown)), sets)
    notes = (f"columns not read: {', '.join(table.unread)}",) if table.unread else ()
    notes += genes.translations(sets.names)
    report = SourceReport(str(path), "genotypes", len(sets.sizes), len(sets.sizes), notes=notes)
    return _unmeasured(sets, len(genes)), LoadReport((report,))


def genotypes_from_names(genes: GeneList, genotypes: str | Sequence[str]) -> GenotypeTable:
    """Genotypes to predict from text such as `["YAL001C,SWR1"]`; text by itself is one genotype.

    Raises:
      GiJaxError: an unknown gene, or a gene twice in one genotype.
    """
    genotypes = as_sequence(genotypes)
    sets = gene_sets(genes, genotypes, lambda row: f"genotype `{genotypes[row]}`")
    for row, name in sets.unknown.items():
        raise GiJaxError(f"genotype `{genotypes[row]}`: {genes.unknown(name)}; correct the name")
    return _unmeasured(sets, len(genes))


def _path(source: str | Path) -> Path:
    if source in bundled_studies():
        return study_file(str(source))
    looks_like_path = Path(source).suffix or len(Path(source).parts) > 1
    if not looks_like_path and not Path(source).exists():
        raise not_bundled("study", str(source), bundled_studies(), "for a file of your own give its path")
    return Path(source)


def _read(genes: GeneList, path: Path, leave_out_unknown: bool) -> tuple[GenotypeTable, SourceReport]:
    """One file, and what was left out of it."""
    if is_parquet(path):
        return read_parquet(genes, path)
    scan = scan_table(path, ("genes", "score"), ("p_value", "study"), _TYPES)
    own = path.name.removesuffix(".gz").removesuffix(".tsv")
    tables, lines, shown, names = [], [], [], {}
    read, dropped, first_unknown = 0, 0, None
    for part in scan.parts():
        sets = gene_sets(genes, part.columns[scan.position["genes"]], part.where)
        if sets.unknown and not leave_out_unknown and first_unknown is None:
            first_unknown = (part.where(min(sets.unknown)), sets)
        table = _with_numbers(scan, part, sets, own, len(genes))
        read += len(part)
        names.update(dict.fromkeys(genes.translations(sets.names)))
        if sets.unknown:
            dropped += len(sets.unknown)
            shown += [f"{name} on line {part.lines[row]}" for row, name in sets.unknown.items()][:3]
            kept = sets.sizes > 0
            table, part_lines = table.take(kept), part.lines[kept]
            first_unknown = first_unknown or (part.where(min(sets.unknown)), sets)
        else:
            part_lines = part.lines
        tables.append(table)
        lines.append(part_lines)
    if first_unknown and (not leave_out_unknown or dropped == read):
        raise _unknown_genes(genes, first_unknown[0], first_unknown[1], dropped)
    table, line = joined(tables), np.concatenate(lines)
    if len(table) == read:
        check_spread(table.score, f"{path}, line {line[0]}")
    left_out = ()
    if dropped:
        left_out = (LeftOut(dropped, "with a gene that is not in the gene list", examples(shown)),)
    notes = (f"columns not read: {', '.join(scan.unread)}",) if scan.unread else ()
    notes += study_notes(own) if path == study_file(own) else ()
    notes += (*_summed_up(list(names)), *frequent_scores(table.score, lambda row: int(line[row])))
    return table, SourceReport(own, "genotypes", read, len(table), left_out, notes)


def _summed_up(notes: list[str]) -> list[str]:
    """A few notes on names, and how many there are more."""
    more = len(notes) - 5
    return notes if more <= 0 else [*notes[:5], f"{more:,} more names are such ones"]


def _with_numbers(scan: Scan, part: Part, sets: GeneSets, own: str, num_genes: int) -> GenotypeTable:
    place = scan.position
    scores = read_scores(part, place["score"])
    if "p_value" in place:
        p_values = read_p_values(part, place["p_value"])
    else:
        p_values = np.full(len(part), np.nan, np.float32)
    if "study" in place:
        codes, meant = part.categories(place["study"])
        place_of = {name: k for k, name in enumerate(dict.fromkeys(name or own for name in meant))}
        studies = tuple(place_of)
        code = np.array([place_of[name or own] for name in meant], code_type(len(studies)))[codes]
    else:
        studies, code = (own,), np.zeros(len(part), np.int16)
    return GenotypeTable(sets.genes, sets.sizes, scores, p_values, code, studies, num_genes)


def _unknown_genes(genes: GeneList, where: str, sets: GeneSets, count: int | None = None) -> GiJaxError:
    name, more = sets.unknown[min(sets.unknown)], (len(sets.unknown) if count is None else count) - 1
    later = f"; {more:,} later rows name genes like that too" if more else ""
    return GiJaxError(
        f"{where}: {genes.unknown(name)}{later}; correct the name, add the gene to the gene list or leave "
        "the row out"
    )


def _unmeasured(sets: GeneSets, num_genes: int) -> GenotypeTable:
    rows = len(sets.sizes)
    nothing, one_study = np.full(rows, np.nan), np.zeros(rows, np.int16)
    return GenotypeTable(
        sets.genes, sets.sizes, nothing, nothing.astype(np.float32), one_study, ("query",), num_genes
    )
