"""Import of files: the format is told or named, all is read, then all is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gi_jax.arguments import as_sequence
from gi_jax.data.bundled import bundled_gene_list
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.importers.importer import Imported, ImportOptions, read_head
from gi_jax.data.importers.registry import KINDS
from gi_jax.data.importers.write import write_imported
from gi_jax.errors import GiJaxError
from gi_jax.files import check_folder, user_path


def import_files(
    kind: str,
    files: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    genes: str | Path | GeneList | None = None,
    table: str = "tsv",
    name: str | None = None,
    alleles: str = "separate",
    repeats: str = "mean",
    publication: str | None = None,
    missing: float | None = None,
    zeros_are_measured: bool = False,
    directed: bool = False,
) -> Imported:
    """Turns files of another program or database into the project's own tables.

    Example:
      >>> imported = gi_jax.import_files("sga", "SGA_NxN.txt", "data/nxn", table="parquet")
      >>> print(imported.reports[0])

    Args:
      kind: a format (`gi_jax.data.importers.registry.KINDS`), or `auto`: told from the files' content.
      files: of one format.
      out: folder to write in; made. Nothing is written if anything is wrong.
      genes: gene list; the bundled yeast genes if None.
      table: `tsv` or `parquet`, for genotypes.
      name: of the study or network.
      alleles, repeats, publication, missing, zeros_are_measured, directed: see `ImportOptions`.

    Returns:
      What was read, with a report of everything kept, merged and dropped.

    Raises:
      GiJaxError: an unknown kind, a file of another format, a mistake in a file, or nothing left.
    """
    paths = [user_path(path) for path in as_sequence(files)]
    if not paths:
        raise GiJaxError("no file is named; give the files to import")
    if table not in ("tsv", "parquet"):
        raise GiJaxError(f"--table is `{table}`, expected tsv or parquet")
    check_folder(user_path(out))
    known = (
        genes
        if isinstance(genes, GeneList)
        else bundled_gene_list()
        if genes is None
        else load_gene_list(genes)
    )
    options = ImportOptions(known, name, alleles, repeats, publication, missing, zeros_are_measured, directed)
    kind = _kind_of(paths) if kind == "auto" else kind
    if kind not in KINDS:
        raise GiJaxError(
            f"`{kind}` is no kind of file that can be imported; expected auto, {', '.join(KINDS)}"
        )
    imported = KINDS[kind].read(paths, options)
    write_imported(imported, known, user_path(out), table)
    return imported


def _kind_of(paths: Sequence[Path]) -> str:
    """The format of files, told from how they begin."""
    told = {}
    for path in paths:
        head = read_head(path)
        fitting = [kind for kind, importer in KINDS.items() if importer.recognises(head)]
        if not fitting:
            shown = head.lines[0].strip().replace("\t", " | ")[:100]
            raise GiJaxError(
                f"{path}, line 1: begins with `{shown}`, which no known kind of file does; name its kind, "
                f"one of {', '.join(KINDS)}, or make it a table as the project reads it (genes, score)"
            )
        told[path] = fitting[0]
    if len(set(told.values())) > 1:
        each = ", ".join(f"{path.name} is {kind}" for path, kind in told.items())
        raise GiJaxError(f"the files are of several kinds ({each}); import those of a kind together")
    return told[paths[0]]
