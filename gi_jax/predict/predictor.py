"""Predicts gene interactions with a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.arguments import as_sequence
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle, load_bundle
from gi_jax.experiment.cell import load_graph, ready
from gi_jax.experiment.confidence import fit_confidence
from gi_jax.experiment.stored_cell import changed_network
from gi_jax.models.model import Cell, FittedModel, Prediction, PredictionSettings
from gi_jax.models.registry import KINDS

Genotypes = str | Sequence[str | Sequence[str]]


class MeanAndSpread(NamedTuple):
    """Predicted scores of M genotypes, in the units of the training scores, and how sure they are."""

    mean: np.ndarray  # [M], of an ensemble over its members
    std: np.ndarray | None  # [M], over the members (divisor K - 1) or the model's own; None without either


class Predictor:
    """A trained model, or an ensemble, that turns genotypes into predicted interaction scores.

    Args:
      bundle: the model and its surroundings.
      graph: its networks; loaded as the bundle's configuration says if not given.
      norm_statistics: `batch`, `genotype` or `node`; see `gi_jax.models.neural.fitted.prediction_module`.
      precision: `32`, or `bf16` for a fast encoder at about three digits, which GeneInteractionDango has.
      fitted: the model itself where it is there already, in place of the bundle's arrays.

    Raises:
      GiJaxError: a network is not the one that the model was trained with, or the weights are not those
        of a model of this configuration.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        graph: CellGraph | None = None,
        norm_statistics: str | None = None,
        precision: str = "32",
        *,
        fitted: FittedModel | None = None,
    ) -> None:
        config = bundle.config
        unknown = graph is None and bundle.graph is None and not bundle.networks
        if unknown and config.cell_dataset.graphs and config.model.predicts_from_networks:
            raise GiJaxError(
                "the model folder says nothing of its networks' edges, as after the conversion of a bare "
                "checkpoint: whatever bears the name of one might be another. Convert again with a file for "
                "every network (data.networks.NAME.path=FILE), or convert an export of the model, see "
                "`gi-jax exporter`"
            )
        if graph is None and bundle.graph is not None:
            graph = ready(bundle.graph, config)
        if graph is None and not config.model.predicts_from_networks:
            graph = cell_graph({}, len(bundle.genes))
        self.graph = load_graph(config, bundle.genes)[0] if graph is None else graph
        kind = KINDS[config.model.kind]
        if fitted is None:
            settings = PredictionSettings(
                config.data_module.batch_size, config.ensemble, norm_statistics, precision
            )
            cell = Cell(bundle.genes, self.graph)
            fitted = kind.restore(bundle.variables, config.model, cell, settings)
        if fitted.abilities.uses_networks:
            _check_networks(self.graph, bundle)
        self.fitted, self.bundle = fitted, replace(bundle, variables=fitted.arrays())

    def trust(self, validation: GenotypeTable) -> None:
        """Chooses how far intervals reach by measured genotypes that were not fitted, if the model has
        standard deviations.
        """
        if self.num_members == 1 and not self.fitted.abilities.has_deviations:
            return
        scores = self.score_table(validation)
        if scores.std is not None:
            confidence = fit_confidence(scores.mean, scores.std, validation.score)
            self.bundle = replace(self.bundle, confidence=confidence)

    @classmethod
    def load(cls, folder: str | Path, norm_statistics: str | None = None, precision: str = "32") -> Predictor:
        """Loads a run folder (its best weights) or a model folder."""
        return cls(load_bundle(folder), norm_statistics=norm_statistics, precision=precision)

    @property
    def num_members(self) -> int:
        """K, more than one for an ensemble."""
        return self.fitted.num_members

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the predictions should know."""
        return self.fitted.notes

    def predict(self, genotypes: Genotypes, study: str | None = None) -> np.ndarray:
        """Predicted interaction scores `[M]`, in the units of the training scores; an ensemble's mean.

        Args:
          genotypes: each the deleted genes, as `"YAL001C,YBL002W"` or `["YAL001C", "YBL002W"]`;
            systematic names, standard names or aliases, in any case. Text by itself is one genotype.
          study: on whose scale to predict, for a model trained with one scale per study.

        Raises:
          GiJaxError: an unknown gene, a gene twice in a genotype, no or an unknown study where one is needed.
        """
        return self._scores(genotypes, study).mean

    def predict_with_spread(self, genotypes: Genotypes, study: str | None = None) -> MeanAndSpread:
        """Like `predict`, with the standard deviation over the members of an ensemble, or the model's own.

        Raises:
          GiJaxError: as `predict`; or the model has one member only, and no deviation of its own.
        """
        scores = self._scores(genotypes, study)
        if scores.std is None:
            raise GiJaxError(
                "the model has one member, which says nothing about its spread; train one with ensemble: 4"
            )
        return scores

    def predict_table(self, table: GenotypeTable) -> np.ndarray:
        """Predicted scores `[M]` of a table over the model's genes, each on the scale of its study."""
        return self.score_table(table).mean

    def score_table(self, table: GenotypeTable) -> MeanAndSpread:
        """Like `predict_table`, with the standard deviation where the model has one."""
        table = self.bundle.transform.with_own_studies(table)
        return self.in_score_units(self.fitted.predict(table), table.study)

    def in_score_units(self, prediction: Prediction, study: np.ndarray) -> MeanAndSpread:
        """Predicted labels as scores.

        Args:
          prediction: of M genotypes.
          study: `[M]` int32, on whose scale each is, see `LabelTransform.study_codes`.
        """
        transform = self.bundle.transform
        members = transform.inverse(prediction.members, study)
        if len(members) > 1:
            return MeanAndSpread(members.mean(axis=0), members.std(axis=0, ddof=1))
        std = None if prediction.std is None else transform.inverse_spread(prediction.std, study)
        return MeanAndSpread(members[0], std)

    def _scores(self, genotypes: Genotypes, study: str | None) -> MeanAndSpread:
        genotypes = as_sequence(genotypes)
        names = [genotype if isinstance(genotype, str) else ",".join(genotype) for genotype in genotypes]
        if not names:
            nothing = np.zeros((self.num_members, 0))
            return self.in_score_units(Prediction(nothing), np.zeros(0, np.int32))
        table = genotypes_from_names(self.bundle.genes, names)
        return self.score_table(table if study is None else replace(table, studies=(study,)))


def load_model(folder: str | Path, precision: str = "32") -> Predictor:
    """Loads a trained model from a run folder or a model folder, to predict in `32` or `bf16`."""
    return Predictor.load(folder, precision=precision)


def _check_networks(graph: CellGraph, bundle: ModelBundle) -> None:
    """Raises a `GiJaxError` if a network is another one than the model was fitted with."""
    if (name := changed_network(graph, bundle.networks)) is not None:
        raise GiJaxError(
            f"the network '{name}' has other edges than the one this model was trained with; "
            "restore its file or train again"
        )
