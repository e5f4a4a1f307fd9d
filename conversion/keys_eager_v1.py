"""Which PyTorch key is which Flax parameter in EagerV1, besides the rows that the systems share."""

from __future__ import annotations

ATTENTION = "gene_interaction_predictor.attention"
EAGER_V1 = {
    # No {bn}: the original takes PyTorch's own norms here, which have no wrapper.
    "preprocessor/norm": ("preprocessor.mlp.1", "preprocessor.mlp.5"),
    "convs_{l}/gatv2/sender": ("convs.{l}.convs.{edge}.conv.lin_l",),
    "convs_{l}/gatv2/receiver": ("convs.{l}.convs.{edge}.conv.lin_r",),
    "convs_{l}/gatv2/attention": ("convs.{l}.convs.{edge}.conv.att",),
    "convs_{l}/gatv2/bias": ("convs.{l}.convs.{edge}.conv.bias",),
    "convs_{l}/gatv2/projection": ("convs.{l}.convs.{edge}.proj",),
    "convs_{l}/norm": ("convs.{l}.convs.{edge}.norm{bn}",),
    "gene_interaction_predictor/attention/query": (f"{ATTENTION}.q_proj",),
    "gene_interaction_predictor/attention/key": (f"{ATTENTION}.k_proj",),
    "gene_interaction_predictor/attention/value": (f"{ATTENTION}.v_proj",),
    "gene_interaction_predictor/attention/out": (f"{ATTENTION}.out_proj",),
    "gene_interaction_predictor/attention/beta": (f"{ATTENTION}.beta",),
}
