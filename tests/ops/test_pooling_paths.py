"""Pooling by every form of states equals a softmax over each genotype's own rows, at any attention."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.ops.changed_rows import BatchChange, Capacity, changed_rows
from gi_jax.ops.keep_mask import keep_mask
from gi_jax.ops.node_states import Dense, NodeStates, SharedColumn, TemplateWithChanges
from gi_jax.ops.pooling import Pooled, pool

N, B, H = 40, 6, 5
FORMS = ("dense", "deletions", "one template", "two templates", "own templates", "shared deletions")
ROOM = Capacity(listed=(512,), networks=(512,), union=256)
SHARED = Capacity(listed=(1024,), networks=(1024,), union=512, singles=N, joint=256)


class World(NamedTuple):
    """Embeddings of every form, and what they mean: one column a genotype."""

    gate: NodeStates
    values: NodeStates
    change: BatchChange | None
    dense_gate: np.ndarray  # [N, 1 + B]
    dense_values: np.ndarray  # [N, 1 + B, H]


def graph() -> CellGraph:
    return cell_graph({"a": np.random.default_rng(1).integers(0, N, (2, 50))}, N)


@partial(jax.jit, static_argnames="capacity")
def list_rows(graph: CellGraph, batch: GenotypeBatch, capacity: Capacity) -> BatchChange:
    return changed_rows(graph, batch, capacity)


def make_world(form: str, batch: GenotypeBatch, rng: np.random.Generator, sharpness: float) -> World:
    """Random float32 embeddings whose attention is flat at sharpness 0 and on one gene at 100."""
    num_columns = {"dense": 1 + B, "two templates": 2, "own templates": 1 + B}.get(form, 1)

    def draw(*shape: int) -> tuple[np.ndarray, np.ndarray]:
        gate = sharpness * rng.normal(size=shape)
        return gate.astype(np.float32), rng.normal(1, 1, (*shape, H)).astype(np.float32)

    columns, change = draw(N, num_columns), None
    if num_columns > 1:  # templates differ from the wildtype by little, as norm statistics do
        columns = tuple(x[:, :1] + np.float32(0.01) * (x - x[:, :1]) for x in columns)
    places = np.minimum(np.arange(1 + B), num_columns - 1)
    dense = [x[:, places].copy() for x in columns]
    if form in ("dense", "deletions"):
        states = Dense if form == "dense" else SharedColumn
        gate, values = (states(jnp.asarray(x)) for x in columns)
        return World(gate, values, None, *dense)
    change = list_rows(graph(), batch, SHARED if form == "shared deletions" else ROOM)
    assert not change.overflow
    changed = draw(change.union.gene.shape[0])
    overlay(dense, changed, change, form)
    gate, values = (
        TemplateWithChanges(jnp.asarray(x), jnp.asarray(own), change.union)
        for x, own in zip(columns, changed, strict=True)
    )
    return World(gate, values, change, *dense)


def overlay(dense: list[np.ndarray], changed: tuple, change: BatchChange, form: str) -> None:
    """Puts the changed rows where they belong: those of single deletions, then the genotypes' own."""
    rows = [np.asarray(part) for part in change.union]
    d = 0 if change.shared is None else change.shared.deletions.shape[0]
    for row in np.flatnonzero(rows[2]):
        owner, gene = rows[1][row], rows[0][row]
        owners = [owner - d]
        if owner < d:
            owners = np.flatnonzero((np.asarray(change.shared.single) == owner).any(axis=1))
        for b in owners:
            for whole, own in zip(dense, changed, strict=True):
                whole[gene, 1 + b] = own[row]


def reference(world: World, keep: np.ndarray) -> Pooled:
    """In float64, genotype by genotype."""
    z = np.zeros((1 + B, H))
    for b in range(1 + B):
        kept = keep[:, b] > 0
        if kept.any():
            gate = world.dense_gate[kept, b].astype(np.float64)
            weight = np.exp(gate - gate.max())
            z[b] = weight @ world.dense_values[kept, b].astype(np.float64) / weight.sum()
    return Pooled(z[:1], z[1:], z[:1] - z[1:])


@jax.jit
def pooled(world: World, batch: GenotypeBatch) -> Pooled:
    keep = keep_mask(batch, N, jnp.float32)
    return pool(world.gate, world.values, batch.genes, keep, world.change and world.change.shared)


def deletions(rng: np.random.Generator, gate: np.ndarray) -> list[list[int]]:
    """None, all, the genes with the most attention, others."""
    order = np.argsort(-gate)
    sizes = rng.integers(1, 4, 3)
    return [[], list(range(N)), order[: rng.integers(1, N)].tolist()] + [
        np.sort(rng.choice(N, size, replace=False)).tolist() for size in sizes
    ]


def largest_error(found: Pooled, exact: Pooled) -> float:
    """Relative to the largest entry of each vector; a genotype without genes has 0, beside its wildtype."""
    of_wildtype = np.abs(exact.z_w).max()
    z_i = np.abs(exact.z_i).max(axis=1, keepdims=True)
    scales = (of_wildtype, np.where(z_i > 0, z_i, of_wildtype), of_wildtype)
    return max(
        float((np.abs(np.asarray(own, np.float64) - right) / scale).max())
        for own, right, scale in zip(found, exact, scales, strict=True)
    )


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), sharpness=st.sampled_from([0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]))
def test_every_form_pools_what_it_stands_for(form: str, seed: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    keys = jax.tree.map(jnp.asarray, genotype_batch(deletions(rng, rng.normal(size=N)), N, set_size=N))
    attention = make_world(form, keys, np.random.default_rng(seed), sharpness).dense_gate[:, 0]
    for order in (rng.normal(size=N), attention):  # any genes go, then those that hold the attention
        batch = jax.tree.map(jnp.asarray, genotype_batch(deletions(rng, order), N, set_size=N))
        world = make_world(form, batch, np.random.default_rng(seed), sharpness)
        exact = reference(world, np.asarray(keep_mask(batch, N, jnp.float32)))
        assert largest_error(pooled(world, batch), exact) < 1e-5
