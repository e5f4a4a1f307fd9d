"""Files that a configuration names, independent of the folder it was read in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from platformdirs import user_cache_path

from gi_jax.config.run import RunConfig, TrainerConfig
from gi_jax.data.bundled import bundled_studies
from gi_jax.errors import GiJaxError
from gi_jax.files import user_path

CACHE_VARIABLE = "GI_JAX_CACHE_DIR"


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """The configuration with the user's files by their full paths, whether they are there yet or not.

    Bundled names stay as they are. So does `~` in the folder of compiled programs, which is everyone's
    own; anywhere else it becomes the home folder.

    Raises:
      GiJaxError: a path starts with `~` and there is no home folder.
    """
    data, start = config.data, config.model.checkpoint_path
    networks, features = (
        {name: replace(source, path=_absolute(source.path)) for name, source in own.items()}
        for own in (data.networks, data.features)
    )
    genes = None if data.genes is None else _absolute(data.genes)
    genotypes, additional = (
        tuple(source if _is_name(source) else _absolute(source) for source in sources)
        for sources in (data.genotypes, data.additional_training)
    )
    folder = None if data.model_folder is None else _absolute(data.model_folder)
    split = replace(data.split, files={part: _absolute(file) for part, file in data.split.files.items()})
    cache = config.trainer.compilation_cache
    if cache is not None and not (cache.startswith("~") or is_address(cache)):
        cache = _absolute(cache)
    return replace(
        config,
        data=replace(
            data,
            genes=genes,
            networks=networks,
            features=features,
            genotypes=genotypes,
            additional_training=additional,
            model_folder=folder,
            split=split,
        ),
        model=config.model if start is None else replace(config.model, checkpoint_path=_absolute(start)),
        trainer=replace(config.trainer, compilation_cache=cache),
    )


def check_files(config: RunConfig, source: Path, *, measured: bool = True) -> None:
    """Tells where to write it down if a file that a configuration names has moved.

    Args:
      config: with absolute paths.
      source: the file it was read from.
      measured: look also for what only a look at measured genotypes needs, gene list, features and genotypes.

    Raises:
      GiJaxError: a file is not where the configuration says.
    """
    for key, path in _files(config, measured):
        if not os.path.lexists(path):
            raise GiJaxError(
                f"{source}: {key} is {path}, which is not there; if the file moved, write its new path there"
            )


def cache_folder(config: RunConfig) -> Path | None:
    """The folder of compiled programs and measurements; None for none here, also where there is no home."""
    try:
        folder = compiled_folder(config)
        return None if folder is None or is_address(folder) else user_path(folder)
    except GiJaxError:
        return None


def compiled_folder(config: RunConfig) -> str | None:
    """Where compiled programs are to be kept: a folder here or an address; None for nowhere.

    A configuration that does not say otherwise means `compiled` in the folder that the environment
    variable GI_JAX_CACHE_DIR names, or else in the system's folder for caches (`~/.cache/gi_jax` on
    Linux, or under XDG_CACHE_HOME).

    Raises:
      GiJaxError: there is no home folder.
    """
    folder = config.trainer.compilation_cache
    if folder is None or folder != TrainerConfig.compilation_cache:
        return folder
    return str(folder_between_runs() / "compiled")


def folder_between_runs() -> Path:
    """What is kept between runs: the folder of GI_JAX_CACHE_DIR, or the system's for caches.

    Raises:
      GiJaxError: there is no home folder.
    """
    if own := os.environ.get(CACHE_VARIABLE):
        return user_path(own)
    # platformdirs takes a home that is unknown for a folder of the name `~`.
    user_path(TrainerConfig.compilation_cache or "~")
    return user_cache_path("gi_jax", appauthor=False)


def is_address(folder: str) -> bool:
    """Whether a folder is in no file system here but of a kind that JAX reaches by itself, as `gs://...`."""
    return "://" in folder


def _files(config: RunConfig, measured: bool) -> Iterator[tuple[str, str]]:
    data = config.data
    if data.model_folder is not None:
        yield "data.model_folder", data.model_folder
    for name, source in data.networks.items():
        if name in config.cell_dataset.graphs:
            yield f"data.networks.{name}.path", source.path
    if measured:
        for name, source in data.features.items():
            if name in config.cell_dataset.features:
                yield f"data.features.{name}.path", source.path
        if data.genes is not None:
            yield "data.genes", data.genes
        for part, file in data.split.files.items():
            yield f"data.split.files.{part}", file
        for key in ("genotypes", "additional_training"):
            for number, source in enumerate(getattr(data, key)):
                if not _is_name(source):
                    yield f"data.{key}[{number}]", source


def _absolute(path: str) -> str:
    return str(user_path(path).absolute())


def _is_name(source: str) -> bool:
    """Whether measured genotypes go by a name rather than by a path: a bundled study, or one misspelled."""
    path = Path(source)
    looks_like_path = path.suffix or len(path.parts) > 1 or source.startswith("~")
    return source in bundled_studies() or not (looks_like_path or path.exists())
