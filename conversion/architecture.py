"""What a model is made of: enough to build it and to list its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from gi_jax.config import ModelConfig
from gi_jax.config.schema import build
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.models import build_model

# The constructors of torchcell assume these where an argument is left out.
ORIGINAL_DEFAULTS: dict[str, Any] = {"dropout": 0.0, "norm": "layer", "activation": "relu"}
ORIGINAL_ATTENTION_HEADS = 4  # cross attention over networks


@dataclass(frozen=True)
class Architecture:
    """A configuration together with what only the data or a checkpoint knows."""

    config: ModelConfig
    gene_num: int
    graph_names: tuple[str, ...]
    edge_form: str = "literal"  # literal | mangled: how PyTorch writes an edge type in a key

    @property
    def model(self) -> Any:
        """The Flax module."""
        return build_model(self.config, self.gene_num, self.graph_names)

    def initialise(self) -> dict[str, Any]:
        """Fresh variables, made on a graph without edges: parameters do not depend on edges."""
        return self.model.init(jax.random.key(0), self.empty_graph(), genotype_batch([[]], self.gene_num))

    def empty_graph(self) -> CellGraph:
        """Every network of the model, without an edge."""
        return cell_graph({name: np.zeros((2, 0), np.int32) for name in self.graph_names}, self.gene_num)


def architecture_from_kwargs(model: str, kwargs: Mapping[str, Any]) -> Architecture:
    """The architecture behind the constructor arguments of an original model.

    Args:
      model: `lazy`, `eager_v1` or `dango`, as `case.json` names it.
      kwargs: constructor arguments; those left out take the original's defaults.
    """
    if model == "lazy":
        return _lazy(dict(kwargs))
    raise GiJaxError(f"'{model}' is not one of the models lazy, eager_v1, dango")


def _lazy(kwargs: dict[str, Any]) -> Architecture:
    gene_num, graph_names = kwargs.pop("gene_num"), tuple(sorted(kwargs.pop("graph_names")))
    values = ORIGINAL_DEFAULTS | kwargs
    encoder = dict(values.get("gene_encoder_config") or {})
    aggregation = dict(encoder.get("graph_aggregation_config") or {})
    aggregation.setdefault("dropout", values["dropout"])
    aggregation.setdefault("num_heads", ORIGINAL_ATTENTION_HEADS)
    encoder["graph_aggregation_config"] = aggregation
    values |= {"name": "gene_interaction_dango", "norm_statistics": "batch", "gene_encoder_config": encoder}
    return Architecture(build(ModelConfig, values, "kwargs", ModelConfig, []), gene_num, graph_names)
