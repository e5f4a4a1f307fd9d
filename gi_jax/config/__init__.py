"""Configuration: YAML with torchcell's key names, read into frozen dataclasses."""

from gi_jax.config.data import (
    CellDatasetConfig,
    DataConfig,
    DataModuleConfig,
    NetworkFileConfig,
    SplitConfig,
    TransformsConfig,
)
from gi_jax.config.load import LoadedConfig, load_config, parse_config, to_yaml
from gi_jax.config.run import EarlyStoppingConfig, RunConfig, TrainerConfig
from gi_jax.config.task import LrSchedulerConfig, OptimizerConfig, RegressionTaskConfig
from gi_jax.models.neural.options import ModelConfig
from gi_jax.nn.options import GeneEncoderConfig, GraphAggregationConfig, LocalPredictorConfig

__all__ = [
    "CellDatasetConfig",
    "DataConfig",
    "DataModuleConfig",
    "EarlyStoppingConfig",
    "GeneEncoderConfig",
    "GraphAggregationConfig",
    "LoadedConfig",
    "LocalPredictorConfig",
    "LrSchedulerConfig",
    "ModelConfig",
    "NetworkFileConfig",
    "OptimizerConfig",
    "RegressionTaskConfig",
    "RunConfig",
    "SplitConfig",
    "TrainerConfig",
    "TransformsConfig",
    "load_config",
    "parse_config",
    "to_yaml",
]
