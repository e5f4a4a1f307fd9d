"""Predicts gene interactions with a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict

from gi_jax.arguments import as_sequence
from gi_jax.checks import one_of
from gi_jax.config import RunConfig
from gi_jax.config.run import PRECISIONS
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle, load_bundle
from gi_jax.experiment.cell import load_graph, network_fingerprints
from gi_jax.models.neural import build_model
from gi_jax.models.neural.forward import TableForward
from gi_jax.models.precision import in_working_precision

Genotypes = str | Sequence[str | Sequence[str]]


def prediction_model(
    config: RunConfig, graph: CellGraph, norm_statistics: str | None = None, precision: str = "32"
) -> nn.Module:
    """The model of a run, to predict with; in float32 unless told otherwise, whatever it was trained in.

    A model trained with norm statistics over the batch would let a prediction depend on its batch
    mates, so it predicts with those of each genotype by itself unless told otherwise.
    """
    trained = config.model.norm_statistics
    used = norm_statistics or ("genotype" if trained == "batch" else trained)
    model = replace(config.model, norm_statistics=used)
    one_of("the precision of predictions", precision, PRECISIONS)
    return build_model(model, graph.num_genes, graph.names, precision=PRECISIONS[precision])


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
      precision: `32`, or `bf16` for a fast encoder at about three digits, which GeneInteractionDango has.

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
    ) -> None:
        bundle = replace(bundle, variables=jax.device_put(in_working_precision(bundle.variables)))
        self.bundle = bundle
        self.graph = load_graph(bundle.config, bundle.genes)[0] if graph is None else graph
        found = network_fingerprints(self.graph)
        changed = [name for name, sha in bundle.networks.items() if found.get(name) != sha]
        if changed:
            raise GiJaxError(
                f"the network '{changed[0]}' has other edges than the one this model was trained with; "
                "restore its file or train again"
            )
        self.model = prediction_model(bundle.config, self.graph, norm_statistics, precision)
        _check_shapes(self.graph, bundle)

    @classmethod
    def load(cls, folder: str | Path, norm_statistics: str | None = None, precision: str = "32") -> Predictor:
        """Loads a run folder (its best weights) or a model folder."""
        return cls(load_bundle(folder), norm_statistics=norm_statistics, precision=precision)

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

    def predict(self, genotypes: Genotypes, study: str | None = None) -> np.ndarray:
        """Predicted interaction scores `[M]`, in the units of the training scores; an ensemble's mean.

        Args:
          genotypes: each the deleted genes, as `"YAL001C,YBL002W"` or `["YAL001C", "YBL002W"]`;
            systematic or standard names, in any case. Text by itself is one genotype.
          study: on whose scale to predict, for a model trained with one scale per study.

        Raises:
          GiJaxError: an unknown gene, a gene twice in a genotype, no or an unknown study where one is needed.
        """
        return self._members(genotypes, study).mean(axis=0)

    def predict_with_spread(self, genotypes: Genotypes, study: str | None = None) -> MeanAndSpread:
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

    def _members(self, genotypes: Genotypes, study: str | None) -> np.ndarray:
        genotypes = as_sequence(genotypes)
        names = [genotype if isinstance(genotype, str) else ",".join(genotype) for genotype in genotypes]
        if not names:
            return np.zeros((self.num_members, 0))
        table = genotypes_from_names(self.bundle.genes, names)
        return self.predict_members(table if study is None else replace(table, studies=(study,)))


def load_model(folder: str | Path, precision: str = "32") -> Predictor:
    """Loads a trained model from a run folder or a model folder, to predict in `32` or `bf16`."""
    return Predictor.load(folder, precision=precision)


def _check_shapes(graph: CellGraph, bundle: ModelBundle) -> None:
    """Raises a `GiJaxError` naming the first array that the model has and the weights do not, or reverse."""
    model = build_model(bundle.config.model, graph.num_genes, graph.names)
    smallest = genotype_batch([[0]], graph.num_genes)
    expected = jax.eval_shape(model.init, jax.random.key(0), graph, smallest)
    members = (bundle.config.ensemble,) if bundle.config.ensemble > 1 else ()
    needed = {name: (*members, *leaf.shape) for name, leaf in flatten_dict(expected, sep=".").items()}
    found = {name: leaf.shape for name, leaf in flatten_dict(bundle.variables, sep=".").items()}
    for name in needed | found:
        if needed.get(name) != found.get(name):
            raise GiJaxError(
                f"the weights are of another model than the configuration: {name} has the shape "
                f"{found.get(name, 'of an array that is missing')}, expected "
                f"{needed.get(name, 'no such array')}; restore the config.yaml that came with them"
            )
