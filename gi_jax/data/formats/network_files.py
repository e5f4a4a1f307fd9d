"""Gene networks from the package or from the user's edge lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gi_jax.arguments import as_sequence
from gi_jax.data.bundled import YEAST, bundled_networks, not_bundled
from gi_jax.data.formats.tables import read_table
from gi_jax.data.gene_list import GeneList
from gi_jax.data.load_report import LeftOut, LoadReport, SourceReport, examples
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.errors import GiJaxError


@dataclass(frozen=True)
class NetworkSource:
    """An edge list on disk: columns `src dst [weight]`, plain or gzip, the first line naming them.

    `directed` is a property of the network: messages flow from `src` to `dst`, and in an undirected
    network also back.
    """

    name: str
    path: str | Path
    directed: bool


def bundled_network(name: str) -> NetworkSource:
    """The source of a bundled network.

    Raises:
      GiJaxError: no bundled network has this name.
    """
    networks = bundled_networks()
    if name not in networks:
        remedy = "for a network of your own give its name, path and whether it is directed"
        raise not_bundled("network", name, tuple(networks), remedy)
    return NetworkSource(name, YEAST / "networks" / f"{name}.tsv.gz", networks[name])


def load_networks(
    genes: GeneList, sources: str | NetworkSource | Sequence[str | NetworkSource]
) -> tuple[CellGraph, LoadReport]:
    """Loads networks over one gene list, in the order given.

    An undirected network gets both directions of every edge; an edge that stands in a file
    repeatedly (in an undirected one also the other way round) counts once; self loops stay.
    Weights are not read: the models take an edge as there or not. Edges with a gene outside the
    list are left out and reported.

    Args:
      sources: names of bundled networks, or `NetworkSource`s.

    Raises:
      GiJaxError: an unknown name, a name given twice, an unreadable file, or no edge within the gene list.
    """
    resolved = [
        bundled_network(source) if isinstance(source, str) else source for source in as_sequence(sources)
    ]
    edges, reports = {}, []
    for source in resolved:
        if source.name in edges:
            raise GiJaxError(f"the network `{source.name}` is listed twice; keep one or rename the other")
        edges[source.name], report = _read_edges(genes, source)
        reports.append(report)
    return cell_graph(edges, len(genes)), LoadReport(tuple(reports))


def _read_edges(genes: GeneList, source: NetworkSource) -> tuple[np.ndarray, SourceReport]:
    table = read_table(Path(source.path), required=("src", "dst"), optional=("weight",))
    senders = [genes.find(name) for name in table.columns["src"]]
    receivers = [genes.find(name) for name in table.columns["dst"]]
    outside = [row for row, pair in enumerate(zip(senders, receivers, strict=True)) if None in pair]
    if len(outside) == len(senders):
        name = table.columns["src"][0] if senders[0] is None else table.columns["dst"][0]
        raise GiJaxError(
            f"{table.where(0)}: {genes.unknown(name)}, and none of the {len(senders):,} edges of network "
            f"`{source.name}` lies between listed genes; use the names of the gene list, or another gene list"
        )
    left_out = []
    if outside:
        unknown = [
            f"{name} on line {table.lines[row]}"
            for row in outside
            for name, index in (
                (table.columns["src"][row], senders[row]),
                (table.columns["dst"][row], receivers[row]),
            )
            if index is None
        ]
        left_out.append(LeftOut(len(outside), "with a gene that is not in the gene list", examples(unknown)))
    known = np.array([pair for pair in zip(senders, receivers, strict=True) if None not in pair], np.int32)
    listed = known if source.directed else np.sort(known, axis=1)
    listed, first = np.unique(listed, axis=0, return_index=True)  # [E', 2]
    if len(first) < len(known):
        left_out.append(LeftOut(len(known) - len(first), "that repeat an edge of the same file"))
    loops = listed[:, 0] == listed[:, 1]
    both_ways = listed if source.directed else np.concatenate([listed, listed[~loops, ::-1]])
    kind = "directed" if source.directed else f"undirected, {len(both_ways):,} with both directions"
    notes = (f"{kind}; {loops.sum()} self loops" if loops.any() else kind,)
    if table.unread:
        notes += (f"columns not read: {', '.join(table.unread)}",)
    report = SourceReport(source.name, "edges", len(senders), len(listed), tuple(left_out), notes)
    return np.ascontiguousarray(both_ways.T), report
