"""Gene networks as compressed sparse rows: the graph that a whole batch of genotypes shares."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from flax import struct
from jax import Array

from gi_jax.data.arrays import on_host
from gi_jax.errors import GiJaxError


@struct.dataclass
class Adjacency:
    """One network as a matrix `A [N, N]`, `A[i, j]` = number of edges j -> i, and its transpose.

    Rows hold the senders of each receiver in increasing order; a repeated edge is a repeated entry
    and counts each time. The transpose serves the backward pass and finds the receivers of a
    deleted gene. `dense` is filled only for the `dense` backend.
    """

    indptr: Array  # [N + 1] int32, row starts by receiver
    senders: Array  # [E] int32, grouped by receiver
    receivers: Array  # [E] int32, non-decreasing, the receiver of each entry of `senders`
    indptr_t: Array  # [N + 1] int32, row starts by sender
    senders_t: Array  # [E] int32, non-decreasing, the sender of each entry of `receivers_t`
    receivers_t: Array  # [E] int32, grouped by sender
    order_t: Array  # [E] int32, the entry of `senders` that each entry of `receivers_t` is
    multiplicity: Array  # [E] int32, how often the edge of each entry of `senders` occurs
    dense: Array | None = None  # [N, N] edge counts
    # [E] how much of each entry of `senders` counts, to ask for predictions without some edges; 1 if None
    weights: Array | None = None
    backend: str = struct.field(pytree_node=False, default="segment")

    @property
    def num_genes(self) -> int:
        """N, the number of genes."""
        return self.indptr.shape[0] - 1

    @property
    def num_edges(self) -> int:
        """E, the number of directed edges, repetitions counted."""
        return self.senders.shape[0]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the edges: equal exactly for equal networks over equal gene ids."""
        parts = (np.asarray(part, "<i4").tobytes() for part in (self.indptr, self.senders))
        return hashlib.sha256(b"".join(parts)).hexdigest()


@struct.dataclass
class CellGraph:
    """The gene networks of one cell, all over the same N genes and in the same gene order.

    A pytree of arrays: pass it to a jitted function as an argument (closing over it makes the
    compiler fold the graph as a constant for seconds). `names` is static and sorted as given.
    """

    networks: tuple[Adjacency, ...]
    affected: Array  # [N, ceil(N / 32)] uint32: bit i of row p, deleting p changes row i in some network
    names: tuple[str, ...] = struct.field(pytree_node=False)
    num_genes: int = struct.field(pytree_node=False)
    features: Array | None = None  # [N, D] what else is known of the genes, for models that look at it
    # All names that a model has parameters for, in order, where some of these networks are absent.
    declared: tuple[str, ...] = struct.field(pytree_node=False, default=())

    @property
    def model_names(self) -> tuple[str, ...]:
        """The networks of a model on this cell: `names`, and those that are absent from it."""
        return self.declared or self.names

    def __getitem__(self, name: str) -> Adjacency:
        return self.networks[self.names.index(name)]

    def __contains__(self, name: str) -> bool:
        return name in self.names


def compressed_rows(senders: np.ndarray, receivers: np.ndarray, num_genes: int) -> Adjacency:
    """Sorts an edge list into CSR and transposed CSR (host side, NumPy).

    Args:
      senders, receivers: `[E]` gene ids in `[0, num_genes)`; edges may repeat and may be self loops.
    """
    senders = np.asarray(senders, np.int32).reshape(-1)
    receivers = np.asarray(receivers, np.int32).reshape(-1)
    if senders.shape != receivers.shape:
        raise GiJaxError(
            f"an edge list needs as many senders as receivers, got {senders.size} and {receivers.size}"
        )
    both = np.concatenate([senders, receivers])
    if both.size and (both.min() < 0 or both.max() >= num_genes):
        raise GiJaxError(
            f"an edge names gene {int(both.max() if both.max() >= num_genes else both.min())}, "
            f"but the ids of {num_genes} genes run from 0 to {num_genes - 1}"
        )
    by_receiver = np.lexsort((senders, receivers))
    by_sender = np.lexsort((receivers, senders))
    position = np.empty(senders.size, np.int32)  # of every given edge among the rows' entries
    position[by_receiver] = np.arange(senders.size, dtype=np.int32)
    return Adjacency(
        indptr=on_host(_row_starts(receivers, num_genes)),
        senders=on_host(senders[by_receiver]),
        receivers=on_host(receivers[by_receiver]),
        indptr_t=on_host(_row_starts(senders, num_genes)),
        senders_t=on_host(senders[by_sender]),
        receivers_t=on_host(receivers[by_sender]),
        order_t=on_host(position[by_sender]),
        multiplicity=on_host(_multiplicity(senders[by_receiver], receivers[by_receiver])),
    )


def _row_starts(rows: np.ndarray, num_genes: int) -> np.ndarray:
    counts = np.bincount(rows, minlength=num_genes)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def _multiplicity(senders: np.ndarray, receivers: np.ndarray) -> np.ndarray:
    """How often the edge of each entry occurs; equal edges are neighbours."""
    changes = (np.diff(senders) != 0) | (np.diff(receivers) != 0)
    ends = np.append(np.flatnonzero(changes) + 1, senders.size)
    count = np.diff(ends, prepend=0)
    return np.repeat(count, count).astype(np.int32)


def cell_graph(edges: Mapping[str, np.ndarray], num_genes: int) -> CellGraph:
    """Builds a `CellGraph` from edge lists `{name: [2, E]}` (row 0 senders, row 1 receivers).

    The order of `edges` is the order of the networks; no edge is added or merged. Backends are
    chosen afterwards by `gi_jax.ops.spmm.with_backend`.
    """
    networks = tuple(compressed_rows(e[0], e[1], num_genes) for e in edges.values())
    affected = on_host(_affected(networks, num_genes))
    return CellGraph(networks, affected, names=tuple(edges), num_genes=num_genes)


def _affected(networks: tuple[Adjacency, ...], num_genes: int) -> np.ndarray:
    bits = np.zeros((num_genes, -(-num_genes // 32) * 4), np.uint8)
    own = np.arange(num_genes)
    for sender, receiver in [(own, own), *((a.senders_t, a.receivers_t) for a in networks)]:
        np.bitwise_or.at(bits, (sender, receiver // 8), (1 << (receiver % 8)).astype(np.uint8))
    return bits.view("<u4")
