"""Clustered profiles as the three files that Java TreeView opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gi_jax.data.gene_list import GeneList
from gi_jax.files import write_text
from gi_jax.report.screen.profiles import Profiles

FILES = ("profiles.cdt", "profiles.gtr", "profiles.atr")


def write_treeview(folder: Path, profiles: Profiles, genes: GeneList) -> None:
    """Writes `profiles.cdt`, the table in the order of its trees, and `.gtr` and `.atr`, the trees of its
    rows and columns.

    The format is that of Cluster (Eisen et al. 1998, PNAS 95:14863): rows are GENE0X, GENE1X, ..., columns
    ARRY0X, ..., inner nodes NODE1X, ...; a line of a tree has a node, what it joins, and how alike that is (1
    - distance).
    """
    rows, columns = profiles.gene_order, profiles.partner_order
    labels, blank = genes.labels, ("", "", "")
    lines = [
        ("GID", "ORF", "NAME", "GWEIGHT", *(labels[profiles.partners[c]] for c in columns)),
        ("AID", *blank, *(f"ARRY{c}X" for c in columns)),
        ("EWEIGHT", *blank, *("1" for _ in columns)),
    ]
    for row in rows:
        gene, scores = profiles.genes[row], profiles.scores[row, columns]
        cells = ("" if np.isnan(score) else f"{score:.6g}" for score in scores)
        lines.append((f"GENE{row}X", genes.ids[gene], labels[gene], "1", *cells))
    write_text(folder / FILES[0], "".join("\t".join(line) + "\n" for line in lines))
    write_text(folder / FILES[1], _tree_text(profiles.gene_tree, "GENE"))
    write_text(folder / FILES[2], _tree_text(profiles.partner_tree, "ARRY"))


def _tree_text(tree: np.ndarray, leaf: str) -> str:
    leaves = len(tree) + 1

    def name(node: float) -> str:
        return f"{leaf}{int(node)}X" if node < leaves else f"NODE{int(node) - leaves + 1}X"

    lines = (
        f"NODE{step}X\t{name(a)}\t{name(b)}\t{1 - distance:.6f}\n"
        for step, (a, b, distance, _) in enumerate(tree.tolist(), 1)
    )
    return "".join(lines)
