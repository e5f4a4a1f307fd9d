"""How many rows a first layer changes: the counts from which the capacity of a program follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gi_jax.ops.changed_rows import Capacity


@dataclass(frozen=True)
class RowCounts:
    """Rows that a first layer changes, of one genotype or batch, or of a table with leading axes `...`."""

    listed: np.ndarray  # [..., G] int64, deleted genes and their receivers in each network
    computed: np.ndarray  # [..., G] int64, rows computed in each network
    union: np.ndarray  # [...] int64, rows computed in the union over networks

    @classmethod
    def zeros(cls, num_networks: int, *leading: int) -> RowCounts:
        """No rows, in a table with the given leading axes."""
        networks = np.zeros((*leading, num_networks), np.int64)
        return cls(networks, networks, np.zeros(leading, np.int64))

    @classmethod
    def from_list(cls, numbers: Sequence[int]) -> RowCounts:
        """The inverse of `to_list`."""
        every, g = np.array(numbers, np.int64), len(numbers) // 2
        return cls(every[:g], every[g:-1], every[-1])

    def to_list(self) -> list[int]:
        """The 2 G + 1 numbers of one genotype or batch, field after field, as checkpoints keep them."""
        return [*self.listed.tolist(), *self.computed.tolist(), int(self.union)]

    def each(self, function: Callable[..., np.ndarray], *others: RowCounts) -> RowCounts:
        """Applies a function of arrays to each of the three fields."""
        counts = (self, *others)
        listed = function(*(c.listed for c in counts))
        # One array for both fields, as without shared rows, is worked on once.
        same = all(c.listed is c.computed for c in counts)
        computed = listed if same else function(*(c.computed for c in counts))
        return RowCounts(listed, computed, function(*(c.union for c in counts)))

    def __getitem__(self, rows: np.ndarray | slice) -> RowCounts:
        return self.each(lambda a: a[rows])

    def __add__(self, other: RowCounts) -> RowCounts:
        return self.each(np.add, other)

    def __mul__(self, factor: int) -> RowCounts:
        return self.each(lambda a: a * factor)

    def maximum(self, other: RowCounts) -> RowCounts:
        """The larger of every two counts."""
        return self.each(np.maximum, other)

    def sum(self, axis: int = 0) -> RowCounts:
        """Together over a leading axis."""
        return self.each(lambda a: a.sum(axis=axis))

    def max(self, axis: int = 0) -> RowCounts:
        """The largest of every count over a leading axis."""
        return self.each(lambda a: a.max(axis=axis))

    def batches(self, batch_size: int) -> RowCounts:
        """A table `[steps * B]` as what each batch has together: `[steps]`."""
        return self.each(lambda a: a.reshape(-1, batch_size, *a.shape[1:])).sum(axis=1)

    def fits(self, limit: RowCounts) -> bool:
        """Whether no count is larger than that of `limit`."""
        pairs = ((self.listed, limit.listed), (self.computed, limit.computed), (self.union, limit.union))
        return all(bool((own <= there).all()) for own, there in pairs)


class BatchCounts(NamedTuple):
    """The changed rows of one batch: those of its genotypes, and of their single deletions once."""

    own: RowCounts  # where single deletions are shared, computed and union only where deletions meet
    singles: RowCounts  # of the distinct single deletions together; 0 unless they are shared
    num_singles: int = 0  # distinct deleted genes; 0 unless they are shared

    @property
    def listed(self) -> int:
        """Deleted genes and receivers to look at, over all networks."""
        return int((self.own.listed + self.singles.listed).sum())

    @property
    def computed(self) -> int:
        """Rows to compute, over all networks."""
        return int((self.own.computed + self.singles.computed).sum())

    def maximum(self, other: BatchCounts) -> BatchCounts:
        """What either of two batches has."""
        return BatchCounts(
            self.own.maximum(other.own),
            self.singles.maximum(other.singles),
            max(self.num_singles, other.num_singles),
        )

    def doubled(self) -> BatchCounts:
        """Twice the rows, of as many single deletions."""
        return BatchCounts(self.own * 2, self.singles * 2, self.num_singles)

    def fits(self, limit: BatchCounts) -> bool:
        """Whether a program for `limit` can hold the batch."""
        few = self.num_singles <= limit.num_singles and bool(self.own.union <= limit.own.union)
        return few and (self.own + self.singles).fits(limit.own + limit.singles)

    def capacity(self) -> Capacity:
        """Capacity for all of it, rounded up."""
        together = self.own + self.singles
        return Capacity(
            listed=tuple(map(_round_up, together.listed)),
            networks=tuple(map(_round_up, together.computed)),
            union=_round_up(int(together.union)),
            singles=self.num_singles,
            joint=_round_up(int(self.own.union)) if self.num_singles else 0,
        )


def cheaper_than_all_rows(capacity: Capacity, num_genes: int, batch_size: int) -> Capacity | None:
    """The capacity, or None where computing all rows of a batch costs no more."""
    return capacity if 2 * capacity.union < num_genes * batch_size else None


def _round_up(count: int) -> int:
    return max(64, -(-int(count) // 64) * 64)
