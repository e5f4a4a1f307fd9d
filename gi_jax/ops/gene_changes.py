"""Which rows of a network the deletion of each gene changes, and how many messages they lose to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class GeneChanges(NamedTuple):
    """What deleting each gene changes: a run of entries for every gene p, `start[p]` to `start[p + 1]`."""

    start: np.ndarray  # [N + 1]
    row: np.ndarray  # [E] gene whose row changes, increasing within a run
    lost: np.ndarray  # [E] how many messages it loses

    def of(self, genes: np.ndarray) -> ChangesOfGenes:
        """The entries of some genes, one after the other."""
        count = self.start[genes + 1] - self.start[genes]
        owner = np.repeat(np.arange(len(genes)), count)
        at = np.arange(len(owner)) + np.repeat(self.start[genes] - (np.cumsum(count) - count), count)
        return ChangesOfGenes(owner, self.row[at], self.lost[at])


class ChangesOfGenes(NamedTuple):
    """Rows that some genes change."""

    owner: np.ndarray  # position among these genes
    row: np.ndarray
    lost: np.ndarray

    def sums(self, num_genes: int) -> tuple[np.ndarray, np.ndarray]:
        """How many of the genes change each row, and how many messages it loses to them: `[N]` each."""
        return np.bincount(self.row, minlength=num_genes), np.bincount(self.row, self.lost, num_genes)


def gene_changes(num_genes: int, own: np.ndarray, senders: np.ndarray, receivers: np.ndarray) -> GeneChanges:
    """Every gene's own row, which loses nothing, and the receivers of its edges, each once."""
    keys = np.concatenate([own * (num_genes + 1), senders.astype(np.int64) * num_genes + receivers])
    keys, place = np.unique(keys, return_inverse=True)
    lost = np.bincount(place[len(own) :], minlength=len(keys))
    start = np.searchsorted(keys, np.arange(num_genes + 1) * num_genes)
    return GeneChanges(start, keys % num_genes, lost)
