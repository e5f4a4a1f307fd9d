"""The whole configuration of a run, and how long and how carefully it trains."""

from __future__ import annotations

from dataclasses import dataclass, field

from gi_jax.checks import at_least, one_of
from gi_jax.config.data import CellDatasetConfig, DataConfig, DataModuleConfig, TransformsConfig
from gi_jax.config.model import ModelOptions
from gi_jax.config.task import RegressionTaskConfig
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form.options import PairKernelOptions
from gi_jax.models.neural.options import PRECISIONS, ModelConfig
from gi_jax.ops.names import AGGREGATION_BACKENDS

ALL_DEVICES = ("all", "auto", "-1", -1)  # the last three as Lightning has it


@dataclass(frozen=True)
class EarlyStoppingConfig:
    """Stops when the validation Pearson has not risen by `min_delta` for `patience` epochs."""

    patience: int | None = None  # never stops early if null
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        at_least("trainer.early_stopping.patience", self.patience, 1)


@dataclass(frozen=True)
class TrainerConfig:
    """The `trainer:` block: length, precision, checkpoints."""

    max_epochs: int = 100
    max_seconds: float | None = None  # training ends at the first epoch end after this
    precision: str = "32"  # 32 | bf16, of training; predictions are in 32 unless asked for otherwise
    aggregation_backend: str = "auto"  # measured for each network | bcsr | segment | dense for all
    devices: int | str = 1  # of every process, sharing each batch; or `all`
    early_stopping: EarlyStoppingConfig = field(default_factory=EarlyStoppingConfig)
    check_val_every_n_epoch: int = 1
    checkpoint_every_n_steps: int = 500  # besides the one at every epoch's end
    log_every_n_steps: int = 20
    check_finite: bool = True  # stop at the first step that is not finite, naming stage and genotypes
    loggers: tuple[str, ...] = ()  # tensorboard | wandb, beside terminal and metrics.jsonl
    # Of compiled programs and of what was measured; null: compile and measure anew in every run.
    compilation_cache: str | None = "~/.cache/gi_jax/compiled"

    def __post_init__(self) -> None:
        one_of("trainer.precision", self.precision, PRECISIONS)
        object.__setattr__(self, "precision", PRECISIONS[self.precision])
        one_of("trainer.aggregation_backend", self.aggregation_backend, AGGREGATION_BACKENDS)
        for logger in self.loggers:
            one_of("an entry of trainer.loggers", logger, ("tensorboard", "wandb"))
        for key in ("max_epochs", "check_val_every_n_epoch", "checkpoint_every_n_steps", "log_every_n_steps"):
            at_least(f"trainer.{key}", getattr(self, key), 1)
        at_least("trainer.max_seconds", self.max_seconds, 1)
        if self.devices in ALL_DEVICES:
            object.__setattr__(self, "devices", "all")
        elif isinstance(self.devices, str) or self.devices < 1:
            raise GiJaxError(f"trainer.devices is {self.devices}, expected a number of devices, or all")


@dataclass(frozen=True)
class RunConfig:
    """All that determines a run; two runs with equal configs, data, device and aggregation backends end in
    equal weights.
    """

    seed: int = 0
    ensemble: int = 1  # members trained side by side, with the seeds seed, seed + 1, ...
    cell_dataset: CellDatasetConfig = field(default_factory=CellDatasetConfig)
    data: DataConfig = field(default_factory=DataConfig)
    data_module: DataModuleConfig = field(default_factory=DataModuleConfig)
    transforms: TransformsConfig = field(default_factory=TransformsConfig)
    model: ModelOptions = field(default_factory=ModelConfig)
    regression_task: RegressionTaskConfig = field(default_factory=RegressionTaskConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)

    @property
    def neural(self) -> ModelConfig:
        """The options of a model that is trained by gradient."""
        assert isinstance(self.model, ModelConfig), f"a model of kind {self.model.kind} is solved for"
        return self.model

    def __post_init__(self) -> None:
        at_least("ensemble", self.ensemble, 1)
        if self.ensemble > 1 and self.model.one_solution:
            raise GiJaxError(
                f"ensemble is {self.ensemble}, but a model of kind {self.model.kind} is solved for, so its "
                "members would be equal; set ensemble: 1"
            )
        if self.cell_dataset.features and not self.model.uses_features:
            raise GiJaxError(
                f"cell_dataset.features names '{self.cell_dataset.features[0]}', but a model of kind "
                f"{self.model.kind} uses no gene features; leave the list empty, set kind: pair_kernel, or "
                "gene_embedding: features"
            )
        solved = self.model.prior if isinstance(self.model, ModelConfig) else self.model
        if (
            isinstance(solved, PairKernelOptions)
            and solved.studies == "apart"
            and not self.transforms.labels.per_study
        ):
            key = "model" if solved is self.model else "model.prior"
            raise GiJaxError(
                f"{key}.studies is 'apart', which takes labels on a scale of each study's own; set "
                "transforms.forward_transform.normalization.gene_interaction.per_study: true"
            )
        shared = self.trainer.devices != 1 and self.model.kind == "eager"
        if shared and self.neural.boundaries == "absent" and self.neural.norm_statistics == "batch":
            raise GiJaxError(
                "model.boundaries is 'absent', where all deleted genes of a batch are one set, which cannot "
                f"be dealt among trainer.devices: {self.trainer.devices}; set trainer.devices: 1"
            )
        if self.regression_task.frozen and self.model.checkpoint_path is None:
            raise GiJaxError(
                "regression_task.frozen keeps parts of a model as they are, but model.checkpoint_path names "
                "no weights to take them from; give a run folder or a model folder there"
            )
