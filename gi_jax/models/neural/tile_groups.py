"""Which tiles of a screen share a compiled program, whose arrays have room for the largest of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

COMPILED = 3_000_000  # changed rows that take as long as the compilation of one more program
PAIR = 2.5  # changed rows that take as long as what a genotype takes besides
FINER = 4  # numbers of rows that are told apart between two powers of two


class Need(NamedTuple):
    """What a tile has, or a program room for."""

    batch_size: int
    rows: tuple[int, ...]  # [G]

    @property
    def cost(self) -> float:
        """The work of a tile in a program with this room, in changed rows."""
        return PAIR * self.batch_size + sum(self.rows)

    def maximum(self, other: Need) -> Need:
        """Room for either."""
        rows = tuple(map(max, self.rows, other.rows))
        return Need(max(self.batch_size, other.batch_size), rows)


class _Group(NamedTuple):
    room: Need
    tiles: int  # how many
    kinds: tuple[tuple[int, ...], ...]

    def joined(self, other: _Group) -> _Group:
        return _Group(self.room.maximum(other.room), self.tiles + other.tiles, self.kinds + other.kinds)

    def saved_with(self, other: _Group) -> float:
        """What a common program saves: its compilation, less the room that tiles do not need."""
        together = self.joined(other)
        apart = self.tiles * self.room.cost + other.tiles * other.room.cost
        return COMPILED - (together.tiles * together.room.cost - apart)


def program_of_tiles(needs: Sequence[Need]) -> list[int]:
    """Numbers tiles by the program that they share.

    Tiles of like need are one group; two groups become one as long as that saves something, those first
    that save most.
    """
    kinds = [_kind(need) for need in needs]
    groups: list[_Group] = []
    for kind in sorted(set(kinds)):
        own = [need for need, its in zip(needs, kinds, strict=True) if its == kind]
        rooms = list(itertools.accumulate(own, Need.maximum))
        groups.append(_Group(rooms[-1], len(own), (kind,)))
    while len(groups) > 1:
        pairs = itertools.combinations(groups, 2)
        one, other = max(pairs, key=lambda pair: pair[0].saved_with(pair[1]))
        if one.saved_with(other) <= 0:
            break
        groups = [group for group in groups if group not in (one, other)] + [one.joined(other)]
    number = {kind: k for k, group in enumerate(groups) for kind in group.kinds}
    return [number[kind] for kind in kinds]


def _kind(need: Need) -> tuple[int, ...]:
    """The size, the rows rounded up to one of a few numbers between two powers of two, and the network that
    has most of them.
    """
    rows = sum(need.rows)
    step = 1 << max(rows.bit_length() - FINER.bit_length(), 0)
    return need.batch_size, -(-rows // step) * step, need.rows.index(max(need.rows))
