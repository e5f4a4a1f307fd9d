"""A straightforward JAX port of the PyTorch model, with the Flax parameters of this project.

Every genotype is a masked copy of the graph: edges repeated and shifted on the host, messages
gathered and added up with segment sums, B * N rows, the wildtype in a pass of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.config import ModelConfig
from gi_jax.nn.mlp import ACTIVATIONS
from gi_jax.ops.norm import EPSILON
from gi_jax.ops.segment import segment_softmax, segment_sum
from gi_jax.ops.trees import take

Params = dict[str, Any]


class Copies(NamedTuple):
    """R = C * N rows: C copies of the graph, copy c at rows c * N to (c + 1) * N - 1."""

    senders: dict[str, Array]  # name -> [C * E] int32
    receivers: dict[str, Array]  # name -> [C * E] int32
    edge_mask: dict[str, Array]  # name -> [C * E] bool, neither endpoint is deleted; empty for the wildtype


class ReplicatedBatch(NamedTuple):
    """What moves to the device for every batch."""

    copies: Copies
    owner: Array  # [R] int32, genotype of each row, B for a deleted gene's
    genes: Array  # [B, S] int32, deleted genes, then N
    sizes: Array  # [B] int32


def wildtype_graph(edges: dict[str, np.ndarray]) -> Copies:
    """The graph itself, without a mask."""
    return Copies({k: e[0] for k, e in edges.items()}, {k: e[1] for k, e in edges.items()}, {})


def replicate(edges: dict[str, np.ndarray], genes: np.ndarray, num_genes: int) -> ReplicatedBatch:
    """Repeats the graph for every genotype (host side). Args: genes `[B, S]` ids, then N."""
    b, n = len(genes), num_genes
    deleted = np.zeros((b, n + 1), bool)
    np.put_along_axis(deleted, genes, True, axis=1)
    shift = (np.arange(b, dtype=np.int32) * n)[:, None]  # [B, 1]
    copies = Copies({}, {}, {})
    for name, (senders, receivers) in edges.items():
        copies.senders[name] = (shift + senders).reshape(-1)
        copies.receivers[name] = (shift + receivers).reshape(-1)
        copies.edge_mask[name] = ~(deleted[:, senders] | deleted[:, receivers]).reshape(-1)
    owner = np.where(deleted[:, :n], b, np.arange(b)[:, None]).reshape(-1).astype(np.int32)
    return ReplicatedBatch(copies, owner, genes, (genes < n).sum(axis=1).astype(np.int32))


def predict(params: Params, wildtype: Copies, batch: ReplicatedBatch, *, config: ModelConfig) -> Array:
    """The interaction of every genotype: `[B, 1]`."""
    b = batch.genes.shape[0]
    embedding = params["gene_embedding"]  # [N, H]
    wildtype_rows = _encode(params, config, embedding, wildtype)  # [N, H]
    rows = _encode(params, config, jnp.tile(embedding, (b, 1)), batch.copies)  # [R, H]
    z_w = _pool(params["global_aggregator"], config, wildtype_rows, jnp.zeros(len(embedding), jnp.int32), 1)
    z_i = _pool(params["global_aggregator"], config, rows, batch.owner, b)
    act = ACTIVATIONS[config.activation]
    head = params["global_interaction_predictor"]
    global_score = _linear(head["linear_1"], act(_linear(head["linear_0"], z_w - z_i)))  # [B, 1]
    local = config.local_predictor_config
    if not local.use_local_predictor:
        return global_score
    local_score = _local(params["gene_interaction_predictor"], config, wildtype_rows, batch)
    both = jnp.concatenate([global_score, local_score], axis=1)  # [B, 2]
    if local.combination_method == "concat":
        return both.mean(axis=1, keepdims=True)
    gate = params["gate_mlp"]
    weights = jax.nn.softmax(_linear(gate["linear_1"], act(_linear(gate["linear_0"], both))), axis=-1)
    return (weights * both).sum(axis=1, keepdims=True)


def _linear(p: Params, x: Array) -> Array:
    return x @ p["kernel"] + p["bias"]


def _norm(p: Params, statistics: str, x: Array) -> Array:
    if statistics == "node":
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = jnp.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    else:  # one mean and deviation over all rows
        centred = x - x.mean()
        deviation = jnp.sqrt((centred**2).mean()) + EPSILON
    return centred / deviation * p["scale"] + p["bias"]


def _encode(params: Params, config: ModelConfig, x: Array, copies: Copies) -> Array:
    act = ACTIVATIONS[config.activation]
    first = params["preprocessor"]
    for i in range(2):
        x = act(_norm(first["norm"], config.norm_statistics, _linear(first[f"linear_{i}"], x)))
    for layer in range(config.num_layers):
        p = params[f"convs_{layer}"]
        outputs = []
        for g, name in enumerate(copies.senders):
            own = take({"gin": p["gin"], "norm": p["norm"]}, g)
            hidden = _gin(own["gin"], config, x, copies, name)
            outputs.append(act(_norm(own["norm"], config.norm_statistics, hidden)))
        x = sum(outputs) if "aggregator" not in p else _pairwise(p, config, outputs)
    return x


def _gin(p: Params, config: ModelConfig, x: Array, copies: Copies, name: str) -> Array:
    messages = x[copies.senders[name]]  # [C * E, H]
    if name in copies.edge_mask:
        messages = messages * copies.edge_mask[name][:, None]
    x = (1 + p["eps"]) * x + segment_sum(messages, copies.receivers[name], x.shape[0])
    num_layers = config.gene_encoder_config.gin_num_layers
    for i in range(num_layers):
        x = _linear(p[f"linear_{i}"], x)
        if i < num_layers - 1:
            x = ACTIVATIONS[config.activation](x)
    return x


def _pairwise(p: Params, config: ModelConfig, outputs: list[Array]) -> Array:
    act, aggregator = ACTIVATIONS[config.activation], p["aggregator"]
    options = []
    for pair, (first, second) in enumerate(zip(*np.triu_indices(len(outputs)), strict=True)):
        own = take([aggregator["pair_0"], aggregator["pair_1"]], pair)
        x = jnp.concatenate([outputs[first], outputs[second]], axis=-1)  # [R, 2 H]
        options.append(_linear(own[1], act(_linear(own[0], x))))
    options.append(sum(outputs) / len(outputs))
    stacked = jnp.stack(options, axis=1)  # [R, P + 1, H]
    scores = _linear(aggregator["scorer_1"], act(_linear(aggregator["scorer_0"], stacked)))
    combined = (jax.nn.softmax(scores, axis=1) * stacked).sum(axis=1)  # [R, H]
    return _norm(p["aggregator_norm"], config.norm_statistics, combined)


def _pool(p: Params, config: ModelConfig, x: Array, owner: Array, num_pools: int) -> Array:
    act = ACTIVATIONS[config.activation]
    gate = _linear(p["gate_1"], act(_linear(p["gate_0"], x)))[:, 0]  # [R]
    weights = segment_softmax(gate, owner, num_pools + 1)
    return segment_sum(weights[:, None] * act(_linear(p["transform"], x)), owner, num_pools + 1)[:num_pools]


def _local(p: Params, config: ModelConfig, wildtype_rows: Array, batch: ReplicatedBatch) -> Array:
    heads, (b, s) = config.local_predictor_config.num_heads, batch.genes.shape
    x = wildtype_rows.at[batch.genes].get(mode="fill", fill_value=0)  # [B, S, H]
    member = jnp.arange(s) < batch.sizes[:, None]  # [B, S]
    others = member[:, :, None] & member[:, None] & ~jnp.eye(s, dtype=bool)  # [B, S, S]
    dynamic = x
    for layer in range(config.local_predictor_config.num_attention_layers):
        own = p[f"attention_{layer}"]
        query, key, value = (
            _linear(own[name], dynamic).reshape(b, s, heads, -1) for name in ("query", "key", "value")
        )
        scores = jnp.einsum("bsad,btad->bast", query, key) / query.shape[-1] ** 0.5
        scores = jnp.where(others[:, None], scores, jnp.finfo(scores.dtype).min)
        attended = jnp.einsum("bast,btad->bsad", jax.nn.softmax(scores, axis=-1), value).reshape(x.shape)
        moved = dynamic + own["beta"] * _linear(own["out"], attended)
        dynamic = jnp.where(others.any(axis=-1, keepdims=True), moved, dynamic)
    static = ACTIVATIONS[config.activation](_linear(p["static"], x))
    scores = jnp.where(member, _linear(p["prediction"], (dynamic - static) ** 2)[..., 0], 0)  # [B, S]
    return scores.sum(axis=1, keepdims=True) / jnp.maximum(batch.sizes, 1)[:, None]
