"""What a model is made of: enough to build it and to list its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from gi_jax.config import GeneEncoderConfig, GraphAggregationConfig, LocalPredictorConfig, ModelConfig
from gi_jax.config.schema import build
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.models.neural import build_model

# The constructors of torchcell assume these where an argument is left out.
ORIGINAL_DEFAULTS: dict[str, Any] = {"dropout": 0.1, "norm": "layer", "activation": "relu"}
# What its eager class assumes of the encoder; the lazy one cannot build the convolution it assumes.
EAGER_ENCODER = {"encoder_type": "gatv2", "graph_aggregation_method": "cross_attention"}
EAGER_NETWORKS = ("physical_interaction", "regulatory_interaction")


@dataclass(frozen=True)
class Architecture:
    """A configuration together with what only the data or a checkpoint knows."""

    config: ModelConfig
    gene_num: int
    graph_names: tuple[str, ...]
    edge_form: str = "literal"  # literal | mangled: how PyTorch writes an edge type in a key

    @property
    def model(self) -> nn.Module:
        """The Flax module."""
        return build_model(self.config, self.gene_num, self.graph_names)

    def initialise(self) -> dict[str, Any]:
        """Fresh variables, made on networks without edges: parameters do not depend on edges."""
        graph = cell_graph({name: np.zeros((2, 0), np.int32) for name in self.graph_names}, self.gene_num)
        return dict(self.model.init(jax.random.key(0), graph, genotype_batch([[]], self.gene_num)))


def with_edge_form(architecture: Architecture, keys: Iterable[str]) -> Architecture:
    """The architecture whose keys write edge types as these keys do: `('gene', 'tflink', 'gene')`,
    the original's own dictionary, or `<gene___tflink___gene>`, PyTorch Geometric's.
    """
    mangled = any("<gene___" in key for key in keys)
    return replace(architecture, edge_form="mangled" if mangled else "literal")


def architecture_from_kwargs(
    model: str,
    kwargs: Mapping[str, Any],
    graph_names: Sequence[str] | None = None,
    *,
    boundaries: bool = True,
) -> Architecture:
    """The architecture behind the constructor arguments of an original model.

    Args:
      model: `lazy`, `eager`, `eager_v1` or `dango`, as `case.json` names it.
      kwargs: constructor arguments; those left out take the original's defaults.
      graph_names: the networks of an `eager_v1`, whose arguments do not name them.
      boundaries: whether its batches told whose every deleted gene is.

    Raises:
      GiJaxError: another model, or an argument that no original has.
    """
    values = dict(kwargs)
    gene_num = values.pop("gene_num")
    if model == "lazy":
        names = tuple(sorted(values.pop("graph_names")))
        config = {**ORIGINAL_DEFAULTS, **values, "kind": "gene_interaction_dango"}
    elif model == "eager":
        names = tuple(sorted(values.pop("graph_names")))
        config = {**ORIGINAL_DEFAULTS, **values, "kind": "eager", **_eager_sections(values)}
    elif model == "eager_v1":
        names = tuple(graph_names or EAGER_NETWORKS)
        encoder = {"encoder_type": "gatv2", **(values.pop("gene_encoder_config", None) or {})}
        config = {**ORIGINAL_DEFAULTS, **values, "kind": "eager_v1", "gene_encoder_config": encoder}
    elif model == "dango":
        names = tuple(values.pop("edge_types"))
        local = {key: values.pop(key) for key in ("num_heads",) if key in values}
        config = {**values, "kind": "dango", "local_predictor_config": local}
    else:
        raise GiJaxError(f"'{model}' is not one of the models lazy, eager, eager_v1, dango")
    config["norm_statistics"] = "batch"  # as the original ships
    if not boundaries:
        config["boundaries"] = "absent"
    return Architecture(build(ModelConfig, config, "model", ModelConfig, []), gene_num, names)


def _eager_sections(values: Mapping[str, Any]) -> dict[str, Any]:
    """The two dictionaries of the eager class without what it does not read, which may be anything.

    Raises:
      GiJaxError: `graph_aggregation_config` is null, where the original fails too.
    """
    encoder: dict[str, Any] = EAGER_ENCODER | _known(GeneEncoderConfig, values.get("gene_encoder_config"))
    if "graph_aggregation_config" in encoder:
        aggregation = encoder["graph_aggregation_config"]
        if aggregation is None:
            raise GiJaxError(
                "gene_encoder_config.graph_aggregation_config is null, with which the original cannot be "
                "built; leave it out"
            )
        unread = {"pairwise_num_layers", "pairwise_hidden_dim"}
        known = _known(GraphAggregationConfig, aggregation)
        encoder["graph_aggregation_config"] = {k: v for k, v in known.items() if k not in unread}
    local = _known(LocalPredictorConfig, values.get("local_predictor_config"))
    local.pop("use_local_predictor", None)  # it always has one
    return {"gene_encoder_config": encoder, "local_predictor_config": local}


def _known(section: type, values: Mapping[str, Any] | None) -> dict[str, Any]:
    names = {field.name for field in fields(section)}
    return {key: value for key, value in (values or {}).items() if key in names}
