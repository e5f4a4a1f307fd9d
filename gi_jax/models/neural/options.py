"""The `model:` block: which system, how wide, how deep."""

from __future__ import annotations

from dataclasses import dataclass, field

from gi_jax.checks import at_least, one_of
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.nn.options import NORMS, Activation, GeneEncoderConfig, LocalPredictorConfig
from gi_jax.ops.names import NORM_STATISTICS

PRECISIONS = {"32": "32", "32-true": "32", "bf16": "bf16", "bf16-mixed": "bf16"}  # as Lightning says it
POOLED_DIFFERENCES = ("mean", "sum")
LAST_LAYERS = ("kaiming", "zero")
GENE_EMBEDDINGS = ("free", "features", "both")
LOCAL_PREDICTORS = ("hyper_sagnn", "bilinear")


@dataclass(frozen=True)
class ModelConfig:
    """The `model:` block: which system, how wide, how deep, which norm."""

    kind: str = "gene_interaction_dango"  # gene_interaction_dango | eager | eager_v1 | dango
    hidden_channels: int = 64
    num_layers: int = 2  # 0: gene embeddings, no messages over networks
    # free | features | both: numbers of every gene's own (the original); made of what is known of it, see
    # `gi_jax.models.neural.gene_features`; or of that and of a free part that starts at 0
    gene_embedding: str = "free"
    feature_rank: int = 300  # features, both: the most coordinates of the kernels over genes
    free_dropout: float = 0.5  # both: share of the genes whose free part a training step leaves out
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
    # The pair-kernel process, to which the model adds; its settings are a section with `kind: pair_kernel`.
    prior: PairKernelOptions | None = None
    prior_folds: int = 5  # of the training genotypes, each predicted by a fit without it
    checkpoint_path: str | None = None  # weights to start from: a run folder or a model folder

    one_solution = False  # members of an ensemble differ by their seeds
    predicts_from_networks = True
    kinds = ("gene_interaction_dango", "eager_v1", "dango", "eager")

    @property
    def uses_features(self) -> bool:
        """Whether it looks at tables of gene features."""
        return self.embeds_features or self.prior is not None

    @property
    def embeds_features(self) -> bool:
        """Whether gene embeddings are made of features."""
        return self.gene_embedding != "free"

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
            one_of(f"model.gene_embedding of {self.kind}", self.gene_embedding, GENE_EMBEDDINGS[:1])
            key = f"model.local_predictor_config.predictor of {self.kind}"
            one_of(key, local.predictor, LOCAL_PREDICTORS[:1])
        one_of("model.gene_embedding", self.gene_embedding, GENE_EMBEDDINGS)
        one_of("model.local_predictor_config.predictor", local.predictor, LOCAL_PREDICTORS)
        at_least("model.feature_rank", self.feature_rank, 1)
        if not 0 <= self.free_dropout < 1:
            raise GiJaxError(f"model.free_dropout is {self.free_dropout}, expected 0 or more, below 1")
        at_least("model.prior_folds", self.prior_folds, 2)
        one_of("model.boundaries", self.boundaries, ("given", "absent"))
        if self.kind not in ("gene_interaction_dango", "eager"):
            one_of(f"model.boundaries of {self.kind}", self.boundaries, ("given",))
        if self.boundaries == "absent":
            key = "model.local_predictor_config.predictor without boundaries"
            one_of(key, local.predictor, LOCAL_PREDICTORS[:1])
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
        # The set attention of eager_v1 has one head, a bilinear predictor none.
        if self.kind != "eager_v1" and self.local_predictor_config.predictor == "hyper_sagnn":
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
                "model.kind is 'eager', which always has a local predictor; leave use_local_predictor out, "
                "or use kind: gene_interaction_dango"
            )
        norm = encoder.graph_aggregation_config.aggregation_norm
        if norm is not None:
            raise GiJaxError(
                f"model.gene_encoder_config.graph_aggregation_config.aggregation_norm is '{norm}', but the "
                "eager class has no norm behind an aggregation; leave it out"
            )
