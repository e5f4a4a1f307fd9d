"""`gi-jax import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONSOLE
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number
from gi_jax.options import path


def import_files(
    kind: Annotated[
        str,
        typer.Argument(
            help="auto, or sga, kuzmin, emap, biogrid, string, tflink, yeastract, edges, gaf, sgd.",
            metavar="KIND",
            parser=str,
        ),
    ],
    files: Annotated[list[Path], typer.Argument(help="Files of this kind.", metavar="FILE...", parser=path)],
    out: Annotated[Path, typer.Option(help="Folder to write in; made.", metavar="FOLDER", parser=path)],
    genes: Annotated[
        Path | None,
        typer.Option(help="Gene list; the bundled yeast genes if none.", metavar="FILE", parser=path),
    ] = None,
    table: Annotated[str, typer.Option(help="tsv or parquet, of genotypes.", metavar="FORM")] = "tsv",
    name: Annotated[
        str | None, typer.Option(help="Of the study or network.", metavar="NAME", parser=str)
    ] = None,
    alleles: Annotated[
        str,
        typer.Option(help="separate, deletion, all or best-covered: which alleles count.", metavar="RULE"),
    ] = "separate",
    repeats: Annotated[
        str,
        typer.Option(help="mean, lowest-p or consistent: what several measurements become.", metavar="RULE"),
    ] = "mean",
    publication: Annotated[
        str | None,
        typer.Option(help="BioGRID: whose scores are labels, as PUBMED:27708008.", metavar="ID", parser=str),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            help="A score that stands for a missing value, as 0 or -2.", metavar="NUMBER", parser=str
        ),
    ] = None,
    zeros_are_measured: Annotated[
        bool, typer.Option("--zeros-are-measured", help="Zeros in a .cdt file are measurements.")
    ] = False,
    directed: Annotated[
        bool, typer.Option("--directed", help="Edges of a plain list have a direction.")
    ] = False,
) -> None:
    """Turn files of the field's databases and screens into tables that can be trained on.

    What was kept, merged and dropped, and why, is shown and stands in import_report.tsv.
    """
    from gi_jax.data.importers.importing import import_files as imported_from

    number = None if missing is None else plain_number(missing)
    if missing is not None and number is None:
        raise GiJaxError(f"--missing is `{missing}`, expected a number such as 0 or -2")
    imported = imported_from(
        kind,
        files,
        out,
        genes=genes,
        table=table,
        name=name,
        alleles=alleles,
        repeats=repeats,
        publication=publication,
        missing=number,
        zeros_are_measured=zeros_are_measured,
        directed=directed,
    )
    for report in imported.reports:
        CONSOLE.print(str(report), soft_wrap=True)
    for hint in imported.hints:
        CONSOLE.print(hint.replace("FOLDER", str(out)), soft_wrap=True)
    CONSOLE.print(f"written to {out}", soft_wrap=True)
