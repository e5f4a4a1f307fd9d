"""Configuration files: torchcell's keys, references, overrides, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gi_jax.config import ModelConfig, RunConfig, load_config, parse_config, to_yaml
from gi_jax.errors import GiJaxError

CONFIGS = sorted(
    (Path(__file__).parents[1] / "configs").glob("[!s]*.yaml")
)  # study files are of another kind

# Laid out like the configurations that torchcell ships for its nine-network runs.
TORCHCELL = """
defaults: [default, _self_]
heads: 8
norms: {norm: layer}
wandb: {project: interactions, tags: []}
profiler: {is_pytorch: true}
cell_dataset:
  graphs: [physical, regulatory]
  incidence_graphs: [metabolism_bipartite]
  learnable_embedding_input_channels: 64
transforms:
  use_transforms: true
  forward_transform: {normalization: {gene_interaction: {strategy: standard}}}
data_module: {batch_size: 28, num_workers: 4, pin_memory: true}
trainer: {max_epochs: 300, strategy: ddp, num_nodes: 1, accelerator: gpu, devices: 4, precision: bf16-mixed}
model:
  hidden_channels: 64
  num_layers: 3
  dropout: 0.0
  norm: ${norms.norm}
  activation: gelu
  gene_encoder_config:
    encoder_type: gin
    gin_hidden_dim: null
    gin_num_layers: 4
    graph_aggregation_method: pairwise_interaction
    graph_aggregation_config: {pairwise_num_layers: 2, pairwise_hidden_dim: 32, aggregation_norm: layer}
  local_predictor_config: {num_attention_layers: 2, num_heads: "${heads}", combination_method: concat}
regression_task:
  loss: mle_dist_supcr
  is_weighted_phenotype_loss: false
  lambda_mse: 1.0
  lambda_dist: 0.1
  lambda_supcr: 1e-3
  loss_config: {buffer_size: 256, use_buffer: true, temp_schedule: exponential}
  optimizer: {type: AdamW, lr: 1e-4, weight_decay: 1e-6}
  lr_scheduler:
    {type: CosineAnnealingWarmupRestarts, first_cycle_steps: 30, max_lr: 1e-3, min_lr: 1e-8, warmup_steps: 2}
  clip_grad_norm: true
  clip_grad_norm_max_norm: 10.0
  grad_accumulation_schedule: {0: 32, 100: 16}
  plot_every_n_epochs: 10
"""


def test_torchcell_blocks_load_unchanged() -> None:
    config, unused = parse_config(TORCHCELL)
    assert config.model.gene_encoder_config.graph_aggregation_config.pairwise_hidden_dim == 32
    assert config.model.gene_encoder_config.gin_hidden_dim is None
    assert config.model.local_predictor_config.num_heads == 8
    assert config.model.norm == "layer"
    assert config.cell_dataset.graphs == ("physical", "regulatory")
    task = config.regression_task
    assert task.loss_options == {
        "lambda_mse": 1.0,
        "lambda_dist": 0.1,
        "lambda_supcr": 0.001,
        "buffer_size": 256,
        "use_buffer": True,
        "temp_schedule": "exponential",
    }
    assert task.lr_scheduler is not None
    assert task.lr_scheduler.options == {
        "first_cycle_steps": 30,
        "max_lr": 1e-3,
        "min_lr": 1e-8,
        "warmup_steps": 2,
    }
    assert [task.accumulation(epoch) for epoch in (0, 99, 100, 250)] == [32, 32, 16, 16]
    assert config.trainer.precision == "bf16"
    assert (config.data_module.batch_size, config.trainer.devices) == (4 * 28, 1)  # a batch per device there
    assert set(unused) == {
        "defaults",
        "wandb",
        "profiler",
        "cell_dataset.incidence_graphs",
        "cell_dataset.learnable_embedding_input_channels",
        "data_module.num_workers",
        "data_module.pin_memory",
        "trainer.strategy",
        "trainer.num_nodes",
        "trainer.accelerator",
        "regression_task.is_weighted_phenotype_loss",
        "regression_task.plot_every_n_epochs",
    }


def test_written_config_reads_back_equal() -> None:
    config = parse_config(TORCHCELL).config
    assert parse_config(to_yaml(config)) == (config, ())


def test_overrides_go_over_the_file_and_null_over_a_default() -> None:
    overrides = ["model.num_layers=1", "trainer.compilation_cache=null", "cell_dataset.graphs=[a]"]
    config = parse_config(TORCHCELL, overrides).config
    assert config.model.num_layers == 1
    assert config.trainer.compilation_cache is None
    assert config.cell_dataset.graphs == ("a",)


@pytest.mark.parametrize(
    ("norm", "statistics"), [("layer", "node"), ("batch", "batch"), ("instance", "batch")]
)
def test_norm_statistics_default_to_what_the_norm_can_do(norm: str, statistics: str) -> None:
    assert ModelConfig(norm=norm).norm_statistics == statistics


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        (
            "model: {num_layerz: 3}",
            [],
            "model.num_layerz is not a key.*nearest valid key is model.num_layers",
        ),
        ("regression_task: {lr: 1}", [], "regression_task.lr is.*nearest.*regression_task.optimizer.lr"),
        ("modle: {}", [], "modle is not a key of this configuration; the nearest valid key is model"),
        ("", ["trainer.max_epoch=3"], "trainer.max_epoch is not a key.*trainer.max_epochs"),
        ("heads: 3", [], "heads is not a key"),
        ("model: 3", [], "model is 3, expected a section"),
        ("model: {num_layers: x}", [], "model.num_layers is 'x', expected a whole number"),
        ("model: {hidden_channels: 4.5}", [], "model.hidden_channels is 4.5, expected a whole number"),
        ("model: {dropout: true}", [], "model.dropout is True, expected a number"),
        ("cell_dataset: {graphs: a}", [], "cell_dataset.graphs is 'a', expected a list"),
        ("cell_dataset: {graphs: [a, a]}", [], "names 'a' twice"),
        ("a: [", [], r"config.yaml, line \d: not valid YAML"),
        ('model: {norm: "${norms.norm}"}', [], "config.yaml: .*norms"),
        ("", ["foo"], "override 'foo' is not of the form"),
        ("- a", [], "expected sections with keys"),
        ("model: {hidden_channels: 63}", [], "num_heads is 4, which does not divide hidden_channels 63"),
        ("model: {norm: batch, norm_statistics: node}", [], "norm_statistics is 'node'"),
        ("data: {split: {kind: temporal}}", [], "data.split.kind is 'temporal', expected one of random"),
        ("data: {split: {fractions: [0.9, 0.2, 0.1]}}", [], "add up to 1"),
        ("data: {split: {folds: 5, fold: 5}}", [], "data.split.fold is 5, expected 0 to 4"),
        ("data: {networks: {mine: {directed: true}}}", [], "has no path"),
        ("regression_task: {loss: mae}", [], "regression_task.loss is 'mae', expected one of logcosh"),
        ("regression_task: {optimizer: {lr: .nan}}", [], "optimizer.lr is nan, expected at least 0"),
        ("regression_task: {optimizer: {betas: [0.9]}}", [], "betas is .0.9., expected two numbers"),
        ("regression_task: {clip_grad_norm_max_norm: 0}", [], "clip_grad_norm_max_norm is 0.0"),
        ("regression_task: {grad_accumulation_schedule: {0: 0}}", [], "at least 1"),
        ("regression_task: {ema_decay: 1.0}", [], "ema_decay is 1.0"),
        ("regression_task: {frozen: [gene_embedding]}", [], "frozen.*checkpoint_path"),
        ("regression_task: {lr_scheduler: {type: Cosine}}", [], "lr_scheduler.type is 'Cosine'"),
        (
            "regression_task: {lr_scheduler: {type: ReduceLROnPlateau, max_lr: 1}}",
            [],
            "max_lr is not an option of ReduceLROnPlateau",
        ),
        ("trainer: {precision: fp8}", [], "trainer.precision is 'fp8'"),
        ("", ["ensemble=0"], "config.yaml: ensemble is 0, expected at least 1"),
        ("data_module: {batch_size: 0}", [], "batch_size is 0, expected at least 1"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_key_and_remedy(
    text: str, overrides: list[str], message: str
) -> None:
    with pytest.raises(GiJaxError, match=message) as caught:
        parse_config(text, overrides, source="config.yaml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(GiJaxError, match="nowhere.yaml: no such configuration file"):
        load_config("nowhere.yaml")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_load_without_leftovers(path: Path) -> None:
    loaded = load_config(path)
    assert isinstance(loaded.config, RunConfig)
    assert loaded.unused == ()
