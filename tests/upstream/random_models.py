"""Models of random options: values, gradients and running statistics of torchcell's classes and of this
project.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from conversion.golden import GoldenCase, GoldenRun, run_case
from conversion.verify import compare, first_difference
from tests.upstream.oracle import GeneMultiGraph, classes, random_state
from tests.upstream.samples import BOUNDARIES, FOLLOWED, Samples, cell_graph_of

ACTIVATIONS = ("relu", "gelu", "sigmoid", "leaky_relu", "tanh")
LAZY_NORMS = ("layer", "batch", "graph", "instance", "pair")


def random_options(kind: str, draw: random.Random) -> dict[str, Any]:
    """Constructor arguments of a class, networks by `graph_names` or `edge_types`."""
    names = draw.sample(
        ("physical", "regulatory", "tflink", "string12_0_fusion", "Xother"), draw.randint(1, 4)
    )
    if kind == "dango":
        return {"gene_num": draw.randint(5, 30), "edge_types": names, "hidden_channels": 8,
                "num_heads": draw.choice((1, 2, 4))}  # fmt: skip
    channels = draw.choice((8, 12, 16, 20))
    encoder: dict[str, Any] = {
        "encoder_type": "gin" if kind == "lazy" else draw.choice(("gin", "gatv2")),
        "graph_aggregation_method": draw.choice(("sum", "mean", "cross_attention", "pairwise_interaction")),
        "graph_aggregation_config": {
            "num_heads": draw.choice((1, 2, 4)),
            "pairwise_num_layers": draw.randint(1, 3),
            "pairwise_hidden_dim": draw.choice((None, 5)),
            "aggregation_norm": draw.choice((None, "layer")) if kind == "lazy" else None,
        },
        "gin_num_layers": draw.randint(1, 3),
        "gin_hidden_dim": draw.choice((None, 7)),
        "heads": draw.choice((1, 2, 3, 4, 5)),
        "concat": draw.random() < 0.5,
        "add_self_loops": draw.random() < 0.5,
        "bias": draw.random() < 0.5,
        "share_weights": draw.random() < 0.5,
    }
    if kind == "eager" and draw.random() < 0.2:
        encoder = {}
    return {
        "gene_num": draw.randint(6, 30),
        "hidden_channels": channels,
        "num_layers": draw.randint(1, 3),
        "graph_names": sorted(names),
        "dropout": draw.choice((0.0, 0.2)),
        "norm": draw.choice(LAZY_NORMS if kind == "lazy" else ("layer", "batch")),
        "activation": draw.choice(ACTIVATIONS),
        "gene_encoder_config": encoder,
        "local_predictor_config": {
            "num_heads": draw.choice((1, 2, 4)),
            "num_attention_layers": draw.randint(1, 3),
            "combination_method": draw.choice(("gating", "concat")),
        },
    }


def compare_random(kind: str, seed: int) -> str | None:
    """The first array that differs between the original and this project in float64; None if none does."""
    draw = random.Random(f"{kind} {seed}")
    options = random_options(kind, draw)
    rng = np.random.default_rng(seed)
    n = options["gene_num"]
    names = options.get("graph_names") or options["edge_types"]
    networks = {name: rng.integers(0, n, (2, draw.choice((0, 5, 3 * n)))) for name in names}
    boundaries = kind == "dango" or draw.random() < 0.7
    sizes = [draw.randint(1 if kind == "dango" else 0, 3) for _ in range(draw.randint(1, 5))]
    if kind == "lazy" and boundaries:  # the original cannot have an empty genotype last
        sizes[-1] = max(sizes[-1], 1)
    if not any(sizes):
        sizes[0] = 2
    mode = "train" if kind != "dango" and draw.random() < 0.4 else "eval"
    if mode == "train":
        options["dropout"] = 0.0
    genotypes = [sorted(rng.permutation(n)[:size].tolist()) for size in sizes]
    targets = rng.normal(size=(len(sizes), 1))
    torch.set_default_dtype(torch.float64)
    try:
        state, outputs, grads, after = _run_torch(
            kind, options, networks, genotypes, targets, boundaries=boundaries, mode=mode
        )
    finally:
        torch.set_default_dtype(torch.float32)
    meta = {
        "model": kind, "kwargs": options, "gene_num": n, "graph_names": list(names), "boundaries": boundaries,
        "genotypes": genotypes, "mode": mode, "loss": {"lambda_values": {}, "schedulers": [["PreThenPost",
        10]], "epochs": [20], "backward": ["PreThenPost", 20]},
    }  # fmt: skip
    case = GoldenCase(meta, state, networks, targets[:, 0] if kind == "dango" else targets)
    run = run_case(case) if kind != "dango" else run_case(case, gradients=False)
    outputs = {name: value for name, value in outputs.items() if name in run.outputs}
    recorded = GoldenRun(outputs, grads if kind != "dango" else {}, after if mode == "train" else {})
    bad = first_difference(compare(run, recorded, np.float64))
    return (
        None if bad is None else f"{bad}; options {options}, sizes {sizes}, boundaries {boundaries}, {mode}"
    )


def _run_torch(
    kind: str,
    options: dict[str, Any],
    networks: Any,
    genotypes: Any,
    targets: Any,
    *,
    boundaries: bool,
    mode: str,
) -> tuple[dict[str, np.ndarray], ...]:
    values = dict(options)
    if kind != "dango":
        values["gene_multigraph"] = GeneMultiGraph({name: None for name in values.pop("graph_names")})
    model = getattr(classes(), kind)(**values)
    random_state(model, 7)
    model = model.double().train(mode == "train")
    state = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    genes = [f"g{i:03d}" for i in range(options["gene_num"])]
    graph = cell_graph_of(genes, networks)
    graph["gene"].x = graph["gene"].x.double()
    samples = Samples(graph, lazy=kind == "lazy")
    made = [samples.sample([genes[i] for i in genotype]) for genotype in genotypes]
    batch = samples.batch(made, (*FOLLOWED, *(BOUNDARIES if boundaries else ())))
    predictions, rest = model(graph, batch)
    predictions = predictions.reshape(len(genotypes), 1)
    difference = predictions - torch.as_tensor(targets)
    loss = torch.log(torch.cosh(difference)).mean()
    loss.backward()
    grads = {name: p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None}
    outputs = {name: value.detach().numpy() for name, value in rest.items() if torch.is_tensor(value)}
    outputs |= {"loss": loss.detach().numpy()}
    key = "interaction_scores" if kind == "dango" else "gene_interaction"
    outputs[key] = predictions.detach().numpy().reshape(-1 if kind == "dango" else (-1, 1))
    after = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    return state, outputs, grads, after
