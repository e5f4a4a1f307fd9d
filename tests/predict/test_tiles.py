"""Tiles hold every genotype once, and their needs are those of their genotypes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.models.neural.tile_needs import TileNeeds
from gi_jax.models.tiles import Listed, Tile
from gi_jax.models.wanted import Combinations, Crosses, ListedGenotypes
from gi_jax.ops.capacity import row_needs

N, SIDE = 23, 4
SCREENS = [(1, []), (1, [3, 5]), (2, []), (2, [4]), (3, []), (3, [0, 22])]  # free genes, fixed genes


@pytest.fixture(scope="module")
def graph() -> CellGraph:
    rng = np.random.default_rng(1)
    edges = {name: rng.integers(0, N, (2, size)) for name, size in (("a", 50), ("b", 20), ("empty", 0))}
    edges["a"][:, 0] = edges["a"][:, 1]  # a repeated edge
    edges["a"][:, 2] = [2, 2]  # a self loop
    return cell_graph(edges, N)


def some_tiles(free: int, fixed: list[int]) -> tuple[list[Tile], np.ndarray]:
    chosen = np.random.default_rng(free).permutation(np.setdiff1d(np.arange(N), fixed))[:13]
    return list(Combinations(chosen, free, np.array(fixed, np.int64)).tiles(SIDE, N)), chosen


def gene_sets(parts: list[Tile] | list[Listed]) -> list[tuple[int, ...]]:
    rows = np.concatenate([tile.genotypes() for tile in parts]).tolist()
    return [tuple(gene for gene in row if gene < N) for row in rows]


@pytest.mark.parametrize(("free", "fixed"), SCREENS)
def test_every_genotype_is_in_one_tile(free: int, fixed: list[int]) -> None:
    parts, pool = some_tiles(free, fixed)
    expected = {tuple(sorted([*chosen, *fixed])) for chosen in itertools.combinations(pool.tolist(), free)}
    found = gene_sets(parts)
    assert len(found) == len(expected)
    assert set(found) == expected
    assert [tile.size for tile in parts] == [len(tile.genotypes()) for tile in parts]
    assert max(tile.size for tile in parts) <= SIDE * SIDE


@pytest.mark.parametrize(("free", "fixed"), SCREENS)
def test_parts_of_a_tile_have_its_genotypes(free: int, fixed: list[int]) -> None:
    for tile in some_tiles(free, fixed)[0]:
        parts = tile.parts()
        assert sorted(gene_sets(parts)) == sorted(gene_sets([tile]))
        assert tile.size == 1 or max(part.size for part in parts) < tile.size


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize(("free", "fixed"), SCREENS)
def test_needs_of_a_tile_are_the_sum_over_its_genotypes(
    graph: CellGraph, free: int, fixed: list[int], share: bool
) -> None:
    needs = TileNeeds(graph, share=share)
    for tile in some_tiles(free, fixed)[0]:
        counts = needs(tile)
        one_by_one = row_needs(graph, tile.genotypes(), share=share, batch_size=tile.size)
        assert counts.own.to_list() == one_by_one.genotypes.sum().to_list()
        assert counts.singles.to_list() == one_by_one.singles.to_list()
        assert counts.num_singles == one_by_one.num_singles


@pytest.mark.parametrize(
    ("queries", "arrays"),
    [
        ([[0], [1], [5], [7]], [1, 2, 3, 5, 8, 9]),
        ([[3], [4]], [3, 4]),
        ([[0], [1]], [5, 6, 7]),
        ([[0, 1], [1, 2], [0, 2], [7, 3], [2, 9]], [0, 1, 2, 5, 9, 20]),
        ([[0, 1, 2], [1, 2, 3]], [0, 3, 4]),
    ],
)
def test_crosses_hold_every_genotype_once(queries: list[list[int]], arrays: list[int]) -> None:
    wanted = Crosses(np.array(queries, np.int64), np.array(arrays, np.int64))
    expected = {tuple(sorted({*query, gene})) for query in queries for gene in arrays if gene not in query}
    for order in (lambda genes: genes, lambda genes: genes[::-1]):
        found = gene_sets(list(wanted.tiles(SIDE, N, order)))
        assert len(found) == len(expected) == wanted.num_genotypes
        assert set(found) == expected
    assert wanted.size == len(queries[0]) + 1


@pytest.mark.parametrize("share", [False, True])
def test_a_list_comes_in_tiles_whose_needs_are_those_of_its_genotypes(graph: CellGraph, share: bool) -> None:
    rows = np.unique(np.sort(np.random.default_rng(3).integers(0, N + 1, (60, 3)), axis=1), axis=0)
    rows = rows[(np.diff(rows, axis=1) > 0).all(axis=1)].astype(np.int32)
    tiles = list(ListedGenotypes(rows).tiles(SIDE, N))
    np.testing.assert_array_equal(np.concatenate([tile.genotypes() for tile in tiles]), rows)
    assert [tile.size for tile in tiles[:-1]] == [SIDE * SIDE] * (len(tiles) - 1)
    for tile in (*tiles, *tiles[0].parts()):
        counts = TileNeeds(graph, share=share)(tile)
        one_by_one = row_needs(graph, tile.genotypes(), share=share, batch_size=tile.size)
        assert counts.own.to_list() == one_by_one.genotypes.sum().to_list()
    assert sorted(gene_sets(list(tiles[0].parts()))) == sorted(gene_sets(tiles[:1]))
