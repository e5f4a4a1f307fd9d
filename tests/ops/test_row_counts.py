"""Counts of changed rows: what their fields mean, in checkpoints and in the capacity they ask for."""

from __future__ import annotations

import numpy as np

from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.row_counts import BatchCounts, RowCounts, cheaper_than_all_rows


def test_a_list_of_a_checkpoint_has_listed_then_computed_rows_then_the_union() -> None:
    saved = [70, 2, 30, 4, 80]  # as runs have saved it since the first version
    counts = RowCounts.from_list(saved)
    assert counts.listed.tolist() == [70, 2]
    assert counts.computed.tolist() == [30, 4]
    assert counts.union == 80
    assert counts.to_list() == saved


def test_batches_of_a_table_have_the_rows_of_their_genotypes_together() -> None:
    table = RowCounts(np.arange(8).reshape(4, 2), np.ones((4, 2), int), np.array([1, 2, 3, 4]))
    batches = table.batches(2)
    assert batches.listed.tolist() == [[2, 4], [10, 12]]
    assert batches.computed.tolist() == [[2, 2], [2, 2]]
    assert batches.union.tolist() == [3, 7]
    assert batches.max().to_list() == [10, 12, 2, 2, 7]


def test_capacity_has_shared_deletions_and_the_rest_together_in_steps_of_64() -> None:
    own, singles = RowCounts.from_list([60, 1, 5, 0, 65]), RowCounts.from_list([60, 1, 60, 1, 65])
    shared, listed = BatchCounts(own, singles, 3), BatchCounts(own, RowCounts.zeros(2))
    assert shared.capacity() == Capacity((128, 64), (128, 64), 192, singles=3, joint=128)
    assert listed.capacity() == Capacity((64, 64), (64, 64), 128)


def test_a_batch_fits_where_no_count_is_larger() -> None:
    own, singles = RowCounts.from_list([5, 5, 5, 5, 5]), RowCounts.from_list([6, 6, 6, 6, 6])
    room = BatchCounts(own, singles, 2)
    assert room.fits(room)
    assert room.fits(room.doubled())
    assert not room.doubled().fits(room)
    assert not room._replace(num_singles=3).fits(room)
    for position in range(5):
        more, less = own.to_list(), singles.to_list()
        more[position], less[position] = 6, 5
        more_own = room._replace(own=RowCounts.from_list(more))
        assert not more_own.fits(room)
        # Rows of both kinds share their places, except those of the union where deletions meet.
        assert more_own._replace(singles=RowCounts.from_list(less)).fits(room) == (position < 4)


def test_changed_rows_are_worth_listing_up_to_half_of_all_rows() -> None:
    capacity = Capacity((64,), (64,), 64)
    assert cheaper_than_all_rows(capacity, num_genes=129, batch_size=1) == capacity
    assert cheaper_than_all_rows(capacity, num_genes=128, batch_size=1) is None
