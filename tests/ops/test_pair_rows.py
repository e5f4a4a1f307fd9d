"""Rows of pairs that the host lists are those that the program lists, and give the same predictions."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from gi_jax.config import RunConfig
from gi_jax.data.genotypes import padded_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.models.neural import build_model
from gi_jax.models.neural.forward import forward_batch
from gi_jax.models.neural.tile_needs import TileNeeds
from gi_jax.models.tiles import Tile
from gi_jax.ops.changed_rows import changed_rows
from gi_jax.ops.pair_rows import PairLister
from gi_jax.training.state import init_variables

N = 30


@pytest.fixture(scope="module")
def graph() -> CellGraph:
    rng = np.random.default_rng(1)
    edges = {name: rng.integers(0, N, (2, size)) for name, size in (("a", 80), ("b", 60), ("empty", 0))}
    edges["a"][:, 0] = edges["a"][:, 1]  # a repeated edge
    edges["a"][:, 2] = [2, 2]  # a self loop
    edges["b"][:, 5:8] = edges["a"][:, 5:8]  # shared ones
    return cell_graph(edges, N)


def tiles() -> list[Tile]:
    genes = np.random.default_rng(2).permutation(N)
    nothing = genes[:0]
    return [
        Tile(nothing, genes[:6], genes[6:16]),
        Tile(nothing, genes[:9], None),
        Tile(nothing, genes[:1], genes[1:4]),
    ]


@pytest.mark.parametrize("tile", tiles()[:3])
def test_the_rows_are_those_that_the_program_lists(graph: CellGraph, tile: Tile) -> None:
    lister, n = PairLister(graph), graph.num_genes
    counts = lister.counts(tile.rows, tile.columns)
    room = counts.rounded()
    size = tile.size + 3
    found = lister(tile.rows, tile.columns, room, size)
    batch = padded_batch(tile.genotypes(), n, size)
    capacity = TileNeeds(graph, share=True)(tile).capacity()
    listed = jax.device_get(jax.jit(changed_rows, static_argnames="capacity")(graph, batch, capacity))
    assert not listed.overflow and found.shared is not None and found.pairs is not None

    def genotype_rows(rows, genes: np.ndarray) -> dict[tuple, bool]:
        """What is deleted and changes, and whether it is deleted itself."""
        live = rows.live
        owners = map(tuple, genes[rows.genotype[live]].tolist())
        return dict(zip(zip(owners, rows.gene[live].tolist(), strict=True), rows.deleted[live], strict=True))

    union = genotype_rows(found.union, found.genes)
    assert union == genotype_rows(listed.union, listed.genes)
    assert (len(union), len(found.shared.joint_genotype)) == (counts.union, room.joint)
    live = found.shared.counted[:, 0]
    assert live.sum() == counts.joint == (listed.shared.joint_genotype < size).sum()
    # Every joint row knows the rows of both single deletions.
    for genotype, rows in zip(found.shared.joint_genotype[live], found.shared.counter_row[live], strict=True):
        singles = found.genes[found.union.genotype[rows]]
        assert sorted(singles[:, 0].tolist()) == found.genes[room.singles + genotype].tolist()
        assert len(set(found.union.gene[rows].tolist())) == 1

    start = 0
    for g, (own, theirs) in enumerate(zip(found.networks, listed.networks, strict=True)):
        rows, expected = genotype_rows(own.rows, found.genes), genotype_rows(theirs.rows, listed.genes)
        assert rows.items() <= expected.items() and len(rows) == counts.rows[g]
        lost = messages(own, found.genes)
        assert sum(map(len, lost.values())) == counts.entries[g]
        of_program = messages(theirs, listed.genes)
        assert {key: lost.get(key, []) for key in rows} == {key: of_program.get(key, []) for key in rows}
        # Rows that are not computed are those of one of their single deletions.
        alone = {(genes, gene) for genes, gene in rows if genes[1] == N}
        for genes, gene in expected.keys() - rows.keys():
            assert sum(((deleted, N), gene) in alone for deleted in genes) == 1
        of = found.pairs.of_singles[start : start + room.rows[g]]
        both = (of < sum(room.rows)).all(axis=1)
        assert both.sum() == len(rows) - len(alone)
        for row in np.flatnonzero(both):
            assert (own.rows.gene[of[row] - start] == own.rows.gene[row]).all()
        start += room.rows[g]


def messages(change, genes: np.ndarray) -> dict[tuple, list[int]]:
    """The deleted senders of the messages that each row loses."""
    found: dict[tuple, list[int]] = {}
    assert (np.diff(change.row) >= 0).all()
    for source, row, lost in zip(change.source, change.row, change.lost, strict=True):
        if lost:
            key = tuple(genes[change.rows.genotype[row]].tolist()), int(change.rows.gene[row])
            found.setdefault(key, []).append(int(source))
    return {key: sorted(sources) for key, sources in found.items()}


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_predictions_are_the_same(graph: CellGraph, small_config: RunConfig, size: float) -> None:
    """Large weights make rows of which a deletion takes nearly all, which are formed anew."""
    options = replace(small_config.model, hidden_channels=8)
    model = build_model(options, N, graph.names)
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: size * rng.normal(size=leaf.shape).astype(np.float32), init_variables(model, graph, 0)
    )
    lister = PairLister(graph)
    every = [lister.counts(tile.rows, tile.columns) for tile in tiles()]
    room = every[0]
    for counts in every[1:]:
        room = room.maximum(counts)
    for tile in tiles()[:2]:
        change = lister(tile.rows, tile.columns, room.rounded(), 64)
        batch = padded_batch(tile.genotypes(), N, 64)
        found = forward_batch(variables, graph, batch, model=model, capacity=None, change=change)
        expected = forward_batch(variables, graph, batch, model=model, capacity=None)
        assert np.std(expected[: tile.size]) > 0.01
        np.testing.assert_allclose(found[: tile.size], expected[: tile.size], rtol=1e-5, atol=1e-5 * size)
