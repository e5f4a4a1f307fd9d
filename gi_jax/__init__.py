"""Genetic-interaction prediction in yeast, in pure JAX.

The names below are the public interface; every other name may change without notice. They are loaded
when they are first used, so `import gi_jax` alone takes no time.

* `load_model(folder)`, `Predictor`, `Screen`: predict with a trained model.
* `train(config, folder)`, `evaluate(folder)`: what `gi-jax train` and `gi-jax evaluate` do.
* `load_config(path)`, `RunConfig`: configurations.
* `load_dataset(genotypes, networks)`, `NetworkSource`, `GenotypeFilter`: data by themselves.
* `GiJaxError`: bad input, said in one sentence.

Example:
  >>> import gi_jax
  >>> result = gi_jax.train("quickstart", "runs/demo", ["trainer.max_epochs=3"])
  >>> model = gi_jax.load_model("runs/demo")
  >>> scores = model.predict(["YAL002W,YAL040C"])  # [1], on the scale of the training scores

Messages go to the logger `gi_jax`: `logging.basicConfig(level="INFO")` shows them.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gi_jax.errors import GiJaxError

if TYPE_CHECKING:
    from gi_jax.api import evaluate, train
    from gi_jax.config import RunConfig, load_config
    from gi_jax.data import GenotypeFilter, NetworkSource, load_dataset
    from gi_jax.predict import Predictor, Screen, load_model

__version__ = "0.1.0"

__all__ = [
    "GenotypeFilter",
    "GiJaxError",
    "NetworkSource",
    "Predictor",
    "RunConfig",
    "Screen",
    "__version__",
    "evaluate",
    "load_config",
    "load_dataset",
    "load_model",
    "train",
]

_HOMES = {
    "GenotypeFilter": "gi_jax.data",
    "NetworkSource": "gi_jax.data",
    "Predictor": "gi_jax.predict",
    "RunConfig": "gi_jax.config",
    "Screen": "gi_jax.predict",
    "load_config": "gi_jax.config",
    "load_dataset": "gi_jax.data",
    "load_model": "gi_jax.predict",
}
_CALLED = ("evaluate", "train")  # folders of this package that are also functions of `gi_jax.api`


def __getattr__(name: str) -> Any:
    if name in _CALLED:
        return importlib.import_module(f"gi_jax.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'gi_jax' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _CalledFolder(ModuleType):
    """The module of a folder that may be called, as the function of the same name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.__wrapped__(*arguments, **options)

    @property
    def __wrapped__(self) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module("gi_jax.api"), name)


class _Package(ModuleType):
    """The package itself, where Python binds a folder, when first imported, to the name of the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLED and type(value) is ModuleType:
            value.__class__ = _CalledFolder
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
