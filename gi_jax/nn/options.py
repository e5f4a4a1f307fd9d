"""Names of norms and activations, and settings of the gene encoder and of the local predictor."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

NORMS = ("layer", "batch", "graph", "instance", "pair", "mean_subtraction")  # see `gi_jax.ops.norm`


class Activation(StrEnum):
    """Names of activations, as in a configuration; `gi_jax.nn.mlp.ACTIVATIONS` has the functions."""

    RELU = "relu"
    GELU = "gelu"
    LEAKY_RELU = "leaky_relu"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    SILU = "silu"


@dataclass(frozen=True)
class GraphAggregationConfig:
    """How the networks' outputs become one embedding (`cross_attention`, `pairwise_interaction`)."""

    num_heads: int = 4  # cross_attention: attention heads over the networks
    pairwise_num_layers: int = 2  # pairwise_interaction: layers of a pair's MLP
    pairwise_hidden_dim: int | None = None  # pairwise_interaction: bottleneck, H // 2 if null
    aggregation_norm: str | None = None  # pairwise_interaction: norm of the combined embedding
    dropout: float | None = None  # the model's if null


@dataclass(frozen=True)
class GeneEncoderConfig:
    """The graph convolution of every network and the way the networks are combined."""

    encoder_type: str = "gin"  # gin | gatv2
    graph_aggregation_method: str = "sum"  # sum | mean | cross_attention | pairwise_interaction
    graph_aggregation_config: GraphAggregationConfig = field(default_factory=GraphAggregationConfig)
    gin_num_layers: int = 2
    gin_hidden_dim: int | None = None  # width inside the GIN MLP, H if null
    heads: int = 1  # gatv2
    concat: bool = True  # gatv2: heads side by side, else averaged
    add_self_loops: bool = False  # gatv2


@dataclass(frozen=True)
class LocalPredictorConfig:
    """What the deleted genes alone say; without it, the prediction is the global one."""

    use_local_predictor: bool = True
    predictor: str = "hyper_sagnn"  # hyper_sagnn | bilinear (without heads and attention layers)
    num_heads: int = 4
    num_attention_layers: int = 2
    combination_method: str = "gating"  # gating | concat | local (the global prediction takes no part)
