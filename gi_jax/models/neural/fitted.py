"""A trained neural model, or an ensemble of them, as the contract of `gi_jax.models.model` has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict
from jax import Array

from gi_jax.checks import one_of
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form.pair_kernel import restore_pair_kernel
from gi_jax.models.closed_form.solved import Solved
from gi_jax.models.model import Abilities, Cell, Device, Planned, Prediction, PredictionSettings, StartedTile
from gi_jax.models.neural import build_model, num_parameters
from gi_jax.models.neural.fixed import ADDED, FIXED, PRIOR, trained_part
from gi_jax.models.neural.forward import TableForward, forward_batch
from gi_jax.models.neural.gene_features import check_features, with_features
from gi_jax.models.neural.options import PRECISIONS, ModelConfig
from gi_jax.models.neural.screening import NeuralScreen, Placed, Step
from gi_jax.models.precision import in_working_precision
from gi_jax.models.wanted import Wanted
from gi_jax.ops.spmm import with_backend
from gi_jax.ops.trees import take


class NeuralModel:
    """A Flax module with its weights and the networks it sees.

    Args:
      module: to predict with, see `prediction_module`.
      trained: the settings it was trained with.
      variables: the weights, those of more than one member with a leading axis.
      graph: the networks, N genes, on the device, with the features that `fixed` holds.
      settings: of the predictions.
      fixed: what it keeps beside the weights, see `gi_jax.models.neural.fixed`.
      prior: to whose labels it adds `scale` times its own.
    """

    def __init__(
        self,
        module: nn.Module,
        trained: ModelConfig,
        variables: Mapping[str, Any],
        graph: CellGraph,
        settings: PredictionSettings,
        fixed: Mapping[str, Any] = MappingProxyType({}),
        prior: Solved | None = None,
        scale: float = 1.0,
    ) -> None:
        self.module, self.trained, self.graph, self.settings = module, trained, graph, settings
        self.fixed, self.prior, self.scale = fixed, prior, scale
        self.variables, self.num_members = variables, settings.num_members
        self.kind = trained.kind
        self.abilities = Abilities(
            uses_networks=True,  # without layers too: that a network changed is said
            tells_unseen_genes_apart=trained.needs_networks or trained.uses_features,
            has_paths=trained.has_paths,
            has_deviations=prior is not None and prior.abilities.has_deviations,
        )

    @property
    def chosen(self) -> str:
        """The epoch, of which nothing is kept here but its weights."""
        return "the weights of the best epoch"

    @property
    def notes(self) -> tuple[str, ...]:
        """That predictions use other norm statistics than the training, or add to a prior, if they do."""
        added = (
            f"adds {self.scale:.2f} times what it says to the prediction of the pair-kernel process; its "
            "paths are those of what it says"
        )
        return self._other_statistics() + ((added,) if self.prior is not None else ())

    def _other_statistics(self) -> tuple[str, ...]:
        trained, used = self.trained.norm_statistics, self.module.config.norm_statistics
        if trained == used:
            return ()
        return (f"trained with norm statistics over the {trained}; predictions use those of the {used}",)

    def predict(self, table: GenotypeTable) -> Prediction:
        """Labels of M genotypes, by every member."""
        forward = TableForward(self.module, self.graph, table, self.settings.batch_size, self.num_members)
        own = forward.members(self.variables).astype(np.float64)
        return Prediction(own) if self.prior is None else self._added(self.prior.predict(table), own)

    def _added(self, below: Prediction, own: np.ndarray) -> Prediction:
        """What the prior says and, in part, what the model says `[K, M]`; the deviation is the prior's."""
        return Prediction(below.members + self.scale * own, below.std)

    def of_study(self, code: int) -> NeuralModel:
        """The model with its prior as that predicts one study; without one a label means the same in all."""
        if self.prior is None:
            return self
        prior = self.prior.of_study(code)
        return NeuralModel(
            self.module,
            self.trained,
            self.variables,
            self.graph,
            self.settings,
            self.fixed,
            prior,
            self.scale,
        )

    def program(self, genes: Array) -> Array:
        """Labels `[B]`, to be traced: one genotype after the other, each by all rows of its cell."""
        graph, n = with_backend(self.graph, dict.fromkeys(self.graph.names, "segment")), self.graph.num_genes

        def one(row: Array) -> Array:
            batch = GenotypeBatch(row[None], (row < n).sum(dtype=row.dtype)[None], jnp.ones(1, bool))
            stacked = self.num_members > 1
            options = {"model": self.module, "capacity": None, "stacked": stacked}
            return forward_batch(self.variables, graph, batch, **options).mean()

        added = jax.lax.map(one, genes)
        return added if self.prior is None else self.prior.program(genes) + self.scale * added

    def member(self, index: int) -> NeuralModel:
        """One member as a model of its own."""
        if self.num_members == 1:
            return self
        settings = self.settings._replace(num_members=1)
        variables = take(self.variables, index)
        return NeuralModel(
            self.module, self.trained, variables, self.graph, settings, self.fixed, self.prior, self.scale
        )

    def arrays(self) -> Mapping[str, Any]:
        """`params`, `batch_stats` where norms keep averages, and what `gi_jax.models.neural.fixed` names."""
        fixed = {FIXED: self.fixed} if self.fixed else {}
        if self.prior is None:
            return {**self.variables, **fixed}
        members = (self.num_members,) if self.num_members > 1 else ()
        return {**self.variables, **fixed, ADDED: {"scale": np.full(members, self.scale, np.float32)}}

    def num_parameters(self) -> dict[str, int]:
        """Of one member, by component."""
        return num_parameters(self.member(0).variables["params"])

    def screen(self, wanted: Wanted) -> Iterable[Planned]:
        """Tiles whose genotypes share a program and their single deletions."""
        screen = NeuralScreen(self.module, self.graph, self.settings.batch_size, self.num_members)
        placed = Placed((self.variables, self.graph))
        return [
            Planned(step.tile.size, partial(self._start, screen, step, placed))
            for step in screen.plan(wanted)
        ]

    def _start(self, screen: NeuralScreen, step: Step, placed: Placed, device: Device | None) -> StartedTile:
        genes, labels = screen.start(step, *placed.on(device))

        def result() -> Prediction:
            own = np.asarray(labels, np.float64).reshape(self.num_members, -1)[:, : len(genes)]
            if self.prior is None:
                return Prediction(own)
            return self._added(Prediction(self.prior.labels(genes)[None], self.prior.std(genes)), own)

        return StartedTile(genes, result)


def prediction_module(
    trained: ModelConfig, graph: CellGraph, norm_statistics: str | None = None, precision: str = "32"
) -> nn.Module:
    """The module to predict with; in float32 unless told otherwise, whatever it was trained in.

    A model trained with norm statistics over the batch would let a prediction depend on its batch
    mates, so it predicts with those of each genotype by itself unless told otherwise.
    """
    used = norm_statistics or ("genotype" if trained.norm_statistics == "batch" else trained.norm_statistics)
    one_of("the precision of predictions", precision, PRECISIONS)
    options = replace(trained, norm_statistics=used)
    return build_model(options, graph.num_genes, graph.model_names, precision=PRECISIONS[precision])


def restore_neural(
    arrays: Mapping[str, Any], options: ModelConfig, cell: Cell, settings: PredictionSettings
) -> NeuralModel:
    """A trained model from its weights, in the precision that predictions are computed in.

    Raises:
      GiJaxError: the weights are not those of a model of these options.
    """
    variables = jax.device_put(in_working_precision(trained_part(arrays)))
    fixed = arrays.get(FIXED, {})
    check_features(fixed, options, len(cell.genes))
    graph = with_features(cell.graph, fixed)
    module = prediction_module(options, graph, settings.norm_statistics, settings.precision)
    _check_shapes(variables, options, graph, settings.num_members)
    prior, scale = _prior(arrays, options, cell)
    return NeuralModel(module, options, variables, graph, settings, fixed, prior, scale)


def _prior(arrays: Mapping[str, Any], options: ModelConfig, cell: Cell) -> tuple[Solved | None, float]:
    """The model to which this one adds, and the part of what it says that is added.

    Raises:
      GiJaxError: the arrays have one and the options do not, or reverse.
    """
    kept = arrays.get(FIXED, {}).get(PRIOR)
    scale = arrays.get(ADDED, {}).get("scale")
    if (kept is None, scale is None) != (options.prior is None, options.prior is None):
        raise GiJaxError(
            f"the weights are of another model than the configuration: they have "
            f"{'no' if kept is None or scale is None else 'a'} prior, and model.prior is "
            f"{'not set' if options.prior is None else 'set'}; restore the config.yaml that came with them"
        )
    if kept is None or scale is None:
        return None, 1.0
    return restore_pair_kernel(kept, options.prior, cell, PredictionSettings()), float(np.mean(scale))


def _check_shapes(
    variables: Mapping[str, Any], options: ModelConfig, graph: CellGraph, num_members: int
) -> None:
    """Raises a `GiJaxError` naming the first array that the model has and the weights do not, or reverse."""
    module = build_model(options, graph.num_genes, graph.model_names)
    smallest = genotype_batch([[0]], graph.num_genes)
    expected = jax.eval_shape(module.init, jax.random.key(0), graph, smallest)
    members = (num_members,) if num_members > 1 else ()
    needed = {name: (*members, *leaf.shape) for name, leaf in _leaves(expected).items()}
    found = {name: leaf.shape for name, leaf in _leaves(variables).items()}
    for name in needed | found:
        if needed.get(name) != found.get(name):
            raise GiJaxError(
                f"the weights are of another model than the configuration: {name} has the shape "
                f"{found.get(name, 'of an array that is missing')}, expected "
                f"{needed.get(name, 'no such array')}; restore the config.yaml that came with them"
            )


def _leaves(variables: Any) -> dict[str, jax.Array]:
    """The arrays of a model by their dotted names."""
    return cast(dict[str, jax.Array], flatten_dict(variables, sep="."))
