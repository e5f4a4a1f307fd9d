"""Five steps of AdamW on the same batches, from converted weights and from the original's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

from gi_jax.data.genotypes import genotype_batch
from gi_jax.experiment.bundle import load_bundle
from gi_jax.losses import log_cosh
from gi_jax.models.neural import build_model

STEPS, BATCH, RATE, DECAY = 5, 8, 1e-3, 1e-2


def five_steps(
    kind: str,
    task: Any,
    samples: Any,
    follow: Any,
    genotypes: Sequence[tuple[list[str], float]],
    folder: Path,
) -> dict[str, float]:
    """The largest relative difference of the losses of five steps, and of test Pearson correlations."""
    bundle = load_bundle(folder)
    t = bundle.transform
    batches = [list(genotypes[i * BATCH : (i + 1) * BATCH]) for i in range(STEPS)]
    labels = [np.array([[(score - t.center[0]) / t.scale[0]] for _, score in batch]) for batch in batches]
    theirs = _torch_losses(task, samples, follow, batches, labels)
    model = build_model(bundle.config.neural, len(bundle.genes), bundle.graph.model_names)
    optimizer = optax.adamw(RATE, weight_decay=DECAY)
    variables = jax.tree.map(jnp.asarray, bundle.variables)
    params, fixed = variables["params"], {k: v for k, v in variables.items() if k != "params"}
    graph = jax.device_put(bundle.graph)

    @jax.jit
    def step(params: Any, moments: Any, batch: Any, target: Any) -> tuple[Any, Any, Any]:
        def loss(params: Any) -> Any:
            out = model.apply(
                {"params": params, **fixed}, graph, batch, train=True, mutable=["batch_stats"],
                rngs={"dropout": jax.random.key(0)},
            )[0]  # fmt: skip
            return log_cosh(out.gene_interaction, target)

        value, grads = jax.value_and_grad(loss)(params)
        updates, moments = optimizer.update(grads, moments, params)
        return optax.apply_updates(params, updates), moments, value

    moments, ours = optimizer.init(params), []
    for batch, target in zip(batches, labels, strict=True):
        ids = [[bundle.genes.index(gene) for gene in genes] for genes, _ in batch]
        made = genotype_batch(ids, len(bundle.genes), set_size=3)
        params, moments, value = step(params, moments, made, jnp.asarray(target, jnp.float32))
        ours.append(float(value))
    off = float(np.max(np.abs(np.array(ours) - theirs) / np.abs(theirs)))
    assert off < 1e-3, f"losses of five steps: {ours} here, {theirs} there"
    return {"five steps, relative": off}


def _torch_losses(
    task: Any, samples: Any, follow: Any, batches: list[Any], labels: list[np.ndarray]
) -> np.ndarray:
    model = task.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    losses = []
    for batch, target in zip(batches, labels, strict=True):
        made = samples.batch([samples.sample(*genotype) for genotype in batch], follow)
        predicted = model(task.cell_graph, made)[0].reshape(-1, 1)
        loss = torch.log(torch.cosh(predicted - torch.as_tensor(target, dtype=predicted.dtype))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return np.array(losses)
