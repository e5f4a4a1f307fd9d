"""The commands `train` and `evaluate` as functions, for programs and notebooks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from gi_jax.config import RunConfig, load_config, to_yaml
from gi_jax.config.load import parse_config
from gi_jax.config.paths import check_files, with_absolute_paths
from gi_jax.config.reading import reading
from gi_jax.config.yaml_text import override
from gi_jax.evaluation.evaluation import Evaluation
from gi_jax.files import user_path
from gi_jax.runs import evaluate as evaluate_run
from gi_jax.runs import run as train_run
from gi_jax.runs.compilation_cache import use_compilation_cache
from gi_jax.terminal import logging_console

LOGGER = logging.getLogger("gi_jax")


def train(
    config: str | Path | RunConfig,
    folder: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    *,
    resume: bool = False,
    console: Console | None = None,
) -> train_run.RunResult:
    """Trains a model into a new run folder, then evaluates its best weights beside the baselines.

    Example:
      >>> result = gi_jax.train("quickstart", "runs/demo", {"trainer.max_epochs": 3, "model.dropout": 0.1})
      >>> result.evaluation.metrics["model"].pearson

    In the main thread SIGTERM and Ctrl-C save the state and end the training, as on the command line;
    `result.stopped_by` says so, and `resume=True` continues it bit-equal.

    Args:
      config: path of a YAML file, the name of a configuration that comes with the package (`"quickstart"`),
        or a configuration. A file in the current folder goes before a name.
      folder: of the run; made.
      overrides: of the configuration, as `["model.num_layers=2"]` or `{"model.num_layers": 2}`.
      resume: continue the run of the folder where its last checkpoint stands.
      console: where the reports go; to the logger `gi_jax`, level INFO, if None.

    Returns:
      How the training ended, and the evaluation unless a signal ended it.

    Raises:
      GiJaxError: anything that is wrong with configuration, data or folder.
    """
    console = logging_console(LOGGER) if console is None else console
    loaded, source = _configuration(config, overrides)
    if resume:
        check_files(with_absolute_paths(loaded), source)
    _keep_compiled_programs(loaded)
    return train_run.train(loaded, user_path(folder), resume=resume, console=console)


def evaluate(
    folder: str | Path, genotypes: str | Path | None = None, *, console: Console | None = None
) -> Evaluation:
    """Compares a trained model and the baselines with measurements.

    Example:
      >>> evaluation = gi_jax.evaluate("runs/demo", "mine.tsv")
      >>> {name: metrics.pearson for name, metrics in evaluation.metrics.items()}

    Args:
      folder: of a run.
      genotypes: a table of measured genotypes (columns `genes`, `score`). If None, the run's own test
        split: then the files of the run's report are written anew.
      console: where the reports go; to the logger `gi_jax`, level INFO, if None.

    Returns:
      The predictions `[M]` of the model and of the baselines in the units of the scores, and their metrics.

    Raises:
      GiJaxError: the folder holds no run, its data changed, or the table has a mistake.
    """
    console = logging_console(LOGGER) if console is None else console
    genotypes = None if genotypes is None else user_path(genotypes)
    return evaluate_run.evaluate(
        user_path(folder), genotypes, console=console, prepare=_keep_compiled_programs
    )


def _configuration(
    config: str | Path | RunConfig, overrides: Sequence[str] | Mapping[str, Any]
) -> tuple[RunConfig, Path]:
    """The configuration with overrides, and what to call its file in messages."""
    if isinstance(overrides, Mapping):
        overrides = [override(key, value) for key, value in overrides.items()]
    if isinstance(config, RunConfig):
        source = Path("configuration")
        return parse_config(to_yaml(config), overrides, str(source)).config, source
    loaded = load_config(config, overrides)
    if understood := reading(config, overrides):
        for line in understood.lines():
            LOGGER.info("%s: %s", config, line)
    elif loaded.unused:
        LOGGER.info("%s: without meaning here and not used: %s", config, ", ".join(loaded.unused))
    return loaded.config, Path(config)


def _keep_compiled_programs(config: RunConfig) -> None:
    """Turns the cache of compiled programs on, unless the program that calls this has one of its own."""
    # JAX makes the names of its settings as it is imported.
    folder = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if folder is None:
        use_compilation_cache(config)
