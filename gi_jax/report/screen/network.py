"""The network of genes with alike profiles, its groups, and what Cytoscape opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from gi_jax.files import write_text
from gi_jax.report.screen.concentration import Concentration
from gi_jax.report.screen.outcome import HIGHEST, LOWEST, ScreenOutcome
from gi_jax.report.screen.profiles import Profiles

ALIKE, NEAREST, LEAST = 0.5, 5, 3  # correlation and neighbours that make an edge; genes that make a group
GRAPHML, SIF = "network.graphml", "network.sif"
SIMILAR, NEGATIVE, POSITIVE = "similar_profile", "negative", "positive"
_KIND = {LOWEST: NEGATIVE, HIGHEST: POSITIVE}


def similarity_network(profiles: Profiles) -> nx.Graph:
    """Joins genes whose profiles correlate by 0.5 or more, if one is among the five most alike of the other.

    Nodes are gene ids, `weight` of an edge is the correlation, and `group` of a node is its number among the
    groups of three genes or more, 0 outside them (Louvain communities, Blondel et al. 2008; the largest is
    1).
    """
    network = nx.Graph()
    network.add_nodes_from(profiles.genes.tolist())
    others = profiles.correlation - 2 * np.eye(len(profiles.genes))
    for row, alike in enumerate(others):
        for column in np.argsort(-alike, kind="stable")[:NEAREST]:
            if alike[column] >= ALIKE:
                ends = int(profiles.genes[row]), int(profiles.genes[column])
                network.add_edge(*ends, weight=float(alike[column]))
    found = (
        nx.community.louvain_communities(network, weight="weight", seed=0)
        if network.number_of_edges()
        else []
    )
    groups = sorted((sorted(own) for own in found if len(own) >= LEAST), key=lambda own: (-len(own), own))
    nx.set_node_attributes(network, dict.fromkeys(network, 0), "group")
    for number, own in enumerate(groups, 1):
        nx.set_node_attributes(network, dict.fromkeys(own, number), "group")
    return network


def groups_of(network: nx.Graph) -> list[np.ndarray]:
    """The groups of a network in the order of their numbers, as gene ids."""
    of_gene = nx.get_node_attributes(network, "group")
    numbers = range(1, max(of_gene.values(), default=0) + 1)
    return [np.array(sorted(gene for gene, own in of_gene.items() if own == number)) for number in numbers]


def write_network(
    folder: Path, outcome: ScreenOutcome, found: dict[str, Concentration], network: nx.Graph | None
) -> None:
    """Writes the listed interactions and the similarities as `network.graphml` and `network.sif`.

    An edge is a `negative` or `positive` listed interaction with its `prediction`, or a `similar_profile`
    with its `correlation`. A node has `name`, `group`, and the listed genotypes it is in at either end.
    """
    genes, graph = outcome.genes, nx.MultiGraph()
    group = {} if network is None else nx.get_node_attributes(network, "group")
    hits = {end: dict(zip(own.genes.tolist(), own.hits.tolist(), strict=True)) for end, own in found.items()}

    def node(gene: int) -> str:
        held: dict[str, Any] = {"name": _plain(genes.labels[gene]), "group": group.get(gene, 0)}
        held |= {f"{end}_hits": hits.get(end, {}).get(gene, 0) for end in (LOWEST, HIGHEST)}
        graph.add_node(_plain(genes.ids[gene]), **held)
        return _plain(genes.ids[gene])

    for end, own in outcome.ends.items():
        for row in np.flatnonzero(own):
            if (pair := _pair(outcome, outcome.rows[row])) is not None:
                graph.add_edge(*map(node, pair), interaction=_KIND[end], prediction=float(outcome.score[row]))
    for a, b, weight in () if network is None else network.edges(data="weight"):
        graph.add_edge(node(a), node(b), interaction=SIMILAR, correlation=weight)
    from networkx.readwrite.graphml import write_graphml_xml  # the same text whether lxml is there or not

    write_graphml_xml(graph, folder / GRAPHML)
    lines = (f"{a}\t{kind}\t{b}\n" for a, b, kind in graph.edges(data="interaction"))
    write_text(folder / SIF, "".join(lines))


def _pair(outcome: ScreenOutcome, row: np.ndarray) -> tuple[int, int] | None:
    """The two genes that a listed genotype joins: both of a pair, or the two beside the shared ones."""
    genes = [gene for gene in row.tolist() if gene < len(outcome.genes)]
    free = genes if len(genes) == 2 else [gene for gene in genes if gene not in outcome.candidates.fixed]
    return (free[0], free[1]) if len(free) == 2 else None


def _plain(text: str) -> str:
    """Without what XML has no letter for."""
    return "".join(letter for letter in text if letter.isprintable())
