"""Which PyTorch key is which Flax parameter in Dango."""

from __future__ import annotations

DANGO = {
    "gene_embedding": ("pretrain_model.gene_embedding.weight",),
    "sage_{l}/neighbours": ("pretrain_model.layer{l}_convs.{network}.lin_l",),
    "sage_{l}/own": ("pretrain_model.layer{l}_convs.{network}.lin_r",),
    "reconstruction": ("pretrain_model.recon_layers.{network}",),
    "meta_{i}": ("meta_embedding.attention_mlp.{2i}",),
    "hyper_sagnn/static": ("hyper_sagnn.static_embedding.0",),
    "hyper_sagnn/prediction": ("hyper_sagnn.prediction_layer",),
} | {
    # PyTorch counts the attention layers from 1 and has two of them.
    f"hyper_sagnn/attention_{layer}/{flax}": (f"hyper_sagnn.{torch}{layer + 1}",)
    for layer in range(2)
    for flax, torch in (("query", "Q"), ("key", "K"), ("value", "V"), ("out", "O"), ("beta", "beta"))
}
