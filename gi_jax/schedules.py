"""Learning-rate schedules by their PyTorch names, on the host; their memory is a plain dictionary."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields
from typing import Any, Protocol

from gi_jax.errors import GiJaxError

ScheduleState = dict[str, Any]  # JSON values; "lr" is the rate of the moment


class Schedule(Protocol):
    """Gives the rate of the moment: `state["lr"]` of a state that starts and advances.

    What a step is, an epoch or an optimizer step, is the caller's choice, except for
    `ReduceLROnPlateau`, which advances once per validated epoch.
    """

    def start(self) -> ScheduleState:
        """The state of step 0."""
        ...

    def advance(self, state: ScheduleState, metric: float | None = None) -> ScheduleState:
        """The state of the next step; `metric` matters to `ReduceLROnPlateau` alone."""
        ...


class _ByStep:
    """A schedule that is a function of the step."""

    def learning_rate(self, step: int) -> float:
        raise NotImplementedError

    def start(self) -> ScheduleState:
        return {"step": 0, "lr": self.learning_rate(0)}

    def advance(self, state: ScheduleState, metric: float | None = None) -> ScheduleState:
        step = state["step"] + 1
        return {"step": step, "lr": self.learning_rate(step)}


@dataclass(frozen=True, kw_only=True)
class Constant(_ByStep):
    """The same rate at every step."""

    lr: float

    def learning_rate(self, step: int) -> float:
        return self.lr


@dataclass(frozen=True, kw_only=True)
class CosineAnnealingLR(_ByStep):
    """`eta_min + (lr - eta_min) (1 + cos(pi step / T_max)) / 2`, as in PyTorch."""

    lr: float
    T_max: int
    eta_min: float = 0.0

    def learning_rate(self, step: int) -> float:
        return self.eta_min + (self.lr - self.eta_min) * (1 + math.cos(math.pi * step / self.T_max)) / 2


@dataclass(frozen=True, kw_only=True)
class CosineAnnealingWarmupRestarts(_ByStep):
    """Cycles of a linear rise from `min_lr` to the cycle's peak and a cosine fall back.

    In cycle c with L steps and warm-up w: peak `m_c = max_lr gamma^c`, at position i of the cycle
    `min_lr + (m_c - min_lr) i / w` for i < w, then `min_lr + (m_c - min_lr) (1 + cos(pi (i - w) /
    (L - w))) / 2`. The next cycle has `int((L - w) cycle_mult) + w` steps. Step 0 is always `min_lr`,
    also without warm-up. Source: the PyTorch class of this name that torchcell trains with.
    """

    first_cycle_steps: int
    cycle_mult: float = 1.0
    max_lr: float = 0.1
    min_lr: float = 0.001
    warmup_steps: int = 0
    gamma: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.warmup_steps < self.first_cycle_steps:
            raise GiJaxError(
                f"warmup_steps is {self.warmup_steps}, expected at least 0 and less than "
                f"first_cycle_steps, which is {self.first_cycle_steps}"
            )

    def learning_rate(self, step: int) -> float:
        if step == 0:
            return self.min_lr
        cycle, length, position = 0, self.first_cycle_steps, step
        while position >= length:
            position -= length
            cycle += 1
            length = int((length - self.warmup_steps) * self.cycle_mult) + self.warmup_steps
            if length <= self.warmup_steps:
                raise GiJaxError(
                    f"cycle_mult {self.cycle_mult} leaves cycle {cycle} without a step after the warm-up; "
                    "raise cycle_mult or first_cycle_steps"
                )
        rise = self.max_lr * self.gamma**cycle - self.min_lr
        if position < self.warmup_steps:
            return rise * position / self.warmup_steps + self.min_lr
        fall = (position - self.warmup_steps) / (length - self.warmup_steps)
        return self.min_lr + rise * (1 + math.cos(math.pi * fall)) / 2


@dataclass(frozen=True, kw_only=True)
class ReduceLROnPlateau:
    """Multiplies the rate by `factor` after more than `patience` epochs without improvement.

    An epoch improves if its metric is below `best (1 - threshold)` (mode `min`, threshold mode `rel`;
    `abs`: below `best - threshold`; mode `max`: above, with the opposite sign). For `cooldown` epochs
    after a reduction none counts as bad. The rate does not fall below `min_lr`, and not by `eps` or less.

    Definition and defaults are PyTorch's. `optax.contrib.reduce_on_plateau` is another one: it
    reduces after `patience` bad epochs, not after more than that, and knows neither `eps` nor `max`.
    """

    lr: float
    mode: str = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise GiJaxError(f"mode of ReduceLROnPlateau is {self.mode!r}, expected min or max")
        if self.threshold_mode not in ("rel", "abs"):
            raise GiJaxError(
                f"threshold_mode of ReduceLROnPlateau is {self.threshold_mode!r}, expected rel or abs"
            )
        if not 0 < self.factor < 1:
            raise GiJaxError(f"factor of ReduceLROnPlateau is {self.factor}, expected between 0 and 1")

    def start(self) -> ScheduleState:
        return {"lr": self.lr, "best": None, "bad_epochs": 0, "cooldown": 0}

    def advance(self, state: ScheduleState, metric: float | None = None) -> ScheduleState:
        if metric is None:
            raise GiJaxError("ReduceLROnPlateau needs the metric of each epoch, but this epoch has none")
        lr, best, bad, cooldown = (state[key] for key in ("lr", "best", "bad_epochs", "cooldown"))
        if self._improves(metric, best):
            best, bad = metric, 0
        else:
            bad += 1
        if cooldown > 0:
            cooldown, bad = cooldown - 1, 0
        if bad > self.patience:
            lower = max(lr * self.factor, self.min_lr)
            lr = lower if lr - lower > self.eps else lr
            cooldown, bad = self.cooldown, 0
        return {"lr": lr, "best": best, "bad_epochs": bad, "cooldown": cooldown}

    def _improves(self, metric: float, best: float | None) -> bool:
        if best is None:
            best = math.inf if self.mode == "min" else -math.inf
        sign = -1.0 if self.mode == "min" else 1.0
        bound = (
            best * (1 + sign * self.threshold)
            if self.threshold_mode == "rel"
            else best + sign * self.threshold
        )
        return metric < bound if self.mode == "min" else metric > bound


SCHEDULES = {
    kind.__name__: kind
    for kind in (Constant, CosineAnnealingWarmupRestarts, CosineAnnealingLR, ReduceLROnPlateau)
}


def schedule_options(name: str) -> tuple[str, ...]:
    """What the schedule of this name takes besides the optimizer's rate, by PyTorch's argument names."""
    return tuple(field.name for field in fields(SCHEDULES[name]) if field.name != "lr")


def make_schedule(name: str, *, lr: float, **options: Any) -> Schedule:
    """The schedule of this name with PyTorch's argument names.

    Args:
      lr: the optimizer's rate, from which the schedule starts (`CosineAnnealingWarmupRestarts` has its
        own and ignores it).

    Raises:
      GiJaxError: an unknown name, an unknown or missing option, or a bad value.
    """
    if name not in SCHEDULES:
        raise GiJaxError(f"unknown learning-rate schedule {name!r}; the schedules are {', '.join(SCHEDULES)}")
    known = {field.name: field for field in fields(SCHEDULES[name])}
    own = schedule_options(name)
    for key in options:
        if key not in own:
            raise GiJaxError(
                f"{key!r} is not an option of {name}; its options are {', '.join(own) or 'none'}"
            )
    for key in own:
        if known[key].default is MISSING and key not in options:
            raise GiJaxError(f"{name} needs {key}; give it a number")
    arguments: dict[str, Any] = options | {"lr": lr} if "lr" in known else options
    return SCHEDULES[name](**arguments)


def linear_warmup(step: int, warmup_steps: int) -> float:
    """Factor on the rate, `(step + 1) / warmup_steps` until it reaches 1 (step 0 is the first)."""
    return min((step + 1) / warmup_steps, 1.0) if warmup_steps > 0 else 1.0
