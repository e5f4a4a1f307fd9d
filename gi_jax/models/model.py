"""The contract of every model, however it is fitted: what training, prediction and screens know of it.

A kind of model has settings (its options), is fitted to labelled genotypes and gives a `FittedModel`.
Nothing outside `gi_jax.models` and `gi_jax.training` asks which kind a model is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from jax import Array

from gi_jax.data.formats.feature_files import GeneFeatures
from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import CellGraph
from gi_jax.models.wanted import Wanted

Device = Any  # jax.Device, which type checkers do not take for a type


class Cell(NamedTuple):
    """What a model is told of the organism."""

    genes: GeneList  # N
    graph: CellGraph  # the networks over these genes
    features: tuple[GeneFeatures, ...] = ()  # tables of features of these genes


class Labelled(NamedTuple):
    """Measured genotypes, and what a model is to predict for them."""

    table: GenotypeTable  # M genotypes, their scores in the units of their study
    labels: np.ndarray  # [M], transformed scores

    def with_labels_as_scores(self) -> GenotypeTable:
        """The table with labels in place of the scores."""
        return replace(self.table, score=self.labels)


class Prediction(NamedTuple):
    """Predicted labels of M genotypes."""

    members: np.ndarray  # [K, M], of every member of an ensemble; K = 1 for a single model
    std: np.ndarray | None = None  # [M], the model's own standard deviation, where it has one


class PredictionSettings(NamedTuple):
    """How a model is to predict; a kind that has no such choice refuses anything but the defaults."""

    batch_size: int = 512  # genotypes at a time
    num_members: int = 1
    norm_statistics: str | None = None  # batch | genotype | node; the model's own rule if None
    precision: str = "32"  # 32 | bf16


class Abilities(NamedTuple):
    """What a fitted model can do."""

    uses_networks: bool  # it must be given the networks it was fitted with
    tells_unseen_genes_apart: bool  # those that no training genotype deletes
    has_paths: bool  # a global and a local path, which can be looked into
    has_deviations: bool = False  # standard deviations of its own, beside those over members


class StartedTile(NamedTuple):
    """Genotypes of a screen whose prediction has begun."""

    genes: np.ndarray  # [M, S] int32, gene ids, then N
    result: Callable[[], Prediction]  # waits for it


class Planned(NamedTuple):
    """A tile of a screen that may be started, on a device or on the one that JAX takes by itself."""

    size: int  # genotypes
    start: Callable[[Device | None], StartedTile]


class FittedModel(Protocol):
    """A model that predicts labels of genotypes."""

    @property
    def kind(self) -> str:
        """The name in the registry."""
        ...

    @property
    def abilities(self) -> Abilities:
        """What it can do."""
        ...

    @property
    def num_members(self) -> int:
        """K, more than one for an ensemble."""
        ...

    @property
    def chosen(self) -> str:
        """What the validation genotypes decided."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the predictions should know."""
        ...

    def predict(self, table: GenotypeTable) -> Prediction:
        """Labels of M genotypes; their scores are not looked at."""
        ...

    def of_study(self, code: int) -> FittedModel:
        """The model as it predicts one study; itself where a label means the same in every study.

        Args:
          code: position among the studies of the training genotypes.
        """
        ...

    def program(self, genes: Array) -> Array:
        """Labels `[B]` of genotypes `[B, S]`, to be traced by JAX; the mean over members.

        Args:
          genes: int32, increasing gene ids in every row, then N; B may be a dimension of unknown size.

        Raises:
          GiJaxError: the model cannot be written as a program of arrays.
        """
        ...

    def member(self, index: int) -> FittedModel:
        """One member of an ensemble; the model itself if it is none."""
        ...

    def arrays(self) -> Mapping[str, Any]:
        """All that was fitted: nested dictionaries of arrays, which `ModelKind.restore` takes."""
        ...

    def num_parameters(self) -> dict[str, int]:
        """How many numbers were fitted, by component, of one member; `total` last."""
        ...

    def screen(self, wanted: Wanted) -> Iterable[Planned]:
        """Every genotype of a screen, once, in tiles.

        They are planned at once and each is started by itself, in any order, with the same result to the
        bit; going through them again gives the same ones.
        """
        ...


class Fit(Protocol):
    """Solves for a model: called with its options, genotypes to fit and to choose by, and the cell."""

    def __call__(self, options: Any, training: Labelled, validation: Labelled, cell: Cell) -> FittedModel: ...


class ModelKind(NamedTuple):
    """A kind of model, as the registry lists it."""

    options: type  # dataclass of its settings in the `model:` section
    restore: Callable[[Mapping[str, Any], Any, Cell, PredictionSettings], FittedModel]  # from `arrays`
    check: Callable[[Mapping[str, Any], str], None]  # of arrays just read from the file named
    fit: Fit | None  # None: the weights are found by gradient, see `gi_jax.training`
    not_saved: str = ""  # why its arrays cannot be kept in a file, if they cannot
