"""Which PyTorch key is which Flax parameter in GeneInteractionDango, and what EagerV1 shares with it."""

from __future__ import annotations

SHARED = {
    "gene_embedding": ("gene_embedding.weight",),
    "preprocessor/linear_{i}": ("preprocessor.mlp.{4i}",),
    "convs_{l}/gatv2/sender": ("convs.{l}.convs.{edge}.conv.lin_l",),
    "convs_{l}/gatv2/receiver": ("convs.{l}.convs.{edge}.conv.lin_r",),
    "convs_{l}/gatv2/attention": ("convs.{l}.convs.{edge}.conv.att",),
    "convs_{l}/gatv2/bias": ("convs.{l}.convs.{edge}.conv.bias",),
    "convs_{l}/gatv2/projection": ("convs.{l}.convs.{edge}.proj",),
    "convs_{l}/norm": ("convs.{l}.convs.{edge}.norm{bn}",),
    "global_aggregator/gate_{i}": (
        "global_aggregator.gate_nn.{3i}",
        "global_aggregator.aggregator.gate_nn.{3i}",
    ),
    "global_aggregator/transform": (
        "global_aggregator.transform_nn.0",
        "global_aggregator.aggregator.nn.0",
    ),
    "global_interaction_predictor/linear_{i}": ("global_interaction_predictor.{3i}",),
    "gate_mlp/linear_{i}": ("gate_mlp.{3i}",),
    "gene_interaction_predictor/prediction": ("gene_interaction_predictor.prediction_layer",),
}

SAGNN = "gene_interaction_predictor.hyper_sagnn"
GENE_INTERACTION_DANGO = SHARED | {
    "preprocessor/norm": ("preprocessor.mlp.1{bn}", "preprocessor.mlp.5{bn}"),
    "convs_{l}/gin/eps": ("convs.{l}.convs.{edge}.conv.eps",),
    "convs_{l}/gin/linear_{i}": ("convs.{l}.convs.{edge}.conv.nn.{3i}",),
    "convs_{l}/gin/projection": ("convs.{l}.convs.{edge}.proj",),
    "convs_{l}/aggregator/graph_embeddings": ("convs.{l}.aggregator.graph_embeddings",),
    "convs_{l}/aggregator/in/kernel": ("convs.{l}.aggregator.multihead_attn.in_proj_weight",),
    "convs_{l}/aggregator/in/bias": ("convs.{l}.aggregator.multihead_attn.in_proj_bias",),
    "convs_{l}/aggregator/out": ("convs.{l}.aggregator.multihead_attn.out_proj",),
    "convs_{l}/aggregator/pair_{i}": ("convs.{l}.aggregator.interaction_mlps.{pair}.{3i}",),
    "convs_{l}/aggregator/scorer_{i}": ("convs.{l}.aggregator.pair_scorer.{2i}",),
    "convs_{l}/aggregator_norm": ("convs.{l}.aggregator.norm{bn}",),
    "gene_interaction_predictor/static": (f"{SAGNN}.static_embedding.0",),
    "gene_interaction_predictor/attention_{i}/query": (SAGNN + ".attention_layers.{i}.q_proj",),
    "gene_interaction_predictor/attention_{i}/key": (SAGNN + ".attention_layers.{i}.k_proj",),
    "gene_interaction_predictor/attention_{i}/value": (SAGNN + ".attention_layers.{i}.v_proj",),
    "gene_interaction_predictor/attention_{i}/out": (SAGNN + ".attention_layers.{i}.out_proj",),
    "gene_interaction_predictor/attention_{i}/beta": (SAGNN + ".beta_params.{i}",),
}
