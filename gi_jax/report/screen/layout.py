"""Where the nodes of a network are drawn."""

from __future__ import annotations

import networkx as nx
import numpy as np

PAIR = np.array([[0.0, 0.0], [1.0, 0.0]])  # where two genes are put that are joined to each other alone


def places_of(network: nx.Graph, size: tuple[float, float]) -> dict[int, np.ndarray]:
    """A place in inches for every node: each connected part by itself, packed in rows from the largest on."""
    parts = sorted(
        (sorted(own) for own in nx.connected_components(network)), key=lambda own: (-len(own), own)
    )
    places, x, y, tall = {}, 0.0, 0.0, 0.0
    inch = np.sqrt(0.6 * size[0] * size[1] / len(network))  # room for one node, with space between the parts
    for own in parts:
        part = nx.Graph()  # nodes and edges in an order that does not depend on how the network was built
        part.add_nodes_from(own)
        part.add_edges_from(sorted((min(edge), max(edge)) for edge in network.subgraph(own).edges()))
        laid = (
            nx.spring_layout(part, seed=0, iterations=300)
            if len(own) > 2
            else dict(zip(own, PAIR, strict=True))
        )
        at = np.array([laid[gene] for gene in own])
        at -= at.min(axis=0)
        whole = len(own) == len(network)
        side = np.array(size) if whole else np.full(2, inch * np.sqrt(len(own)))
        at *= side / np.maximum(at.max(axis=0), 1e-9) if len(own) > 2 else inch
        wide, high = at.max(axis=0) + inch
        if x and x + wide > size[0] + inch:
            x, y, tall = 0.0, y - tall, 0.0
        at = np.array([x, y]) + at * [1, -1]
        places |= dict(zip(own, at, strict=True))
        x, tall = x + wide, max(tall, high)
    return places


def spread_out(places: dict[int, np.ndarray], room: tuple[float, float]) -> dict[int, np.ndarray]:
    """Moves points until each has a box of `room` (width, height) to itself, or 500 times.

    Two that are too close move apart, half the way each, along the axis that takes less.
    """
    keys, at = list(places), np.array(list(places.values()))
    for _ in range(500):
        apart = at[:, None] - at[None]  # [n, n, 2]
        lacking = np.array(room) - np.abs(apart)
        first, second = np.nonzero(np.triu((lacking > 1e-6).all(axis=2), 1))
        if not len(first):
            break
        axis = lacking[first, second].argmin(axis=1)
        sign = np.where(apart[first, second, axis] < 0, -1.0, 1.0)
        step = 0.5 * sign * lacking[first, second, axis]
        np.add.at(at, (first, axis), step)
        np.add.at(at, (second, axis), -step)
    return dict(zip(keys, at, strict=True))
