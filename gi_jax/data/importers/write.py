"""The tables of an import, written together or not at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from gi_jax.data.formats.genotype_parquet import write_parquet
from gi_jax.data.gene_list import GeneList, gene_list_text
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.importers.importer import Imported, ImportedNetwork
from gi_jax.errors import GiJaxError
from gi_jax.files import check_folder, replacing_together, write_text

GENOTYPES, GENE_SETS, GENES, REPORT = "genotypes", "gene_sets.tsv", "genes.txt", "import_report.tsv"
_ROWS = 2**20


def write_imported(imported: Imported, genes: GeneList, folder: Path, table: str) -> list[str]:
    """Writes what an import found, and `import_report.tsv`; returns the names of the files."""
    check_folder(folder, create=True)
    with replacing_together(folder) as new:
        if imported.genotypes is not None and table == "parquet":
            write_parquet(imported.genotypes, genes, new / f"{GENOTYPES}.parquet")
        elif imported.genotypes is not None:
            write_genotypes(imported.genotypes, genes, new / f"{GENOTYPES}.tsv")
        for network in imported.networks:
            _write_network(network, genes, new / f"{network.name}.tsv")
        if imported.gene_sets:
            rows = "".join(f"{genes.ids[gene]}\t{name}\n" for gene, name in imported.gene_sets)
            write_text(new / GENE_SETS, f"gene\tset\n{rows}")
        if imported.gene_list is not None:
            write_text(new / GENES, gene_list_text(imported.gene_list))
        write_text(new / REPORT, _report(imported))
        names = sorted(path.name for path in new.iterdir())
    return names


def write_genotypes(table: GenotypeTable, genes: GeneList, path: Path) -> None:
    """Writes measured genotypes as the table that `load_genotypes` reads.

    Raises:
      GiJaxError: the name of a gene or study has a quotation mark, a tab or a line end in it.
    """
    names = pa.array([*genes.ids, None], pa.string())
    studies = pa.array(list(table.studies), pa.string())
    options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    with path.open("wb") as file:
        file.write(b"genes\tscore\tp_value\tstudy\n")
        for start in range(0, len(table), _ROWS):
            rows = slice(start, start + _ROWS)
            columns = [names.take(pa.array(column)) for column in table.genes[rows].T]
            joined = pc.binary_join_element_wise(  # pyright: ignore[reportAttributeAccessIssue]
                *columns, ",", null_handling="skip"
            )
            p_value = pa.array(table.p_value[rows], from_pandas=True)
            study = studies.take(pa.array(table.study[rows]))
            held = [joined, pa.array(table.score[rows]), p_value, study]
            try:
                csv.write_csv(pa.table(held, names=["genes", "score", "p_value", "study"]), file, options)
            except pa.ArrowInvalid as error:
                name = str(error).rpartition("value: ")[2][:80]
                raise GiJaxError(
                    f"`{name}` cannot stand in a table of tabs; give the study another name with --name, or "
                    "write Parquet with --table parquet"
                ) from None


def _write_network(network: ImportedNetwork, genes: GeneList, path: Path) -> None:
    rows = (
        f"{genes.ids[src]}\t{genes.ids[dst]}\t{weight:.6g}\n"
        for (src, dst), weight in zip(network.edges.tolist(), network.weights.tolist(), strict=True)
    )
    write_text(path, "src\tdst\tweight\n" + "".join(rows))


def _report(imported: Imported) -> str:
    """One line for each outcome of the rows of each source."""
    lines = ["source\tunit\toutcome\trows\twhy\texamples"]
    for report in imported.reports:
        kept = report.kept
        lines.append(f"{report.source}\t{report.unit}\tkept\t{kept}\t\t")
        for part in report.left_out:
            outcome = "merged" if part.why.startswith("merged") else "dropped"
            fields = (
                report.source,
                report.unit,
                outcome,
                str(part.count),
                part.why,
                ", ".join(part.examples),
            )
            lines.append("\t".join(fields))
        lines += [f"{report.source}\t{report.unit}\tnote\t\t{note}\t" for note in report.notes]
    return "\n".join(lines) + "\n"
