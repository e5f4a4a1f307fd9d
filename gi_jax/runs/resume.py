"""What must still be as it was for a run to be continued."""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gi_jax.config import RunConfig, load_config
from gi_jax.config.schema import plain
from gi_jax.data.bundled import bundled_studies
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import CONFIG, GENES
from gi_jax.experiment.experiment import genotypes_sha256
from gi_jax.models.weights import read_best_record
from gi_jax.training.checkpoint import Restored

# Keys that only say how long, how talkatively and on how much a run goes on; a resumed run may change them.
CHANGEABLE = (
    "max_epochs",
    "max_seconds",
    "devices",
    "aggregation_backend",
    "checkpoint_every_n_steps",
    "log_every_n_steps",
    "compilation_cache",
)
# Keys that only say where something lies: what it holds is compared by its fingerprint, or, for the
# weights to start from, needed no more.
_PATHS = re.compile(
    r"data\.genes|data\.(networks|features)\..*\.path|model\.checkpoint_path|"
    r"data\.(genotypes|additional_training)"
)
_DATA = {
    "networks_sha256": "networks",
    "features_sha256": "gene features",
    "genotypes_sha256": "measured genotypes",
    "split_sha256": "split",
}


def check_same_config(folder: Path, config: RunConfig) -> None:
    """Raises a `GiJaxError` naming the first key that the run was started with otherwise."""
    before, now = flat(plain(load_config(folder / CONFIG).config)), flat(plain(config))
    free = {f"trainer.{name}" for name in CHANGEABLE}
    for key in before | now:
        was, found = before.get(key), now.get(key)
        moved = _PATHS.fullmatch(key) and _without_paths(was) == _without_paths(found)
        if was != found and not moved and key not in free:
            raise GiJaxError(
                f"{folder}: was started with {key}: {before.get(key)}, now it is {now.get(key)}; resume with "
                f"--config {folder / CONFIG}, or start a new run in another folder"
            )


def _without_paths(value: Any) -> Any:
    """What is left of a path, or of a list of files and bundled studies, when files may lie elsewhere."""
    if isinstance(value, str):
        return value if value in bundled_studies() else "a file"
    return [_without_paths(entry) for entry in value] if isinstance(value, list | tuple) else value


def check_same_genes(folder: Path, genes: GeneList) -> None:
    """Raises a `GiJaxError` naming the first gene at which the run's gene list differs."""
    before = load_gene_list(folder / GENES)
    for number, (was, found) in enumerate(zip_longest(before.ids, genes.ids), 1):
        if was != found:
            raise GiJaxError(
                f"{folder}: the gene list changed since the run began: gene {number} was {was}, now it is "
                f"{found}; restore the list, a copy is {folder / GENES}"
            )


def check_same_data(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises a `GiJaxError` naming what differs between the identity in a checkpoint and the loaded data."""
    for key, what in _DATA.items():
        if key in before and key in now and before[key] != now[key]:
            raise GiJaxError(
                f"{folder}: the {what} changed since the run began; restore the data, or start a new run in "
                "another folder"
            )


def check_same_scores(folder: Path, table: GenotypeTable) -> None:
    """Raises a `GiJaxError` unless measured genotypes are those of a run; a model folder remembers none."""
    if (folder / "checkpoints").is_dir():
        check_same_data(folder, read_best_record(folder), {"genotypes_sha256": genotypes_sha256(table)})


def describe_resumption(restored: Restored) -> str:
    """Where the run goes on, and which checkpoints had to be passed over."""
    damaged = [
        f"the checkpoint of step {step:,} is damaged ({why}); going back to the one before it"
        for step, why in restored.damaged.items()
    ]
    p = restored.progress
    return "\n".join(
        [*damaged, f"continuing from step {p.step:,}: epoch {p.epoch + 1}, batch {p.position + 1}"]
    )


def flat(values: Any, path: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dotted keys."""
    if not isinstance(values, dict) or not values:
        return {path: values}
    return {
        dotted: leaf
        for key, value in values.items()
        for dotted, leaf in flat(value, f"{path}.{key}" if path else str(key)).items()
    }
