"""What the models that are solved for have in common as fitted models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from jax import Array

from gi_jax.checks import one_of
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.models.model import Abilities, Device, Planned, Prediction, PredictionSettings, StartedTile
from gi_jax.models.tiles import Listed, Tile
from gi_jax.models.wanted import Wanted

SIDE = 256  # of a tile of a screen


class Solved:
    """A fitted model with one member, whose predictions are the same in every batch.

    Subclasses are dataclasses of arrays and numbers, and say what they predict in `labels`.
    """

    kind: str
    abilities: Abilities = Abilities(uses_networks=False, tells_unseen_genes_apart=False, has_paths=False)
    num_members = 1
    notes: tuple[str, ...] = ()
    num_genes: int  # N
    chosen: str  # what the validation genotypes decided

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` of genotypes `[M, S]` of gene ids filled with N."""
        raise NotImplementedError

    def std(self, genes: np.ndarray) -> np.ndarray | None:
        """Standard deviations `[M]` of these labels; None for a model that has none."""
        return None

    def arrays(self) -> Mapping[str, Any]:
        """The fitted arrays by name."""
        raise NotImplementedError

    def predict(self, table: GenotypeTable) -> Prediction:
        """Labels of M genotypes."""
        return self._prediction(table.genes)

    def _prediction(self, genes: np.ndarray) -> Prediction:
        return Prediction(np.asarray(self.labels(genes), np.float64)[None], self.std(genes))

    def of_study(self, code: int) -> Solved:
        """The model itself: a label means the same in every study."""
        return self

    def program(self, genes: Array) -> Array:
        """Refused, unless a subclass has one."""
        raise GiJaxError(
            f"a model of kind {self.kind} is a table of its data, which makes no program to export"
        )

    def member(self, index: int) -> Solved:
        """The model itself."""
        return self

    def num_parameters(self) -> dict[str, int]:
        """The sizes of the fitted arrays, and their sum."""
        counts = {name: int(np.size(array)) for name, array in self.arrays().items()}
        return counts | {"total": sum(counts.values())}

    def screen(self, wanted: Wanted) -> Iterable[Planned]:
        """Every genotype of a screen, tile by tile."""
        return SolvedScreen(self._prediction, wanted, self.num_genes)


class SolvedScreen:
    """The tiles of a screen, made one by one as they are gone through.

    Args:
      predict: labels of genotypes `[M, S]`.
      wanted: the genotypes.
      num_genes: N.
    """

    def __init__(self, predict: Callable[[np.ndarray], Prediction], wanted: Wanted, num_genes: int) -> None:
        self.predict, self.wanted, self.num_genes = predict, wanted, num_genes

    def __iter__(self) -> Iterator[Planned]:
        for tile in self.wanted.tiles(SIDE, self.num_genes):
            yield Planned(tile.size, partial(self._start, tile))

    def _start(self, tile: Tile | Listed, device: Device | None) -> StartedTile:
        genes = tile.genotypes()
        return StartedTile(genes, lambda: self.predict(genes))


def check_settings(kind: str, settings: PredictionSettings) -> None:
    """Raises a `GiJaxError` if a choice was made that these models do not have."""
    if settings.norm_statistics is not None:
        raise GiJaxError(
            f"norm statistics are '{settings.norm_statistics}', but a model of kind {kind} has none; leave "
            "them out"
        )
    one_of(f"the precision of predictions of a model of kind {kind}", settings.precision, ("32",))


def check_gene_numbers(kind: str, genes: np.ndarray, num_genes: int) -> np.ndarray:
    """Gene numbers `[n]` of a fitted model, as int64.

    Raises:
      GiJaxError: they do not increase, or are none of N genes.
    """
    genes = genes.astype(np.int64)
    if genes.size and not (genes[0] >= 0 and genes[-1] < num_genes and (np.diff(genes) > 0).all()):
        raise GiJaxError(
            f"the array genes of the {kind} model holds no increasing gene numbers below {num_genes:,}; "
            "restore the weights from a copy or train again"
        )
    return genes


def check_arrays(
    kind: str, arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int | None, ...]]
) -> dict[str, np.ndarray]:
    """The arrays as NumPy ones, if all are there with the shapes expected, None standing for any size.

    Raises:
      GiJaxError: one is missing, of another shape, or of no such model.
    """
    found = {name: np.asarray(array) for name, array in arrays.items()}
    for name in {**shapes, **found}:
        if name not in found or name not in shapes:
            what = "is missing" if name not in found else "belongs to no such model"
            raise GiJaxError(
                f"the weights are of another model than {kind}: {name} {what}; restore the config.yaml that "
                "came with them"
            )
        shape, wanted = found[name].shape, shapes[name]
        same = len(shape) == len(wanted) and all(w in (s, None) for s, w in zip(shape, wanted, strict=True))
        if not same:
            expected = ", ".join("any" if size is None else str(size) for size in wanted)
            raise GiJaxError(
                f"the weights are of another model than the configuration: {name} has the shape {shape}, "
                f"expected ({expected}); restore the config.yaml that came with them"
            )
    return found
