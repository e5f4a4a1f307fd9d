"""The `model:` block: which system, how wide, how deep."""

from __future__ import annotations

from dataclasses import dataclass, field

from gi_jax.checks import at_least, one_of
from gi_jax.errors import GiJaxError
from gi_jax.nn.options import NORMS, Activation, GeneEncoderConfig, LocalPredictorConfig
from gi_jax.ops.names import NORM_STATISTICS

PRECISIONS = {"32": "32", "32-true": "32", "bf16": "bf16", "bf16-mixed": "bf16"}  # as Lightning says it
POOLED_DIFFERENCES = ("mean", "sum")
LAST_LAYERS = ("kaiming", "zero")


@dataclass(frozen=True)
class ModelConfig:
    """The `model:` block: which system, how wide, how deep, which norm."""

    kind: str = "gene_interaction_dango"  # gene_interaction_dango | eager | eager_v1 | dango
    hidden_channels: int = 64
    num_layers: int = 2  # 0: free gene embeddings, no networks
    dropout: float = 0.0
    norm: str = "layer"
    norm_statistics: str = (
        ""  # batch | genotype | node; if empty, node for norm layer and batch for the others
    )
    activation: str = "gelu"
    # mean | sum: what the global predictor sees of z_w - z_i, as it is (the original), or times the number
    # of genes, so that a few deleted genes among thousands are no smaller than the genes themselves
    pooled_difference: str = "mean"
    # kaiming | zero: initial values of the last layers of the pooling's attention, both predictors and the
    # gate. With the original's (kaiming) a few genes take most of the attention, and the gate saturates.
    last_layers: str = "kaiming"
    gene_encoder_config: GeneEncoderConfig = field(default_factory=GeneEncoderConfig)
    local_predictor_config: LocalPredictorConfig = field(default_factory=LocalPredictorConfig)
    # given | absent: whether a batch of the original knew which deleted gene was whose. Without, its local
    # part is 0 (gene_interaction_dango), or one score for all genes of the batch, the first genotype's
    # (eager).
    boundaries: str = "given"
    remat: str = "layer"  # none | layer | full: what the backward pass recomputes
    checkpoint_path: str | None = None  # weights to start from: a run folder or a model folder

    one_solution = False  # members of an ensemble differ by their seeds
    uses_features = False
    predicts_from_networks = True
    kinds = ("gene_interaction_dango", "eager_v1", "dango", "eager")

    @property
    def needs_networks(self) -> bool:
        """Whether it cannot do without networks."""
        return not (self.kind == "gene_interaction_dango" and self.num_layers == 0)

    @property
    def has_paths(self) -> bool:
        """Whether a global path takes part in the prediction, so that there is something to look into."""
        local = self.local_predictor_config
        return self.kind != "dango" and not (
            local.use_local_predictor and local.combination_method == "local"
        )

    def message_columns(self, batch_size: int) -> int:
        """How many columns a sparse product over the networks has."""
        return (1 + batch_size if self.num_layers > 1 else 1) * self.hidden_channels

    def __post_init__(self) -> None:
        one_of("model.kind", self.kind, self.kinds)
        encoder, local = self.gene_encoder_config, self.local_predictor_config
        if not self.norm_statistics:
            object.__setattr__(self, "norm_statistics", "node" if self.norm == "layer" else "batch")
        one_of("model.activation", self.activation, tuple(Activation))
        one_of("model.norm", self.norm, NORMS)
        one_of("model.norm_statistics", self.norm_statistics, NORM_STATISTICS)
        one_of("model.pooled_difference", self.pooled_difference, POOLED_DIFFERENCES)
        one_of("model.last_layers", self.last_layers, LAST_LAYERS)
        if self.kind != "gene_interaction_dango":
            one_of(f"model.pooled_difference of {self.kind}", self.pooled_difference, POOLED_DIFFERENCES[:1])
            one_of(f"model.last_layers of {self.kind}", self.last_layers, LAST_LAYERS[:1])
        one_of("model.boundaries", self.boundaries, ("given", "absent"))
        if self.kind not in ("gene_interaction_dango", "eager"):
            one_of(f"model.boundaries of {self.kind}", self.boundaries, ("given",))
        one_of("model.remat", self.remat, ("none", "layer", "full"))
        one_of("model.gene_encoder_config.encoder_type", encoder.encoder_type, ("gin", "gatv2"))
        one_of(
            "model.gene_encoder_config.graph_aggregation_method",
            encoder.graph_aggregation_method,
            ("sum", "mean", "cross_attention", "pairwise_interaction"),
        )
        one_of(
            "model.local_predictor_config.combination_method",
            local.combination_method,
            ("gating", "concat", "local"),
        )
        at_least("model.num_layers", self.num_layers, 0)
        aggregation_norm = encoder.graph_aggregation_config.aggregation_norm
        if aggregation_norm is not None:
            one_of(
                "model.gene_encoder_config.graph_aggregation_config.aggregation_norm", aggregation_norm, NORMS
            )
        for norm in (self.norm, aggregation_norm):
            if self.norm_statistics == "node" and norm not in ("layer", None):
                raise GiJaxError(
                    f"model.norm_statistics is 'node', which exists for norm 'layer' only, but norm is "
                    f"'{norm}'; use norm: layer, or norm_statistics: batch"
                )
        self._check_heads()
        if self.kind == "eager_v1":
            self._check_eager_v1()
        if self.kind == "eager":
            self._check_eager()

    def _check_heads(self) -> None:
        encoder, h = self.gene_encoder_config, self.hidden_channels
        heads = {}
        if self.kind != "eager_v1":  # its set attention has one head
            heads["model.local_predictor_config.num_heads"] = self.local_predictor_config.num_heads
        if encoder.graph_aggregation_method == "cross_attention":
            aggregation = encoder.graph_aggregation_config
            heads["model.gene_encoder_config.graph_aggregation_config.num_heads"] = aggregation.num_heads
        for key, count in heads.items():
            if h % count:
                raise GiJaxError(f"{key} is {count}, which does not divide hidden_channels {h}")
        if not 1 <= encoder.heads <= h:
            raise GiJaxError(
                f"model.gene_encoder_config.heads is {encoder.heads}, expected 1 to hidden_channels {h}"
            )

    def _check_eager_v1(self) -> None:
        encoder, local = self.gene_encoder_config, self.local_predictor_config
        at_least("model.num_layers of eager_v1", self.num_layers, 1)
        one_of("model.norm of eager_v1", self.norm, ("layer", "batch"))
        method = encoder.graph_aggregation_method
        one_of("model.gene_encoder_config.graph_aggregation_method of eager_v1", method, ("sum",))
        if not local.use_local_predictor or local.combination_method != "gating":
            raise GiJaxError(
                "model.kind is 'eager_v1', which always has a local predictor and a gate; leave "
                "local_predictor_config out, or use kind: gene_interaction_dango with encoder_type: gatv2"
            )

    def _check_eager(self) -> None:
        encoder, local = self.gene_encoder_config, self.local_predictor_config
        at_least("model.num_layers of eager", self.num_layers, 1)
        one_of("model.norm of eager", self.norm, ("layer", "batch"))
        one_of("model.activation of eager", self.activation, tuple(a for a in Activation if a != "silu"))
        method = "model.local_predictor_config.combination_method of eager"
        one_of(method, local.combination_method, ("gating", "concat"))
        if not local.use_local_predictor:
            raise GiJaxError(
                "model.kind is 'eager', which always has a local predictor; leave use_local_predictor "
                "out, or "
                "use kind: gene_interaction_dango"
            )
        norm = encoder.graph_aggregation_config.aggregation_norm
        if norm is not None:
            raise GiJaxError(
                f"model.gene_encoder_config.graph_aggregation_config.aggregation_norm is '{norm}', but the "
                "eager class has no norm behind an aggregation; leave it out"
            )
