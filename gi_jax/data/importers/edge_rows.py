"""Rows of a file as the edges of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gi_jax.data.gene_list import GeneList
from gi_jax.data.importers.importer import ImportedNetwork
from gi_jax.data.load_report import LeftOut, SourceReport, examples
from gi_jax.errors import GiJaxError


@dataclass
class EdgeRows:
    """Edges collected part by part, and what was left out."""

    genes: GeneList
    read: int = 0
    edges: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    unknown: int = 0
    unknown_names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)

    def ids(self, names: Sequence[str], name_of: Callable[[str], str] = str.strip) -> np.ndarray:
        """Gene ids of names `[K]`, -1 for those that are no gene of the list."""
        ids = []
        for text in names:
            if text not in self.found:
                name = name_of(text)
                look = self.genes.look_up(name) if name else None
                self.found[text] = -1 if look is None or look.gene is None else look.gene
                if look is not None and look.note and look.gene is not None and look.how != "systematic name":
                    self.notes.append(look.note)
            ids.append(self.found[text])
        return np.array(ids, np.int64)

    def add(
        self, src: np.ndarray, dst: np.ndarray, weights: np.ndarray, name_at: Callable[[int], str]
    ) -> None:
        """Adds edges between ids, -1 for unknown; `name_at` tells what stands in a row."""
        self.read += len(src)
        known = (src >= 0) & (dst >= 0)
        if not known.all():
            gone = np.flatnonzero(~known)
            self.unknown += len(gone)
            if len(self.unknown_names) < 3:
                self.unknown_names += [name_at(int(row)) for row in gone[:3]]
        self.edges.append(np.stack([src[known], dst[known]], axis=1))
        self.weights.append(weights[known])

    def network(
        self,
        name: str,
        source: str,
        directed: bool,
        *,
        left_out: Sequence[LeftOut] = (),
        read: int | None = None,
    ) -> tuple[ImportedNetwork, SourceReport]:
        """The network, every edge once with its largest weight, self loops of undirected networks left out.

        Raises:
          GiJaxError: no edge between listed genes.
        """
        edges = np.concatenate(self.edges) if self.edges else np.zeros((0, 2), np.int64)
        weights = np.concatenate(self.weights) if self.weights else np.zeros(0)
        if not len(edges):
            such = f", such as {', '.join(examples(self.unknown_names))}" if self.unknown_names else ""
            raise GiJaxError(
                f"{source}: none of its {self.read:,} edges lies between genes of the list{such}; check that "
                "the gene list is that of the organism"
            )
        out = list(left_out)
        if self.unknown:
            why = "with a gene that is not in the gene list, or of an ambiguous name"
            out.append(LeftOut(self.unknown, why, examples(self.unknown_names)))
        if not directed and (loops := edges[:, 0] == edges[:, 1]).any():
            out.append(LeftOut(int(loops.sum()), "between a gene and itself"))
            edges, weights = edges[~loops], weights[~loops]
        edges, weights, repeats = edges_once(edges, weights, directed)
        if repeats:
            why = "merged with an edge between the same genes; the largest weight was kept"
            out.append(LeftOut(repeats, why))
        notes = ("directed" if directed else "undirected", *list(dict.fromkeys(self.notes))[:5])
        report = SourceReport(
            source, "edges", self.read if read is None else read, len(edges), tuple(out), notes
        )
        return ImportedNetwork(name, directed, edges.astype(np.int32), weights), report


def edges_once(edges: np.ndarray, weights: np.ndarray, directed: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """Every edge once, with the weight of largest amount; and how many rows repeated one.

    Args:
      edges: `[E, 2]` gene ids. Of an undirected network the smaller id is put first.
      weights: `[E]`.
    """
    edges = edges if directed else np.sort(edges, axis=1)
    order = np.lexsort((-np.abs(weights), edges[:, 1], edges[:, 0]))
    edges, weights = edges[order], weights[order]
    first = np.append(True, (edges[1:] != edges[:-1]).any(axis=1))[: len(edges)]
    return edges[first], weights[first], int((~first).sum())


def use_lines(networks: Sequence[ImportedNetwork]) -> tuple[str, ...]:
    """What to add to a command to use networks that lie in `FOLDER`."""
    lines = (
        f"data.networks.{n.name}={{path: FOLDER/{n.name}.tsv, directed: {str(n.directed).lower()}}}"
        for n in networks
    )
    names = ",".join(network.name for network in networks)
    return ("to train with it, add to the configuration:", *lines, f"cell_dataset.graphs=[{names}]")
