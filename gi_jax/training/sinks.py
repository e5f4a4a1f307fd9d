"""Where metrics go beside terminal and file: TensorBoard and Weights & Biases, if they are installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from gi_jax.errors import GiJaxError


class Sink(Protocol):
    """Takes records of metrics."""

    def write(self, record: Mapping[str, Any]) -> None:
        """One record: `kind` and `step`, and numbers by name."""

    def close(self) -> None:
        """Called when the training ends or stops."""


class TensorBoard:
    """Writes event files into `folder/tensorboard`."""

    def __init__(self, folder: Path) -> None:
        self._writer = _module("tensorboardX", "tensorboard").SummaryWriter(str(folder / "tensorboard"))

    def write(self, record: Mapping[str, Any]) -> None:
        for name, value in _numbers(record).items():
            self._writer.add_scalar(name, value, record["step"])

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """Logs to a W&B run named like the folder; where and whether it is sent is W&B's own setting."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._run = _module("wandb", "wandb").init(
            project="gi_jax", name=folder.name, dir=str(folder), config=dict(config)
        )

    def write(self, record: Mapping[str, Any]) -> None:
        self._run.log(_numbers(record), step=record["step"])

    def close(self) -> None:
        self._run.finish()


def make_sinks(names: tuple[str, ...], folder: Path, config: Mapping[str, Any]) -> tuple[Sink, ...]:
    """The sinks of `trainer.loggers`.

    Raises:
      GiJaxError: one of them is not installed.
    """
    made = {"tensorboard": lambda: TensorBoard(folder), "wandb": lambda: WeightsAndBiases(folder, config)}
    return tuple(made[name]() for name in names)


def _numbers(record: Mapping[str, Any]) -> dict[str, float]:
    numbers = {
        key: value for key, value in record.items() if isinstance(value, (int, float)) and key != "step"
    }
    return {f"{record['kind']}/{key}": value for key, value in numbers.items()}


def _module(name: str, extra: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        raise GiJaxError(
            f"trainer.loggers names {extra}, but {name} is not installed; pip install 'gi-jax[{extra}]'"
        ) from None
