"""Genetic-interaction prediction in yeast, in pure JAX.

The names below are the public interface; every other name may change without notice. They are loaded
when they are first used, so `import gi_jax` alone takes no time.

* `load_model(folder)`, `Predictor`, `Screen`: predict with a trained model.
* `explain_genotype(model, genotype)`: what carries a prediction, what `gi-jax explain` does.
* `train(config, folder)`, `evaluate(folder)`: what `gi-jax train` and `gi-jax evaluate` do.
* `load_config(path)`, `RunConfig`: configurations.
* `load_dataset(genotypes, networks)`, `NetworkSource`, `GenotypeFilter`: data by themselves.
* `import_files(kind, files, out)`: the field's own files as tables, what `gi-jax import` does.
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
from typing import TYPE_CHECKING, Any

from gi_jax.errors import GiJaxError

if TYPE_CHECKING:
    from gi_jax.api import evaluate, train
    from gi_jax.config import RunConfig, load_config
    from gi_jax.data import GenotypeFilter, NetworkSource, load_dataset
    from gi_jax.data.importers.importing import import_files
    from gi_jax.explain.genotype import explain_genotype
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
    "explain_genotype",
    "import_files",
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
    "explain_genotype": "gi_jax.explain.genotype",
    "import_files": "gi_jax.data.importers.importing",
    "load_config": "gi_jax.config",
    "load_dataset": "gi_jax.data",
    "load_model": "gi_jax.predict",
    "evaluate": "gi_jax.api",
    "train": "gi_jax.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gi_jax' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
