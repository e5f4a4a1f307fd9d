"""The cells of a study: one run each, with its configuration, its folder, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any

from gi_jax.arguments import as_sequence
from gi_jax.config import DataConfig, ModelConfig, RunConfig, load_config
from gi_jax.config.paths import with_absolute_paths
from gi_jax.config.schema import plain
from gi_jax.config.study import BASELINES, StudyConfig, StudyDatasetConfig, StudyRowConfig
from gi_jax.config.yaml_text import override
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import CONFIG
from gi_jax.models.registry import COMPETITORS
from gi_jax.runs.resume import flat
from gi_jax.study.kept import read_kept
from gi_jax.study.results import RESULTS, Result, read_results

# Keys that change neither weights nor numbers.
_IRRELEVANT = ("checkpoint_every_n_steps", "log_every_n_steps", "loggers", "compilation_cache")


class State(StrEnum):
    """How far a cell is."""

    PLANNED = "planned"
    STARTED = "started"
    DONE = "done"
    CHANGED = "changed"  # done, but with another configuration than the study has now


@dataclass(frozen=True)
class Cell:
    """A row on one dataset, split and seed; or all baselines there, which are fitted together.

    `config` is the whole configuration of a training. Of the baselines' cell, it is what they depend
    on: data, networks, label transform.
    """

    dataset: str
    split: str
    seed: int
    row: str
    config: RunConfig
    folder: Path
    baselines: tuple[str, ...] = ()  # names, in the baselines' cell only
    kept: Mapping[str, Result] | None = None  # of an earlier run whose folder may be gone

    @property
    def name(self) -> str:
        """What patterns are matched with: `dataset-split-seed/row`."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of the study's tables that the cell has results for."""
        return self.baselines or (self.row,)

    def results(self) -> Mapping[str, Result]:
        """The results of a cell that is done, by row."""
        if (self.folder / RESULTS).exists():
            return read_results(self.folder)
        assert self.kept is not None, "asked of cells that are done only"
        return self.kept

    def changed_key(self) -> str | None:
        """The first key in which the run on disk was configured otherwise; None if there is none."""
        before, now = self.relevant(load_config(self.folder / CONFIG).config), self.relevant(self.config)
        return next((key for key in now | before if before.get(key) != now.get(key)), None)

    @staticmethod
    def relevant(config: RunConfig) -> dict[str, Any]:
        """The settings that weights and numbers depend on, by dotted key."""
        skipped = {f"trainer.{name}" for name in _IRRELEVANT}
        settings = flat(plain(with_absolute_paths(config)))
        return {key: value for key, value in settings.items() if key not in skipped}

    def state(self) -> State:
        """How far the cell is, from what lies in its folder."""
        if not (self.folder / RESULTS).exists():
            if self.kept is not None:
                return State.DONE
            return State.STARTED if (self.folder / CONFIG).exists() else State.PLANNED
        changed = self.changed_key() is not None or not set(self.rows) <= set(read_results(self.folder))
        if changed and self.baselines:
            return State.PLANNED  # fitted anew in less time than a person takes to decide
        return State.CHANGED if changed else State.DONE


def plan_cells(study: StudyConfig) -> tuple[Cell, ...]:
    """All cells: every dataset and split with the first seed, then with the next.

    So a study that is cut short has every comparison once, rather than some of them often.

    Raises:
      GiJaxError: a row's configuration is wrong, or a row would learn from other genotypes than its
        neighbours.
    """
    kept = read_kept(study.results)
    return tuple(
        replace(cell, kept=kept.of(cell.name, cell.relevant(cell.config), cell.rows))
        for seed in dict.fromkeys((*study.seeds, *chain(*study.seeds_of_splits.values())))
        for dataset in study.datasets
        for split in dataset.splits
        if seed in study.seeds_for(split)
        for cell in _cells_of_one_split(study, dataset, split, seed)
    )


def select_cells(cells: Sequence[Cell], patterns: Sequence[str]) -> tuple[Cell, ...]:
    """The cells whose name matches one of the patterns (`*`, `?`, `[...]`); all if there are none.

    Raises:
      GiJaxError: a pattern that matches no cell.
    """
    patterns = as_sequence(patterns)
    for pattern in patterns:
        if not any(fnmatchcase(cell.name, pattern) for cell in cells):
            raise GiJaxError(
                f"--only {pattern} matches no cell; cells are called like {cells[0].name} or "
                f"{cells[-1].name}, --list shows them all"
            )
    return tuple(cell for cell in cells if not patterns or any(fnmatchcase(cell.name, p) for p in patterns))


def _cells_of_one_split(study: StudyConfig, dataset: StudyDatasetConfig, split: str, seed: int) -> list[Cell]:
    """The baselines' cell, then one for each row."""
    if unknown := [name for name in dataset.baselines if name not in COMPETITORS]:
        raise GiJaxError(
            f"dataset '{dataset.name}' names the baseline '{unknown[0]}'; "
            f"expected some of {', '.join(COMPETITORS)}"
        )
    group = Path(study.out) / f"{dataset.name}-{split}-{seed}"
    common = _configure(study.config, (), dataset, split, seed)
    # No baseline looks at the model's settings; one that uses features has to be named where there are some.
    basis = RunConfig(
        seed=seed,
        cell_dataset=common.cell_dataset,
        data=common.data,
        transforms=common.transforms,
        model=common.model if common.cell_dataset.features else ModelConfig(),
    )
    cells = []
    if dataset.baselines:
        folder = group / BASELINES
        cells.append(Cell(dataset.name, split, seed, BASELINES, basis, folder, dataset.baselines))
    for row in study.rows:
        if dataset.name not in (row.datasets or [dataset.name]) or split not in (row.splits or [split]):
            continue
        config = _configure(row.config, _overrides(row, dataset.name), dataset, split, seed)
        if _to_split(config.data) != _to_split(common.data):
            raise GiJaxError(
                f"row '{row.name}' has another data section on dataset '{dataset.name}' than the study's "
                f"own configuration {study.config}; rows are compared on the same genotypes, so put "
                "overrides of data into the dataset"
            )
        cells.append(Cell(dataset.name, split, seed, row.name, config, group / row.name))
    return cells


def _to_split(data: DataConfig) -> DataConfig:
    """The data section without what is added to the training: rows may differ in that."""
    return replace(data, additional_training=(), additional_genes=DataConfig.additional_genes)


def _overrides(row: StudyRowConfig, dataset: str) -> tuple[str, ...]:
    return row.overrides + row.dataset_overrides.get(dataset, ())


def _configure(
    file: str, overrides: Sequence[str], dataset: StudyDatasetConfig, split: str, seed: int
) -> RunConfig:
    fixed = (
        override("data.genotypes", dataset.genotypes),
        f"data.split.kind={split}",
        f"data.split.seed={seed}",
        f"seed={seed}",
    )
    return load_config(file, (*dataset.overrides, *overrides, *fixed)).config
