"""How a model of `gi_jax.models.neural` predicts a screen: tiles whose genotypes share a program."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from gi_jax.data.genotypes import padded_batch
from gi_jax.data.networks import CellGraph
from gi_jax.models.model import Device
from gi_jax.models.neural.forward import forward_batch
from gi_jax.models.neural.row_needs import lists_changed_rows, lists_pairs, shares_single_deletions
from gi_jax.models.neural.tile_groups import PAIR, Need, program_of_tiles
from gi_jax.models.neural.tile_needs import TileNeeds
from gi_jax.models.tiles import Listed, Tile
from gi_jax.models.wanted import ListedGenotypes, Wanted
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.pair_rows import PairCounts, PairLister
from gi_jax.ops.row_counts import BatchCounts, cheaper_than_all_rows

SIDE = 64  # of a tile, where its genotypes cost little beside its single deletions and the wildtype
COMPUTED = 1 << 18  # changed rows that a tile may have, all networks and members together
LISTED = 1 << 22  # receivers that a tile may look at
PAIRS_SIDE = 4  # times this side have tiles of pairs at most


class Step(NamedTuple):
    """One call of the compiled program."""

    tile: Tile | Listed
    batch_size: int
    room: Capacity | PairCounts | None  # for changed rows, listed by the program or on the host


class NeuralScreen:
    """The steps of a screen, and what starts one.

    A model of one layer with norm statistics per node computes the rows that a single deletion changes
    once per tile, so that a genotype costs the rows in which its deletions meet. Of pairs, and with networks
    that are summed, the host lists these rows while the device computes the tile before.

    Args:
      model: a model of `gi_jax.models.neural`.
      graph: the networks, N genes, on the device.
      batch_size: genotypes per forward pass of a model that shares no rows.
      members: K; the variables of more than one have a leading axis.
    """

    def __init__(self, model: nn.Module, graph: CellGraph, batch_size: int, members: int = 1) -> None:
        self.model, self.graph, self.batch_size, self.num_members = model, graph, batch_size, members

    @cached_property
    def _lister(self) -> PairLister:
        return PairLister(self.graph)

    def plan(self, wanted: Wanted) -> list[Step]:
        """Every genotype that is wanted, once."""
        n, config = self.graph.num_genes, self.model.config
        shares = shares_single_deletions(config)
        all_rows = config.num_layers > 0 and not shares
        side = math.isqrt(self.batch_size) if all_rows else SIDE
        if not lists_changed_rows(config):
            return [Step(tile, side * side, None) for tile in wanted.tiles(side, n)]
        needs = TileNeeds(self.graph, share=shares)
        bounds = needs.reach.bounds
        rows = bounds.listed.sum(axis=1) + bounds.computed.sum(axis=1) + bounds.union

        def by_rows(genes: np.ndarray) -> np.ndarray:
            # Genes with many edges come together, so that few tiles have many rows.
            return genes[np.argsort(rows[genes], kind="stable")]

        if wanted.size == 2 and lists_pairs(config) and not isinstance(wanted, ListedGenotypes):
            tiles = list(wanted.tiles(self._side_of_pairs(), n, by_rows))
            of_pairs = [tile for tile in tiles if isinstance(tile, Tile) and _has_pairs(tile, n)]
            if len(of_pairs) == len(tiles):
                return self._plan_pairs(of_pairs)
        planned, most = [], {}
        for tile in wanted.tiles(side, n, by_rows):
            for part, counts in _small_enough(tile, needs, COMPUTED // self.num_members):
                # Tiles of like size and as many rows share a program: powers of 4 and of 8.
                batch_size = _power_of_4(part.size) if shares else side * side
                kind = batch_size, counts.computed.bit_length() // 3
                planned.append((part, kind))
                most[kind] = most.get(kind, counts).maximum(counts)
        capacities = {
            kind: cheaper_than_all_rows(counts.capacity(), n, kind[0]) for kind, counts in most.items()
        }
        return [Step(tile, kind[0], capacities[kind]) for tile, kind in planned]

    def _side_of_pairs(self) -> int:
        """Large enough for the rows of the wildtype, which every tile computes, to be half of the work."""
        side, wildtype = SIDE, self.graph.num_genes * len(self.graph.networks)
        while side < PAIRS_SIDE * SIDE and PAIR * side**2 < 2 * wildtype:
            side *= 2
        return side

    def _plan_pairs(self, tiles: Sequence[Tile]) -> list[Step]:
        parts = [part for tile in tiles for part in self._small_pairs(tile)]
        needs = [Need(_power_of_2(tile.size), counts.rows) for tile, counts in parts]
        programs = program_of_tiles(needs)
        rooms: dict[int, PairCounts] = {}
        sizes: dict[int, int] = {}
        for program, need, (_, counts) in zip(programs, needs, parts, strict=True):
            rooms[program] = rooms.get(program, counts).maximum(counts)
            sizes[program] = max(sizes.get(program, 0), need.batch_size)
        rooms = {program: room.rounded() for program, room in rooms.items()}
        return [
            Step(tile, sizes[program], rooms[program])
            for program, (tile, _) in zip(programs, parts, strict=True)
        ]

    # Half of what a program alone may have: rooms of tiles with rows in other networks add up.
    def _small_pairs(self, tile: Tile) -> Iterator[tuple[Tile, PairCounts]]:
        counts = self._lister.counts(tile.rows, tile.columns)
        if tile.size == 1 or max(counts.computed, counts.union) <= COMPUTED // (2 * self.num_members):
            yield tile, counts
        else:
            for part in tile.parts():
                yield from self._small_pairs(part)

    def start(
        self, step: Step, variables: Mapping[str, Any], graph: CellGraph
    ) -> tuple[np.ndarray, jax.Array]:
        """The genotypes of a step, and their labels `[B]` or `[K, B]` as soon as they are there.

        Args:
          variables, graph: of the model, on the device that is to work.
        """
        tile, room = step.tile, step.room
        genes = tile.genotypes()
        batch = padded_batch(genes, graph.num_genes, step.batch_size)
        options = {"model": self.model, "stacked": self.num_members > 1}
        if isinstance(room, PairCounts):
            assert isinstance(tile, Tile), "only tiles of pairs are planned with such room"
            change = self._lister(tile.rows, tile.columns, room, step.batch_size)
            return genes, forward_batch(variables, graph, batch, capacity=None, change=change, **options)
        return genes, forward_batch(variables, graph, batch, capacity=room, **options)


class Placed:
    """Arrays on the devices that asked for them.

    Args:
      arrays: a tree of them, wherever they are.
    """

    def __init__(self, arrays: Any) -> None:
        self._on: dict[Device | None, Any] = {None: arrays}

    def on(self, device: Device | None) -> Any:
        """The arrays on a device; as they were given for none."""
        if device not in self._on:
            self._on[device] = jax.device_put(self._on[None], device)
        return self._on[device]


def _has_pairs(tile: Tile, num_genes: int) -> bool:
    """Whether two genes of every genotype are in rows and columns, and there are no others."""
    return not len(tile.fixed) and (tile.columns is None or bool((tile.columns < num_genes).all()))


def _power_of_2(size: int) -> int:
    """The least one that is not smaller, 16 or more."""
    return 1 << max(4, (size - 1).bit_length())


def _power_of_4(size: int) -> int:
    """The least one that is not smaller, 16 or more."""
    return 4 ** max(2, ((size - 1).bit_length() + 1) // 2)


def _small_enough(
    tile: Tile | Listed, needs: TileNeeds, computed: int
) -> Iterator[tuple[Tile | Listed, BatchCounts]]:
    """A tile, or its parts, so that none has more rows than memory is meant for; and how many each has."""
    counts = needs(tile)
    if tile.size == 1 or (counts.computed <= computed and counts.listed <= LISTED):
        yield tile, counts
    else:
        for part in tile.parts():
            yield from _small_enough(part, needs, computed)
