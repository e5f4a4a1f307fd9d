"""The gene table: what is known of every gene, in columns by which genes are chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.data.bundled import YEAST
from gi_jax.data.formats.columns import first_line
from gi_jax.data.formats.tables import read_table
from gi_jax.data.gene_list import GeneList
from gi_jax.data.gene_names import are_yeast_names
from gi_jax.data.gene_search import described
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

OWN = ("gene", "name", "status", "aliases", "description")
ESSENTIAL = "essential"
_CONDITION = re.compile(r"\s*([^=<>~!]+?)\s*(!=|<=|>=|=|~)\s*(.*?)\s*")
_FORMS = "COLUMN=VALUE, COLUMN!=VALUE, COLUMN<=NUMBER, COLUMN>=NUMBER or COLUMN~TEXT"


class Condition(NamedTuple):
    """`status=Verified`: what a column of the gene table must say."""

    column: str
    relation: str  # =, !=, <=, >=, ~ (holds the text)
    value: str

    def __str__(self) -> str:
        return f"{self.column}{self.relation}{self.value}"


def read_condition(text: str) -> Condition:
    """Reads a condition such as `status=Verified`, `fitness>=0.8` or `description~kinase`.

    Raises:
      GiJaxError: it has another form.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise GiJaxError(f"`{text}` is no condition on a column of the gene table; write {_FORMS}")
    condition = Condition(found[1].lower(), found[2], found[3])
    if condition.relation in ("<=", ">=") and plain_number(condition.value) is None:
        raise GiJaxError(f"`{text}` compares with `{condition.value}`, which is no number; write {_FORMS}")
    return condition


class GeneTable:
    """Columns of text over N genes; an empty field is one that nothing is known of.

    There are `gene`, `name`, `status`, `aliases` and `description`, for genes of *S. cerevisiae* `essential`
    (`yes` or `no`), and the columns of the user's tables, which go before these.

    Args:
      genes: N.
      files: tables with a column `gene`, by any name that a gene has, and others.

    Raises:
      GiJaxError: an unreadable file, an unknown gene, or one on two lines.
    """

    def __init__(self, genes: GeneList, files: Sequence[Path] = ()) -> None:
        self.genes = genes
        rows = [described(genes, gene) for gene in range(len(genes))]
        self.columns = {name: list(column) for name, column in zip(OWN, zip(*rows, strict=True), strict=True)}
        if are_yeast_names(genes.ids):
            table = read_table(YEAST / "essential.tsv.gz", required=("gene", ESSENTIAL))
            known = dict(zip(table.columns["gene"], table.columns[ESSENTIAL], strict=True))
            self.columns[ESSENTIAL] = [known.get(gene, "") for gene in genes.ids]
        for file in files:
            self.columns |= _joined(genes, file)

    def where(self, condition: Condition) -> np.ndarray:
        """Which genes meet a condition: `[N]` bool. Texts are compared in any case; VALUE may be several with
        commas between them. A gene of which nothing is known meets none but `!=`.

        Raises:
          GiJaxError: there is no such column, or it has no numbers to compare.
        """
        if condition.column not in self.columns:
            raise GiJaxError(
                f"`{condition}`: the gene table has no column `{condition.column}`, but it "
                f"has {', '.join(self.columns)}; name one of these, or give a table with it by --gene-table "
                "FILE"
            )
        held = [field.strip().lower() for field in self.columns[condition.column]]
        if condition.relation in ("<=", ">="):
            return self._compared(condition, held)
        if condition.relation == "~":
            return np.array([condition.value.lower() in field for field in held])
        wanted = {value.strip().lower() for value in condition.value.split(",")}
        met = np.array([field in wanted for field in held])
        return ~met if condition.relation == "!=" else met

    def _compared(self, condition: Condition, held: list[str]) -> np.ndarray:
        bound = plain_number(condition.value)
        numbers = np.full(len(held), np.nan)
        for gene, field in enumerate(held):
            number = plain_number(field) if field else np.nan
            if number is None:
                raise GiJaxError(
                    f"`{condition}`: the gene table says `{field[:40]}` for {self.genes.ids[gene]}, "
                    "which is no number; compare texts with = or ~"
                )
            numbers[gene] = number
        assert bound is not None, "read_condition has seen to it"
        return numbers <= bound if condition.relation == "<=" else numbers >= bound


def _joined(genes: GeneList, path: Path) -> dict[str, list[str]]:
    """The columns of a user's table over the gene list, by name."""
    header = [name.strip().lower() for name in first_line(path).split("\t")]
    table = read_table(path, required=("gene",), optional=[name for name in header if name != "gene"])
    others = {name: [""] * len(genes) for name in table.columns if name != "gene"}
    line_of: dict[int, int] = {}
    for row, name in enumerate(table.columns["gene"]):
        gene = genes.find(name)
        if gene is None:
            raise GiJaxError(f"{table.where(row)}: {genes.unknown(name)}; correct the name or remove the row")
        if gene in line_of:
            raise GiJaxError(
                f"{table.where(row)}: {genes.ids[gene]} stands on line {line_of[gene]} too; keep one of them"
            )
        line_of[gene] = table.lines[row]
        for column, values in others.items():
            values[gene] = table.columns[column][row]
    return others
