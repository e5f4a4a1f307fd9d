"""Run a reference model on a golden case or on a configuration of the same form.

Arrays carry the names of the golden format: outputs as in `outputs.npz`, gradients as in `grads.safetensors`,
the state after a training forward pass as in `post_state.safetensors`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.reference.batch import PerturbationSets, batch_from, cell_graph_from, subgraph_batch_from
from tests.reference.dango import Dango, dango_losses, log_cosh, reconstruction_loss
from tests.reference.eager_v1 import GeneInteractionDangoV1
from tests.reference.lazy import GeneInteractionDango

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class GoldenCase:
    """One folder of the golden format."""

    meta: dict[str, Any]  # case.json
    state_dict: dict[str, Tensor]
    graphs: Arrays
    outputs: Arrays
    grads: Arrays
    post_state: Arrays | None  # only where the case runs in train mode

    @classmethod
    def load(cls, folder: Path) -> GoldenCase:
        post_state = folder / "post_state.safetensors"
        return cls(
            meta=json.loads((folder / "case.json").read_text()),
            state_dict=load_file(folder / "params.safetensors"),
            graphs=dict(np.load(folder / "graphs.npz")),
            outputs=dict(np.load(folder / "outputs.npz")),
            grads=_to_numpy(load_file(folder / "grads.safetensors")),
            post_state=_to_numpy(load_file(post_state)) if post_state.exists() else None,
        )

    def run(self, dtype: torch.dtype = torch.float64) -> tuple[Arrays, Arrays, Arrays | None]:
        return run_case_torch(
            self.meta["kwargs"],
            self.state_dict,
            self.graphs,
            self.meta["genotypes"],
            self.outputs["targets"],
            self.meta["mode"],
            dtype=dtype,
            loss=self.meta["loss"],
        )


def build_model(
    kwargs: Mapping[str, Any], state_dict: Mapping[str, Any] | None = None, dtype: torch.dtype = torch.float64
) -> nn.Module:
    """The model of these constructor arguments, with `state_dict` (torch or NumPy) loaded strictly."""
    if "edge_types" in kwargs:
        model: nn.Module = Dango(**kwargs)
    elif "graph_names" in kwargs:
        model = GeneInteractionDango(**kwargs)
    else:
        model = GeneInteractionDangoV1(**kwargs)
    model = model.to(dtype)
    if state_dict is not None:
        model.load_state_dict({key: torch.as_tensor(value) for key, value in state_dict.items()}, strict=True)
    return model


def random_state_dict(kwargs: Mapping[str, Any], seed: int) -> dict[str, Tensor]:
    """Float32 state dict in which every entry is away from its initial value; tied keys hold equal values.

    Norm weights, eps, ReZero factors and running statistics all differ from their neutral values, so that a
    port that drops one of them cannot pass.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: Tensor, std: float, mean: float = 0.0) -> None:
        tensor.copy_(mean + std * torch.randn(tensor.shape, generator=generator))

    model = build_model(kwargs, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_scale = parameter.ndim == 1 and name.endswith(("weight", "mean_scale"))  # a norm's
            is_embedding = name.endswith("gene_embedding.weight")
            normal(parameter, std=1.0 if is_embedding else 0.3, mean=1.0 if is_scale else 0.0)
        for name, buffer in model.named_buffers():
            if name.endswith("num_batches_tracked"):
                buffer.fill_(7)
            else:
                normal(buffer, std=0.3)
                if name.endswith("running_var"):
                    buffer.abs_().add_(0.8)
    return {key: value.clone() for key, value in model.state_dict().items()}


def forward_loss(
    model: nn.Module,
    graphs: Mapping[str, np.ndarray],
    genotypes: Sequence[Sequence[int]],
    targets: np.ndarray,
    loss: Mapping[str, Any] | None = None,
) -> dict[str, Tensor]:
    """Outputs with intermediates, `targets` and `loss`, as tensors that carry gradients.

    `loss` is the entry of `case.json`; only Dango reads it, `dango_loss_for` stands in when it is missing.
    """
    dtype = next(model.parameters()).dtype
    target = torch.as_tensor(np.asarray(targets)).to(dtype)
    cell_graph = cell_graph_from(graphs)
    if isinstance(model, Dango):
        out = model(cell_graph, PerturbationSets.of(genotypes))
        loss = loss or dango_loss_for(model.pretrain_model.edge_types)
        reconstruction = reconstruction_loss(out, cell_graph, loss["lambda_values"])
        interaction = log_cosh(out["interaction_scores"], target)
        for scheduler, transition in loss["schedulers"]:
            for epoch in loss["epochs"]:
                terms = dango_losses(reconstruction, interaction, scheduler, transition, epoch)
                out |= {f"loss.{scheduler}.{epoch}.{key}": value for key, value in terms.items()}
        scheduler, epoch = loss["backward"]
        out["loss"] = out[f"loss.{scheduler}.{epoch}.total"]
    else:
        make_batch = batch_from if isinstance(model, GeneInteractionDango) else subgraph_batch_from
        out = model(cell_graph, make_batch(graphs, genotypes, model.gene_num), intermediates=True)
        out["loss"] = log_cosh(out["gene_interaction"], target)
    return out | {"targets": target}


def run_case_torch(
    kwargs: Mapping[str, Any],
    state_dict: Mapping[str, Any],
    graphs: Mapping[str, np.ndarray],
    genotypes: Sequence[Sequence[int]],
    targets: np.ndarray,
    mode: str,
    *,
    dtype: torch.dtype = torch.float64,
    loss: Mapping[str, Any] | None = None,
) -> tuple[Arrays, Arrays, Arrays | None]:
    """One forward and backward pass: `(outputs, grads, post_state)` as NumPy arrays by the fixtures' names.

    Parameters without gradient are absent from `grads`, a tied one appears once under its first name;
    `post_state` is None unless `mode` is "train".
    """
    model = build_model(kwargs, state_dict, dtype).train(mode == "train")
    with single_thread():
        out = forward_loss(model, graphs, genotypes, targets, loss)
        out["loss"].backward()
    grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return _to_numpy(out), _to_numpy(grads), _to_numpy(model.state_dict()) if mode == "train" else None


@contextmanager
def single_thread() -> Iterator[None]:
    """Run small tensors on one thread: on a busy machine the others cost far more than they bring."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def dango_loss_for(edge_types: Sequence[str]) -> dict[str, Any]:
    """Loss settings for a Dango configuration that brings none; lambdas by STRING channel as in DANGO."""
    downweighted = ("neighborhood", "coexpression", "experimental")
    return {
        "lambda_values": {name: 0.1 if name.endswith(downweighted) else 1.0 for name in edge_types},
        "schedulers": [["PreThenPost", 10], ["LinearUntilUniform", 20], ["LinearUntilFlipped", 16]],
        "epochs": [0, 5, 20],
        "backward": ["LinearUntilUniform", 5],
    }


def _to_numpy(tensors: Mapping[str, Tensor]) -> Arrays:
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}
