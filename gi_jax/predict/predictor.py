"""Predicts gene interactions with a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from flax import linen as nn

from gi_jax.config import RunConfig
from gi_jax.data.genotype_files import genotypes_from_names
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.models import build_model
from gi_jax.predict.bundle import ModelBundle, load_bundle
from gi_jax.predict.cell import load_graph, network_fingerprints
from gi_jax.predict.forward import TableForward


def prediction_model(config: RunConfig, graph: CellGraph, norm_statistics: str | None = None) -> nn.Module:
    """The model of a run, to predict with.

    A model trained with norm statistics over the batch would let a prediction depend on its batch
    mates, so it predicts with those of each genotype by itself unless told otherwise.
    """
    trained = config.model.norm_statistics
    used = norm_statistics or ("genotype" if trained == "batch" else trained)
    model = replace(config.model, norm_statistics=used)
    return build_model(model, graph.num_genes, graph.names, precision=config.trainer.precision)


class MeanAndSpread(NamedTuple):
    """Predicted scores of M genotypes: mean and sample standard deviation (divisor K - 1) over members."""

    mean: np.ndarray  # [M]
    std: np.ndarray  # [M], in the units of the scores


def mean_and_spread(members: np.ndarray) -> MeanAndSpread:
    """Summarises the predictions `[K, M]` of K > 1 members."""
    return MeanAndSpread(members.mean(axis=0), members.std(axis=0, ddof=1))


class Predictor:
    """A trained model, or an ensemble, that turns genotypes into predicted interaction scores.

    Args:
      bundle: the model and its surroundings.
      graph: its networks; loaded as the bundle's configuration says if not given.
      norm_statistics: `batch`, `genotype` or `node`; see `prediction_model`.

    Raises:
      GiJaxError: a network is not the one that the model was trained with.
    """

    def __init__(
        self, bundle: ModelBundle, graph: CellGraph | None = None, norm_statistics: str | None = None
    ) -> None:
        self.bundle = bundle
        self.graph = load_graph(bundle.config, bundle.genes)[0] if graph is None else graph
        found = network_fingerprints(self.graph)
        changed = [name for name, sha in bundle.networks.items() if found.get(name) != sha]
        if changed:
            raise GiJaxError(
                f"the network '{changed[0]}' has other edges than the one this model was trained with; "
                "restore its file or train again"
            )
        self.model = prediction_model(bundle.config, self.graph, norm_statistics)

    @classmethod
    def load(cls, folder: str | Path, norm_statistics: str | None = None) -> Predictor:
        """Loads a run folder (its best weights) or a model folder."""
        return cls(load_bundle(folder), norm_statistics=norm_statistics)

    @property
    def num_members(self) -> int:
        """K, more than one for an ensemble."""
        return self.bundle.config.ensemble

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the predictions should know."""
        trained, used = self.bundle.config.model.norm_statistics, self.model.config.norm_statistics
        if trained == used:
            return ()
        return (f"trained with norm statistics over the {trained}; predictions use those of the {used}",)

    def predict(self, genotypes: Sequence[str | Sequence[str]], study: str | None = None) -> np.ndarray:
        """Predicted interaction scores `[M]`, in the units of the training scores; an ensemble's mean.

        Args:
          genotypes: each the deleted genes, as `"YAL001C,YBL002W"` or `["YAL001C", "YBL002W"]`;
            systematic or standard names, in any case.
          study: on whose scale to predict, for a model trained with one scale per study.

        Raises:
          GiJaxError: an unknown gene, a gene twice in a genotype, no or an unknown study where one is needed.
        """
        return self._members(genotypes, study).mean(axis=0)

    def predict_with_spread(
        self, genotypes: Sequence[str | Sequence[str]], study: str | None = None
    ) -> MeanAndSpread:
        """Like `predict`, with the standard deviation over the members of an ensemble.

        Raises:
          GiJaxError: as `predict`; or the model has one member only.
        """
        if self.num_members == 1:
            raise GiJaxError(
                "the model has one member, which says nothing about its spread; train one with ensemble: 4"
            )
        return mean_and_spread(self._members(genotypes, study))

    def predict_table(self, table: GenotypeTable) -> np.ndarray:
        """Predicted scores `[M]` of a table over the model's genes, each on the scale of its study."""
        return self.predict_members(table).mean(axis=0)

    def predict_members(self, table: GenotypeTable) -> np.ndarray:
        """Like `predict_table`, of every member: `[K, M]`."""
        batch_size = self.bundle.config.data_module.batch_size
        forward = TableForward(self.model, self.graph, table, batch_size, self.num_members)
        labels = forward.members(self.bundle.variables).astype(np.float64)
        transform = self.bundle.transform
        return transform.inverse(labels, transform.study_codes(table.studies)[table.study])

    def _members(self, genotypes: Sequence[str | Sequence[str]], study: str | None) -> np.ndarray:
        names = [genotype if isinstance(genotype, str) else ",".join(genotype) for genotype in genotypes]
        if not names:
            return np.zeros((self.num_members, 0))
        table = genotypes_from_names(self.bundle.genes, names)
        return self.predict_members(table if study is None else replace(table, studies=(study,)))


def load_model(folder: str | Path) -> Predictor:
    """Loads a trained model from a run folder or a model folder."""
    return Predictor.load(folder)
