"""Which PyTorch key is which Flax parameter in EagerV1."""

from __future__ import annotations

from conversion.keys_gene_interaction_dango import SHARED

ATTENTION = "gene_interaction_predictor.attention"
EAGER_V1 = SHARED | {
    # No {bn}: the original takes PyTorch's own norms here, which have no wrapper.
    "preprocessor/norm": ("preprocessor.mlp.1", "preprocessor.mlp.5"),
    "gene_interaction_predictor/attention/query": (f"{ATTENTION}.q_proj",),
    "gene_interaction_predictor/attention/key": (f"{ATTENTION}.k_proj",),
    "gene_interaction_predictor/attention/value": (f"{ATTENTION}.v_proj",),
    "gene_interaction_predictor/attention/out": (f"{ATTENTION}.out_proj",),
    "gene_interaction_predictor/attention/beta": (f"{ATTENTION}.beta",),
}
