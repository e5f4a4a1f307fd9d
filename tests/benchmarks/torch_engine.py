"""The PyTorch reference, eager and compiled."""

from __future__ import annotations

from typing import Any

import torch
from torch_geometric.nn import LayerNorm

from tests.benchmarks.measure import Engine, timed
from tests.benchmarks.workload import World
from tests.reference.batch import batch_from, cell_graph_from
from tests.reference.compiled import compile_model
from tests.reference.dango import log_cosh
from tests.reference.golden import build_model

CLIP, LEARNING_RATE, WEIGHT_DECAY = 10.0, 1e-3, 1e-2  # the defaults of this project


def reference(world: World, batch: int, mode: str, compiled: bool) -> Engine:
    """The reference on the first B genotypes; a full step includes moving the batch to the device."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = reference_model(world).to(device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    graph = {name: edges.to(device) for name, edges in cell_graph_from(world.edges).items()}
    genotypes = world.genotypes(batch)
    prepare, host = timed(lambda: batch_from(world.edges, genotypes, world.num_genes))
    on_device = host if mode == "step" else host.to(device)
    labels = torch.as_tensor(world.labels[:batch, None]).to(device)
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    forward = compile_model(model) if compiled else model

    def run() -> tuple[torch.Tensor, torch.Tensor | None]:
        if mode == "forward":
            with torch.inference_mode():
                result = forward(graph, on_device)["gene_interaction"], None
        else:
            optimizer.zero_grad(set_to_none=True)
            predictions = forward(graph, on_device.to(device))["gene_interaction"]
            loss = log_cosh(predictions, labels)
            loss.backward()
            result = predictions.detach(), loss.detach()
        if mode == "step":
            torch.nn.utils.clip_grad_norm_(parameters, CLIP)
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return result

    def values(result: tuple[torch.Tensor, torch.Tensor | None]) -> list[float]:
        predictions, loss = result
        if mode == "step":
            return []
        found = predictions[:, 0].tolist()
        if loss is not None:
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            found += [loss.item(), torch.nn.utils.get_total_norm(gradients).item()]
        return found

    return Engine(
        run=run,
        values=values,
        moved_bytes=host.nbytes,
        prepare_seconds=prepare,
        traces=lambda: torch._dynamo.utils.counters["stats"]["unique_graphs"] if compiled else 0,
        device_peak=lambda: torch.cuda.max_memory_allocated() if device.type == "cuda" else None,
        compile_seconds=None if compiled else 0.0,
        facts={},
    )


def reference_model(world: World) -> torch.nn.Module:
    """The reference with the world's weights; with `node` statistics its norms become ordinary ones."""
    encoder = dict(world.model["gene_encoder_config"])
    aggregation = encoder["graph_aggregation_config"]
    encoder["graph_aggregation_config"] = {k: v for k, v in aggregation.items() if v is not None}
    keys = ("hidden_channels", "num_layers", "dropout", "norm", "activation")
    kwargs: dict[str, Any] = {key: world.model[key] for key in keys}
    kwargs |= {
        "gene_num": world.num_genes,
        "graph_names": list(world.edges),
        "gene_encoder_config": encoder,
        "local_predictor_config": world.model["local_predictor_config"],
    }
    model = build_model(kwargs, world.torch, torch.float32)
    if world.model["norm_statistics"] == "node":
        for module in model.modules():
            if isinstance(module, LayerNorm):
                module.mode = "node"
    return model
