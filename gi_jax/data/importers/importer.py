"""What an importer is: how it tells its files, what it reads them into, and what it may be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.data.formats.text_blocks import read_blocks
from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.load_report import SourceReport
from gi_jax.errors import GiJaxError

ALLELES = ("separate", "deletion", "all", "best-covered")
REPEATS = ("mean", "lowest-p", "consistent")


@dataclass(frozen=True)
class ImportOptions:
    """What somebody may decide about an import.

    * `alleles`: `separate`: measurements with an allele that is no deletion are a study of their own;
      `deletion`: they are dropped; `all`: all alleles of a gene count as the gene; `best-covered`: of each
      gene the allele with most measurements counts and no other.
    * `repeats`: measurements of one genotype (query and array exchanged, temperatures, copies of a strain)
      become one with the mean score and the largest p-value (`mean`), that of the lowest p-value
      (`lowest-p`), or likewise, where significant scores of opposite sign drop the genotype (`consistent`).
    """

    genes: GeneList
    name: str | None = None  # of the study or network; the importer's own if None
    alleles: str = "separate"
    repeats: str = "mean"
    publication: str | None = None  # of BioGRID: whose scores to take as labels
    missing: float | None = None  # a score that stands for "not measured"
    zeros_are_measured: bool = False
    directed: bool = False  # of plain edge lists

    def __post_init__(self) -> None:
        for key, value, allowed in (("alleles", self.alleles, ALLELES), ("repeats", self.repeats, REPEATS)):
            if value not in allowed:
                raise GiJaxError(f"--{key} is `{value}`, expected one of {', '.join(allowed)}")


class ImportedNetwork(NamedTuple):
    """Edges between genes of the list."""

    name: str
    directed: bool
    edges: np.ndarray  # [E, 2] gene ids; of an undirected network each once, the smaller id first
    weights: np.ndarray  # [E] float64


@dataclass(frozen=True)
class Imported:
    """What came of some files."""

    reports: tuple[SourceReport, ...]
    genotypes: GenotypeTable | None = None
    networks: tuple[ImportedNetwork, ...] = ()
    gene_sets: tuple[tuple[int, str], ...] = ()  # gene id, name of a set that it is in
    gene_list: GeneList | None = None
    hints: tuple[str, ...] = field(default=())


class Importer(NamedTuple):
    """One format."""

    what: str
    recognises: Callable[[Head], bool]
    read: Callable[[Sequence[Path], ImportOptions], Imported]


class Head(NamedTuple):
    """How a file begins."""

    path: Path
    lines: tuple[str, ...]  # up to 40, not blank
    numbers: tuple[int, ...]  # their line numbers, from 1

    def fields(self, line: int = 0, delimiter: str = "\t") -> list[str]:
        """The fields of a line, in lower case and without blanks around them."""
        if line >= len(self.lines):
            return []
        return [text.strip().lower() for text in self.lines[line].split(delimiter)]


def read_head(path: Path) -> Head:
    """Reads how a file begins.

    Raises:
      GiJaxError: it cannot be read, or is no text and no workbook.
    """
    block = next(block for block in read_blocks(path, 2**16) if not block.text.isspace())
    lines = enumerate(block.text.decode().split("\n"), block.first)
    shown = [(number, line) for number, line in lines if line.strip()][:40]
    return Head(path, tuple(line for _, line in shown), tuple(number for number, _ in shown))


def not_this(path: Path, what: str, found: str) -> GiJaxError:
    """The error for a file of another layout than the one that was named."""
    shown = found.strip().replace("\t", " | ")[:100]
    return GiJaxError(
        f"{path}, line 1: begins with `{shown}`, expected {what}; name the kind of file that it is, or `auto`"
    )
