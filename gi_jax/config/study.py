"""The configuration of an accuracy study: which models meet on which data, splits and seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gi_jax.checks import one_of
from gi_jax.config.load import build_from_yaml, read_text
from gi_jax.config.named import config_file
from gi_jax.data.splits import KINDS as SPLIT_KINDS
from gi_jax.errors import GiJaxError
from gi_jax.files import user_path
from gi_jax.models.closed_form.options import QUICK

BASELINES = "baselines"  # what the folder of a split's baselines is called, so no row may be


@dataclass(frozen=True)
class StudyDatasetConfig:
    """Measured genotypes, the ways to split them, and what holds for every row trained on them."""

    name: str = ""
    genotypes: tuple[str, ...] = ()  # bundled studies and genotype files; the one called `name` if empty
    splits: tuple[str, ...] = ("random",)
    baselines: tuple[str, ...] = (*QUICK, "gradient_boosting")
    overrides: tuple[str, ...] = ()  # section.key=value, as on the command line

    def __post_init__(self) -> None:
        for split in self.splits:
            one_of(f"a split of dataset '{self.name}'", split, SPLIT_KINDS)
        if not self.genotypes:
            object.__setattr__(self, "genotypes", (self.name,))


@dataclass(frozen=True)
class StudyRowConfig:
    """A model of the study: overrides of a configuration, some of them for one dataset only."""

    name: str = ""
    config: str = ""  # configuration file, relative to the study's; the study's own if empty
    overrides: tuple[str, ...] = ()  # after those of the dataset
    datasets: tuple[str, ...] = ()  # where the row takes part; everywhere if empty
    splits: tuple[str, ...] = ()  # likewise
    dataset_overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by dataset, last


@dataclass(frozen=True)
class StudyConfig:
    """Every row is trained on every dataset, split and seed; the seed is that of model and split."""

    config: str = ""  # configuration file, relative to the study's; the baselines' networks are its
    out: str = "runs/study"  # folder of the runs
    document: str = "docs/accuracy.md"  # the tables go between its markers
    picture: str = "docs/accuracy.png"
    results: str = (
        ""  # JSON file that keeps the numbers of finished cells, beside the document say; none if empty
    )
    seeds: tuple[int, ...] = (0,)
    seeds_of_splits: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # for some splits, others
    datasets: tuple[StudyDatasetConfig, ...] = ()
    rows: tuple[StudyRowConfig, ...] = ()

    def __post_init__(self) -> None:
        datasets = [dataset.name for dataset in self.datasets]
        _check_names("datasets", datasets)
        _check_names("rows", [row.name for row in self.rows])
        for split in self.seeds_of_splits:
            one_of("a split of seeds_of_splits", split, SPLIT_KINDS)
        for key, seeds in {"seeds": self.seeds, **self.seeds_of_splits}.items():
            if len(set(seeds)) < len(seeds) or not seeds:
                where = key if key == "seeds" else f"seeds_of_splits.{key}"
                raise GiJaxError(f"{where} is {list(seeds)}, expected at least one number, each once")
        for row in self.rows:
            for name in (*row.datasets, *row.dataset_overrides):
                one_of(f"a dataset of row '{row.name}'", name, datasets)
            for name in row.splits:
                one_of(f"a split of row '{row.name}'", name, SPLIT_KINDS)

    def seeds_for(self, split: str) -> tuple[int, ...]:
        """The seeds that a split is drawn with."""
        return tuple(self.seeds_of_splits.get(split, self.seeds))


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> StudyConfig:
    """Reads a study from YAML and applies `key=value` overrides; files it names are found from its folder.

    Raises:
      GiJaxError: no such file, invalid YAML, an unknown key, a wrong value.
    """
    study, unused = build_from_yaml(StudyConfig, read_text(path), overrides, str(path))
    if unused:
        raise GiJaxError(f"{path}: {unused[0]} has no meaning in a study; leave it out")
    folder = config_file(path).parent
    own = study.config and str(folder / user_path(study.config))
    rows = tuple(
        replace(row, config=str(folder / user_path(row.config)) if row.config else own) for row in study.rows
    )
    for key, file in {"config": own, **{f"config of row '{row.name}'": row.config for row in rows}}.items():
        if not file:
            raise GiJaxError(f"{path}: {key} is not given; name the configuration file to start from")
    outputs = {
        key: str(user_path(path))
        for key in ("out", "document", "picture", "results")
        if (path := getattr(study, key))
    }
    return replace(study, config=own, rows=rows, **outputs)


def _check_names(key: str, names: list[str]) -> None:
    """Names become folders: each once, none empty, nothing that a path would mean something by."""
    for name in names:
        if names.count(name) > 1:
            raise GiJaxError(f"{key}: '{name}' is there twice; names are told apart by nothing else")
        if not re.fullmatch(r"\w[\w.]*", name) or name == BASELINES:
            raise GiJaxError(
                f"{key}: '{name}' cannot be a name; take letters, digits, _ and . (and not '{BASELINES}')"
            )
    if not names:
        raise GiJaxError(f"{key} is empty; a study needs at least one")
