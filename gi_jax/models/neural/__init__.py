"""The systems: GeneInteractionDango and its relatives."""

from __future__ import annotations

from flax import linen as nn

from gi_jax.errors import GiJaxError
from gi_jax.models.neural.dango import Dango, DangoOutput
from gi_jax.models.neural.eager import Eager
from gi_jax.models.neural.eager_v1 import EagerV1
from gi_jax.models.neural.finite import STAGES, first_bad_stage
from gi_jax.models.neural.gene_interaction_dango import GeneInteractionDango, GeneInteractionOutput
from gi_jax.models.neural.options import ModelConfig
from gi_jax.models.neural.parameters import num_parameters

__all__ = [
    "STAGES",
    "Dango",
    "DangoOutput",
    "Eager",
    "EagerV1",
    "GeneInteractionDango",
    "GeneInteractionOutput",
    "build_model",
    "first_bad_stage",
    "num_parameters",
]

MODELS: dict[str, type[nn.Module]] = {
    "gene_interaction_dango": GeneInteractionDango,
    "eager": Eager,
    "eager_v1": EagerV1,
    "dango": Dango,
}


def build_model(
    config: ModelConfig, gene_num: int, graph_names: tuple[str, ...], *, precision: str = "32"
) -> nn.Module:
    """The model named by `config.kind`, for N genes and the given networks.

    Args:
      precision: `32`, or `bf16` (GeneInteractionDango only: its encoder is what costs).
    """
    if config.kind not in MODELS:
        raise GiJaxError(f"model.kind is '{config.kind}', expected one of {', '.join(MODELS)}")
    kind = MODELS[config.kind]
    if precision != "bf16":
        return kind(config, gene_num, tuple(graph_names))
    if kind is not GeneInteractionDango:
        raise GiJaxError(
            f"trainer.precision is 'bf16', which model.kind '{config.kind}' does not have; use precision: 32"
        )
    return kind(config, gene_num, tuple(graph_names), half=True)
