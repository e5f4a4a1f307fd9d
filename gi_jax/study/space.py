"""The space of a search: which settings of a configuration may take which values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gi_jax.config.load import build_from_yaml, read_text
from gi_jax.config.yaml_text import override
from gi_jax.errors import GiJaxError

if TYPE_CHECKING:
    from optuna.trial import Trial


@dataclass(frozen=True)
class Range:
    """The values of one setting: some to choose from, or all between two numbers."""

    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False  # drawn evenly on a logarithmic scale
    whole: bool = False  # whole numbers only

    def __post_init__(self) -> None:
        if bool(self.choices) == (self.low is not None or self.high is not None):
            raise GiJaxError("expected either choices, or low and high")
        if self.choices:
            return
        if self.low is None or self.high is None or not self.low < self.high:
            raise GiJaxError(
                f"low is {self.low} and high is {self.high}, expected two numbers, low below high"
            )
        if self.log and not self.low > 0:
            raise GiJaxError(f"low is {self.low} on a logarithmic scale, expected a number above 0")
        if self.whole and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise GiJaxError(f"low is {self.low} and high is {self.high}, expected whole numbers")

    def first(self) -> Any:
        """One of the values."""
        if self.choices:
            return self.choices[0]
        assert self.low is not None, "a range without choices has ends"
        return int(self.low) if self.whole else self.low

    def suggest(self, trial: Trial, key: str) -> Any:
        """The value that a trial gets."""
        if self.choices:
            texts = [override("value", choice).partition("=")[2] for choice in self.choices]
            return self.choices[texts.index(trial.suggest_categorical(key, texts))]
        assert self.low is not None and self.high is not None, "a range without choices has ends"
        if self.whole:
            return trial.suggest_int(key, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(key, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Space:
    """The file of a search: settings by their keys, such as `model.dropout: {low: 0.0, high: 0.5}`."""

    settings: Mapping[str, Range] = field(default_factory=dict)

    def suggest(self, trial: Trial) -> tuple[str, ...]:
        """The overrides of a trial."""
        return tuple(override(key, values.suggest(trial, key)) for key, values in self.settings.items())

    def first(self) -> tuple[str, ...]:
        """Overrides that lie in the space, to try whether a configuration takes them."""
        return tuple(override(key, values.first()) for key, values in self.settings.items())


def load_space(path: str | Path) -> Space:
    """Reads the `settings` of a search from YAML.

    Raises:
      GiJaxError: no such file, invalid YAML, an unknown key, or values that make no range.
    """
    space, unused = build_from_yaml(Space, read_text(path), (), str(path))
    if unused or not space.settings:
        found = f"has the key {unused[0]}" if unused else "names no settings"
        raise GiJaxError(
            f"{path}: {found}; expected settings: with entries such as model.dropout: {{low: 0.0, high: 0.5}}"
        )
    return space
