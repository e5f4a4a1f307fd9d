"""A model's outputs, intermediate values and losses under the names and shapes of the golden format."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.losses import log_cosh
from gi_jax.losses.dango import alpha_schedule, dango_loss, mean_reconstruction_loss
from gi_jax.models.neural import DangoOutput, GeneInteractionOutput
from gi_jax.ops.node_states import NodeStates

SCORES = (
    "gene_interaction",
    "z_w",
    "z_i",
    "z_p",
    "global_interaction",
    "local_interaction",
    "gate_weights",
)
Named = dict[str, Array]


def lazy_outputs(
    out: GeneInteractionOutput, graph: CellGraph, batch: GenotypeBatch, targets: Array, meta: dict[str, Any]
) -> Named:
    """Those of a `GeneInteractionDango`; the batch's rows are all genes of every sample."""
    rows = np.arange(len(batch.sizes) * graph.num_genes)
    return _interaction_outputs(out, batch, targets, rows)


def eager_outputs(
    out: GeneInteractionOutput, graph: CellGraph, batch: GenotypeBatch, targets: Array, meta: dict[str, Any]
) -> Named:
    """Those of an `Eager` or an `EagerV1`; the batch's rows are the kept genes of every sample."""
    kept = np.ones((len(batch.sizes), graph.num_genes), bool)
    for row, genotype in zip(kept, meta["genotypes"], strict=True):
        row[genotype] = False
    return _interaction_outputs(out, batch, targets, np.flatnonzero(kept))


def dango_outputs(
    out: DangoOutput, graph: CellGraph, batch: GenotypeBatch, targets: Array, meta: dict[str, Any]
) -> Named:
    """Those of a `Dango`, with its loss under every schedule and at every epoch that the case names."""
    settings, names = meta["loss"], meta["graph_names"]
    weight, bias = out.reconstruction
    assert bias is not None, "Dango's reconstruction has a bias"
    arrays = {
        "interaction_scores": out.gene_interaction[:, 0],
        "initial_embeddings": out.initial_embeddings,
        "integrated_embeddings": out.integrated_embeddings,
    }
    for i, name in enumerate(names):
        embeddings = out.network_embeddings[i]  # [N, H]
        present = 1 if name in graph else 0  # an absent network reconstructs nothing, not its bias
        arrays[f"network_embeddings.{name}"] = embeddings
        arrays[f"reconstructions.{name}"] = present * (embeddings @ weight[i] + bias[i])  # [N, N]
    reconstruction = mean_reconstruction_loss(
        out.network_embeddings, weight, bias, names, graph, settings["lambda_values"]
    )
    for schedule, transition in settings["schedulers"]:
        for epoch in settings["epochs"]:
            alpha = alpha_schedule(schedule, transition)(epoch)
            total, terms = dango_loss(out.gene_interaction[:, 0], targets, reconstruction, alpha)
            arrays |= {f"loss.{schedule}.{epoch}.{name}": x for name, x in {"total": total, **terms}.items()}
    schedule, epoch = settings["backward"]
    return arrays | {"loss": arrays[f"loss.{schedule}.{epoch}.total"]}


NAMED_OUTPUTS = {
    "lazy": lazy_outputs,
    "eager": eager_outputs,
    "eager_v1": eager_outputs,
    "dango": dango_outputs,
}


def _interaction_outputs(
    out: GeneInteractionOutput, batch: GenotypeBatch, targets: Array, rows: np.ndarray
) -> Named:
    b, s = batch.genes.shape
    member = (np.arange(s) < batch.sizes[:, None]).reshape(-1)  # [B * S]
    arrays = {name: getattr(out, name) for name in SCORES if getattr(out, name) is not None}
    for name in ("pert_gene_embs", "local_static", "local_dynamic"):
        value = getattr(out, name)
        if value is not None:
            arrays[name] = value.reshape(b * s, -1)[member]  # [K, H]
    arrays |= {f"h_w_{layer}": states.wildtype for layer, states in enumerate(out.layers)}
    arrays |= {"z_w_nodes": out.layers[-1].wildtype, "z_i_nodes": _batch_rows(out.layers[-1], b)[rows]}
    for layer, states in enumerate(out.layer_aggregation_weights):
        arrays[f"layer_aggregation_weights_wildtype_{layer}"] = states.wildtype
        arrays[f"layer_aggregation_weights_{layer}"] = _batch_rows(states, b)[rows]
    return arrays | {"loss": log_cosh(out.gene_interaction, targets)}


def _batch_rows(states: NodeStates, batch_size: int) -> Array:
    """`[B * N, ...]`: the rows of all genotypes, sample by sample."""
    columns = states.dense(batch_size).columns[:, 1:]  # [N, B, ...]
    return jnp.swapaxes(columns, 0, 1).reshape(-1, *columns.shape[2:])
