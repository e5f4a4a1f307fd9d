"""The tiles of a screen in blocks, which part files hold and machines share out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gi_jax.errors import GiJaxError
from gi_jax.models.model import Planned

LARGEST_BLOCK = 1 << 19  # genotypes, of a part file of some megabytes
FEWEST_BLOCKS = 64  # so that a small screen can be dealt to many machines too, if its tiles are small enough


class Shard(NamedTuple):
    """One of several parts of a screen, counted from 1."""

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class Piece(NamedTuple):
    """A tile, and where it belongs."""

    tile: Planned
    block: int
    ends_block: bool


class Division:
    """The blocks of a screen that one shard does: consecutive tiles, the same for any number of shards.

    Args:
      tiles: of the whole screen; gone through several times.
      num_genotypes: of the whole screen.
      shard: block k belongs to the shard `k % n + 1` of n.

    Raises:
      GiJaxError: there is no such shard.
    """

    def __init__(self, tiles: Iterable[Planned], num_genotypes: int, shard: Shard) -> None:
        if not 1 <= shard.number <= shard.of:
            raise GiJaxError(f"found the shard {shard}, expected one such as 1/4, of those from 1/4 to 4/4")
        self.tiles, self.shard, self._total = tiles, shard, num_genotypes
        self.block_size = min(LARGEST_BLOCK, -(-num_genotypes // FEWEST_BLOCKS))
        self.tiles_of_all = 0
        self.num_tiles, self.num_genotypes = 0, 0  # of the shard
        for piece in self._pieces():
            self.tiles_of_all += 1
            if self._is_own(piece):
                self.num_tiles += 1
                self.num_genotypes += piece.tile.size

    def __iter__(self) -> Iterator[Piece]:
        """The tiles of the shard, in order."""
        return filter(self._is_own, self._pieces())

    def _is_own(self, piece: Piece) -> bool:
        return piece.block % self.shard.of == self.shard.number - 1

    def _pieces(self) -> Iterator[Piece]:
        block, filled, before = 0, 0, 0
        for tile in self.tiles:
            filled += tile.size
            before += tile.size
            ends = filled >= self.block_size or before == self._total
            yield Piece(tile, block, ends)
            if ends:
                block, filled = block + 1, 0
