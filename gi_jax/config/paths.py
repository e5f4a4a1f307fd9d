"""Files that a configuration names, independent of the folder it was read in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gi_jax.config.run import RunConfig


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """The configuration with the user's files by their full paths; bundled names stay as they are."""

    def absolute(path: str) -> str:
        return str(Path(path).absolute()) if Path(path).exists() else path

    data, start = config.data, config.model.checkpoint_path
    networks = {name: replace(source, path=absolute(source.path)) for name, source in data.networks.items()}
    genes = None if data.genes is None else absolute(data.genes)
    genotypes = tuple(absolute(source) for source in data.genotypes)
    return replace(
        config,
        data=replace(data, genes=genes, networks=networks, genotypes=genotypes),
        model=replace(config.model, checkpoint_path=None if start is None else absolute(start)),
    )
