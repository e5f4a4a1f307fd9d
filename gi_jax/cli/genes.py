"""`gi-jax genes`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import ERRORS
from gi_jax.errors import GiJaxError
from gi_jax.options import path

MOST = 30  # genes shown of a search


def genes(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names of genes, or words to search for.", metavar="NAME", parser=str),
    ] = None,
    of: Annotated[
        Path | None,
        typer.Option(
            "--list", help="Gene list; the bundled yeast genes if none.", metavar="FILE", parser=path
        ),
    ] = None,
) -> None:
    """Look up genes by any of their names.

    A table says which gene is meant, how it was found, and what else is known of it. What is no name is
    searched for in names and descriptions. Without a name the table is that of all genes.
    """
    from gi_jax.data.bundled import bundled_gene_list
    from gi_jax.data.gene_list import load_gene_list
    from gi_jax.data.gene_search import described, search

    known = bundled_gene_list() if of is None else load_gene_list(of)
    lines = ["\t".join(("asked", "found_as", "gene", "name", "status", "aliases", "description"))]
    refused = []
    for name in names or known.ids:
        found = known.look_up(name)
        if found.gene is not None:
            if found.note and names:
                ERRORS.print(f"note: {found.note}")
            lines.append("\t".join((name, found.how, *described(known, found.gene))))
            continue
        hits = [] if found.how else search(known, name)
        if not hits:
            refused.append(known.unknown(name))
        if len(hits) > MOST:
            ERRORS.print(f"`{name}` stands in {len(hits):,} genes; the first {MOST} are shown")
        lines += ["\t".join((name, "search", *described(known, gene))) for gene in hits[:MOST]]
    if len(lines) > 1:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    if refused:
        raise GiJaxError("; ".join(refused))
