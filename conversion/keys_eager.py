"""Which PyTorch key is which Flax parameter in Eager."""

from __future__ import annotations

from conversion.keys_gene_interaction_dango import GENE_INTERACTION_DANGO

EAGER = GENE_INTERACTION_DANGO | {
    # No {bn}: the original takes PyTorch's own norms here, which have no wrapper.
    "preprocessor/norm": ("preprocessor.mlp.1", "preprocessor.mlp.5"),
    "convs_{l}/aggregator/scorer_{i}": ("convs.{l}.aggregator.attention.{2i}",),
}
