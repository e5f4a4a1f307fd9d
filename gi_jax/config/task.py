"""The `regression_task:` block: loss, optimizer, schedule, clipping, accumulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from gi_jax.checks import at_least, one_of
from gi_jax.errors import GiJaxError
from gi_jax.losses import LOSSES
from gi_jax.schedules import SCHEDULES as KNOWN_SCHEDULES
from gi_jax.schedules import schedule_options

OPTIMIZERS = ("AdamW", "Adam")
# A configuration without a schedule has the constant one.
SCHEDULES = {name: schedule_options(name) for name in KNOWN_SCHEDULES if name != "Constant"}


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (decoupled weight decay) or Adam (weight decay added to the gradient), as in PyTorch."""

    type: str = "AdamW"
    lr: float = 1e-3
    weight_decay: float = 1e-2
    betas: tuple[float, ...] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        one_of("regression_task.optimizer.type", self.type, OPTIMIZERS)
        at_least("regression_task.optimizer.lr", self.lr, 0)
        at_least("regression_task.optimizer.weight_decay", self.weight_decay, 0)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise GiJaxError(
                f"regression_task.optimizer.betas is {list(self.betas)}, expected two numbers in [0, 1)"
            )


@dataclass(frozen=True)
class LrSchedulerConfig:
    """A learning-rate schedule by its PyTorch name; a key left null takes the schedule's default.

    `first_cycle_steps` and `T_max` left null are the whole run.
    """

    type: str = ""
    interval: str = "epoch"  # epoch | step: what one step of the schedule is
    first_cycle_steps: int | None = None
    cycle_mult: float | None = None
    max_lr: float | None = None
    min_lr: float | None = None
    warmup_steps: int | None = None
    gamma: float | None = None
    T_max: int | None = None
    eta_min: float | None = None
    mode: str | None = None
    factor: float | None = None
    patience: int | None = None
    threshold: float | None = None
    threshold_mode: str | None = None
    cooldown: int | None = None
    eps: float | None = None

    def __post_init__(self) -> None:
        one_of("regression_task.lr_scheduler.type", self.type, SCHEDULES)
        one_of("regression_task.lr_scheduler.interval", self.interval, ("epoch", "step"))
        foreign = [key for key in self.options if key not in SCHEDULES[self.type]]
        if foreign:
            raise GiJaxError(
                f"regression_task.lr_scheduler.{foreign[0]} is not an option of {self.type}; "
                f"its options are {', '.join(SCHEDULES[self.type])}"
            )
        if self.type == "ReduceLROnPlateau" and self.interval == "step":
            raise GiJaxError(
                "regression_task.lr_scheduler: ReduceLROnPlateau looks at epochs; use interval: epoch"
            )

    @property
    def options(self) -> dict[str, float | int | str]:
        """The options that are set, by PyTorch's argument names."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("type", "interval")}
        return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True)
class RegressionTaskConfig:
    """What is minimised and how."""

    loss: str = "logcosh"
    lambda_mse: float | None = None
    lambda_dist: float | None = None
    lambda_wasserstein: float | None = None
    lambda_supcr: float | None = None
    loss_config: Mapping[str, bool | int | float | str] = field(
        default_factory=dict
    )  # further options of the loss
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    lr_scheduler: LrSchedulerConfig | None = None
    warmup_steps: int = 0  # batches over which the rate rises linearly to the schedule's
    clip_grad_norm: bool = True
    clip_grad_norm_max_norm: float = 10.0
    grad_accumulation_schedule: Mapping[int, int] = field(
        default_factory=dict
    )  # epoch -> batches per optimizer step
    ema_decay: float | None = None  # evaluate an exponential moving average of the weights
    frozen: tuple[str, ...] = ()  # parts that keep the weights they start from, e.g. gene_embedding

    def __post_init__(self) -> None:
        one_of("regression_task.loss", self.loss, (*LOSSES, "dango"))
        at_least("regression_task.warmup_steps", self.warmup_steps, 0)
        if self.clip_grad_norm and not self.clip_grad_norm_max_norm > 0:
            raise GiJaxError(
                f"regression_task.clip_grad_norm_max_norm is {self.clip_grad_norm_max_norm}, "
                "expected a positive number"
            )
        for epoch, batches in self.grad_accumulation_schedule.items():
            at_least("an epoch of regression_task.grad_accumulation_schedule", epoch, 0)
            at_least(f"regression_task.grad_accumulation_schedule[{epoch}]", batches, 1)
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise GiJaxError(
                f"regression_task.ema_decay is {self.ema_decay}, expected a number between 0 and 1"
            )

    @property
    def loss_options(self) -> dict[str, bool | int | float | str]:
        """All options of the loss that are set."""
        lambdas = {f.name: getattr(self, f.name) for f in fields(self) if f.name.startswith("lambda_")}
        return {key: value for key, value in lambdas.items() if value is not None} | dict(self.loss_config)

    def accumulation(self, epoch: int) -> int:
        """Batches per optimizer step in an epoch: the entry of the last threshold reached, 1 before any."""
        reached = [threshold for threshold in self.grad_accumulation_schedule if threshold <= epoch]
        return self.grad_accumulation_schedule[max(reached)] if reached else 1
