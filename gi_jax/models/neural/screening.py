"""How a model of `gi_jax.models.neural` predicts a screen: tiles whose genotypes share a program."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from gi_jax.data.genotypes import padded_batch
from gi_jax.data.networks import CellGraph
from gi_jax.models.model import Device
from gi_jax.models.neural.forward import forward_batch
from gi_jax.models.neural.row_needs import lists_changed_rows, shares_single_deletions
from gi_jax.models.neural.tile_needs import TileNeeds
from gi_jax.models.tiles import Listed, Tile
from gi_jax.models.wanted import Wanted
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.row_counts import BatchCounts, cheaper_than_all_rows

SIDE = 64  # of a tile, where its genotypes cost little beside its single deletions and the wildtype
COMPUTED = 1 << 18  # changed rows that a tile may have, all networks and members together
LISTED = 1 << 22  # receivers that a tile may look at


class Step(NamedTuple):
    """One call of the compiled program."""

    tile: Tile | Listed
    batch_size: int
    capacity: Capacity | None


class NeuralScreen:
    """The steps of a screen, and what starts one.

    A model of one layer with norm statistics per node computes the rows that a single deletion changes
    once per tile, so that a genotype costs the rows in which its deletions meet.

    Args:
      model: a model of `gi_jax.models.neural`.
      graph: the networks, N genes, on the device.
      batch_size: genotypes per forward pass of a model that shares no rows.
      members: K; the variables of more than one have a leading axis.
    """

    def __init__(self, model: nn.Module, graph: CellGraph, batch_size: int, members: int = 1) -> None:
        self.model, self.graph, self.batch_size, self.num_members = model, graph, batch_size, members

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

        planned, most = [], {}
        for tile in wanted.tiles(side, n, by_rows):
            for part, counts in _small_enough(tile, needs, COMPUTED // self.num_members):
                # Tiles of like size and as many rows share a program: powers of 4 and of 8.
                batch_size = 4 ** max(2, ((part.size - 1).bit_length() + 1) // 2) if shares else side * side
                kind = batch_size, counts.computed.bit_length() // 3
                planned.append((part, kind))
                most[kind] = most.get(kind, counts).maximum(counts)
        capacities = {
            kind: cheaper_than_all_rows(counts.capacity(), n, kind[0]) for kind, counts in most.items()
        }
        return [Step(tile, kind[0], capacities[kind]) for tile, kind in planned]

    def start(
        self, step: Step, variables: Mapping[str, Any], graph: CellGraph
    ) -> tuple[np.ndarray, jax.Array]:
        """The genotypes of a step, and their labels `[B]` or `[K, B]` as soon as they are there.

        Args:
          variables, graph: of the model, on the device that is to work.
        """
        genes = step.tile.genotypes()
        batch = padded_batch(genes, graph.num_genes, step.batch_size)
        labels = forward_batch(
            variables,
            graph,
            batch,
            model=self.model,
            capacity=step.capacity,
            stacked=self.num_members > 1,
        )
        return genes, labels


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
