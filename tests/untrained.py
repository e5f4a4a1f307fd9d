"""Models as they are before training, for tests and benchmarks of what is done with a trained one."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gi_jax.config import RunConfig
from gi_jax.data.transforms import LabelTransform
from gi_jax.experiment.bundle import ModelBundle
from gi_jax.experiment.cell import load_genes, load_graph
from gi_jax.experiment.stored_cell import network_fingerprints
from gi_jax.models.neural import build_model
from gi_jax.predict import Predictor
from gi_jax.training.state import init_variables

IDENTITY = LabelTransform("identity", (0.0,), (1.0,))
TWO_SCALES = LabelTransform("standard", (0.5, 10.0), (2.0, 3.0), ("one", "two"))  # one per study


def untrained(config: RunConfig, transform: LabelTransform = TWO_SCALES) -> Predictor:
    """The model of a configuration, or its ensemble, whose members have the seeds of a training."""
    genes = load_genes(config.data)
    graph, _ = load_graph(config, genes)
    model = build_model(config.model, len(genes), graph.names)
    members = [init_variables(model, graph, config.seed + member) for member in range(config.ensemble)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members) if len(members) > 1 else members[0]
    return Predictor(ModelBundle(config, genes, transform, network_fingerprints(graph), stacked), graph)
