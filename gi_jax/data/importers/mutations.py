"""Strains as mutations of genes, and measured pairs of them as genotypes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gi_jax.data.formats.score_columns import check_spread, frequent_scores
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.importers.importer import ImportOptions
from gi_jax.data.importers.repeats import merged
from gi_jax.data.load_report import LeftOut, SourceReport
from gi_jax.errors import GiJaxError

DELETION = "Δ"  # the allele of every deletion, whatever the strain


class Mutation(NamedTuple):
    """What a strain lacks: the ids of its genes and the allele, or why it cannot be used."""

    genes: tuple[int, ...] = ()
    allele: str = DELETION
    dropped: str = ""
    note: str = ""


ReadStrain = Callable[[str, str], Mutation]  # of the names of strain and allele


@dataclass
class Mutations:
    """The distinct strains of some files, numbered as they come."""

    read: ReadStrain
    codes: dict[str, int] = field(default_factory=dict)
    found: list[Mutation] = field(default_factory=list)

    def code(self, strain: str, allele: str = "") -> int:
        """The number of a strain."""
        if strain not in self.codes:
            self.codes[strain] = len(self.found)
            self.found.append(self.read(strain, allele))
        return self.codes[strain]

    def examples(self) -> dict[str, tuple[str, ...]]:
        """Up to three strains for every reason why some cannot be used."""
        shown: dict[str, list[str]] = {}
        for strain, mutation in zip(self.codes, self.found, strict=True):
            shown.setdefault(mutation.dropped, []).append(strain.split("\t")[0])
        return {why: tuple(strains[:3]) for why, strains in shown.items() if why}


@dataclass
class Measurements:
    """Pairs of strains with their scores, collected part by part."""

    mutations: Mutations
    query: list[np.ndarray] = field(default_factory=list)  # int32 each
    array: list[np.ndarray] = field(default_factory=list)
    score: list[np.ndarray] = field(default_factory=list)  # float64
    p_value: list[np.ndarray] = field(default_factory=list)  # float32
    line: list[np.ndarray] = field(default_factory=list)  # int32
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def add(
        self, query: np.ndarray, array: np.ndarray, score: np.ndarray, p_value: np.ndarray, line: np.ndarray
    ) -> None:
        """Adds rows; those without a score are counted and no more."""
        self.read += len(score)
        there = np.isfinite(score)
        if not there.all():
            self.dropped["without a score"] += int((~there).sum())
            query, array, score, p_value, line = (
                column[there] for column in (query, array, score, p_value, line)
            )
        self.query.append(query.astype(np.int32))
        self.array.append(array.astype(np.int32))
        self.score.append(score)
        self.p_value.append(p_value.astype(np.float32))
        self.line.append(line.astype(np.int32))

    def take(self, name: str) -> np.ndarray:
        """A column of all rows; its parts are given up."""
        parts: list[np.ndarray] = getattr(self, name)
        whole = np.concatenate(parts)
        parts.clear()
        return whole


class _Strains(NamedTuple):
    """Of each of K mutations."""

    genes: np.ndarray  # [K, S] int32, increasing, then N
    allele: np.ndarray  # [K] int32: equal for equal genes and allele names
    locus: np.ndarray  # [K] int32: equal for equal genes
    deletion: np.ndarray  # [K] bool
    reason: np.ndarray  # [K] int16: 0, or a position in `reasons`
    reasons: tuple[str, ...]


def to_genotypes(
    measured: Measurements, options: ImportOptions, source: str, study: str
) -> tuple[GenotypeTable, SourceReport]:
    """Measured pairs of strains as genotypes.

    Args:
      source: what to call the files in the report.
      study: what the study is called where the options give no name.

    Raises:
      GiJaxError: no row is left, or all scores are the same.
    """
    if not measured.read:
        raise GiJaxError(f"{source}: has no row; it needs one for each measurement")
    strains = _strains(measured.mutations.found, len(options.genes))
    name, dropped = options.name or study, measured.dropped
    query, array, score = (measured.take(key) for key in ("query", "array", "score"))
    p_value, line = measured.take("p_value"), measured.take("line")
    keep = _usable(strains, query, array, len(options.genes), dropped)
    if options.missing is not None:
        gone = keep & (score == options.missing)
        dropped[f"with the score {options.missing:g}, which stands for a missing value"] += int(gone.sum())
        keep &= ~gone
    keep &= _chosen(strains, query, array, keep, options.alleles, dropped)
    if not keep.any():
        told = "; ".join(f"{count:,} {why}" for why, count in dropped.most_common(4) if count)
        raise GiJaxError(
            f"{source}: no measurement is left of {measured.read:,} rows: {told or 'none has a score'}; "
            "check that the gene list is that of the organism, and the choices of the import"
        )
    if not keep.all():
        query, array, score, p_value, line = (x[keep] for x in (query, array, score, p_value, line))
    check_spread(score, source)
    notes = [*frequent_scores(score, lambda row: int(line[row]))]
    notes += [m.note for m in measured.mutations.found if m.note][:5]
    separate = options.alleles == "separate"
    hypomorphic = ~(strains.deletion[query] & strains.deletion[array]) if separate else np.zeros(1, bool)
    classes = (f"{name}", f"{name}_hypomorphic") if hypomorphic.any() else (name,)
    codes = hypomorphic.astype(np.int16) if len(classes) > 1 else np.zeros(len(score), np.int16)
    table, told, lost = merged(strains, query, array, score, p_value, codes, classes, options)
    dropped.update(lost)
    shown = measured.mutations.examples()
    left_out = tuple(LeftOut(count, why, shown.get(why, ())) for why, count in dropped.most_common() if count)
    return table, SourceReport(
        source, "genotypes", measured.read, len(table), (*left_out, *told), tuple(notes)
    )


def _strains(found: list[Mutation], num_genes: int) -> _Strains:
    width = max((len(m.genes) for m in found), default=1) or 1
    genes = np.full((len(found), width), num_genes, np.int32)
    for row, mutation in enumerate(found):
        genes[row, : len(mutation.genes)] = sorted(mutation.genes)
    loci: dict[tuple[int, ...], int] = {}
    alleles: dict[tuple[tuple[int, ...], str], int] = {}
    key = [tuple(sorted(m.genes)) for m in found]
    locus = [loci.setdefault(own, len(loci)) for own in key]
    allele = [alleles.setdefault((own, m.allele), len(alleles)) for own, m in zip(key, found, strict=True)]
    reasons = ("", *dict.fromkeys(m.dropped for m in found if m.dropped))
    reason = [reasons.index(m.dropped) for m in found]
    deletion = [m.allele == DELETION for m in found]
    return _Strains(
        genes, np.array(allele, np.int32), np.array(locus, np.int32), np.array(deletion, bool),
        np.array(reason, np.int16), reasons,
    )  # fmt: skip


def _usable(
    s: _Strains, query: np.ndarray, array: np.ndarray, num_genes: int, dropped: Counter[str]
) -> np.ndarray:
    """Rows of which both strains can be used and have no gene in common."""
    reason = s.reason[query]
    reason = np.where(reason > 0, reason, s.reason[array])
    for code, count in enumerate(np.bincount(reason, minlength=len(s.reasons))):
        if code and count:
            dropped[s.reasons[code]] += int(count)
    keep = reason == 0
    # Padding is told apart, so that it is in common to none.
    mine, other = np.where(s.genes < num_genes, s.genes, -1), np.where(s.genes < num_genes, s.genes, -2)
    same = np.zeros(len(query), bool)
    for left in mine.T:
        for right in other.T:
            same |= left[query] == right[array]
    both = keep & same
    if both.any():
        dropped["of a strain crossed to a strain that lacks the same gene"] += int(both.sum())
    return keep & ~same


def _chosen(
    s: _Strains, query: np.ndarray, array: np.ndarray, keep: np.ndarray, alleles: str, dropped: Counter[str]
) -> np.ndarray:
    """Rows whose alleles are wanted."""
    if alleles == "deletion":
        wanted = s.deletion
        why = "of alleles that are no deletion"
    elif alleles == "best-covered":
        counts = np.bincount(s.allele[query[keep]], minlength=s.allele.max(initial=0) + 1)
        counts += np.bincount(s.allele[array[keep]], minlength=len(counts))
        best: dict[int, int] = {}
        for locus, allele in zip(s.locus.tolist(), s.allele.tolist(), strict=True):
            if locus not in best or counts[allele] > counts[best[locus]]:
                best[locus] = allele
        wanted = np.array(
            [best[locus] == allele for locus, allele in zip(s.locus, s.allele, strict=True)], bool
        )
        why = "of another allele than the best covered one of its gene"
    else:
        return np.ones(len(query), bool)
    chosen = wanted[query] & wanted[array]
    dropped[why] += int((keep & ~chosen).sum())
    return chosen
