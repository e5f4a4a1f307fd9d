"""What a training by gradient works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flax import linen as nn

from gi_jax.config import RunConfig
from gi_jax.data.gene_list import GeneList
from gi_jax.data.networks import CellGraph
from gi_jax.data.transforms import LabelTransform
from gi_jax.models.closed_form.pair_kernel import PairKernel
from gi_jax.models.model import Cell, Labelled
from gi_jax.models.neural import build_model
from gi_jax.training.objective import Objective, make_objective


@dataclass(frozen=True)
class Task:
    """Labelled genotypes and a cell, and the module and the objective that a configuration asks for."""

    config: RunConfig
    training: Labelled
    validation: Labelled
    cell: Cell
    transform: LabelTransform  # of the labels, back to scores
    model: nn.Module
    objective: Objective
    prior: PairKernel | None = None  # to which the model adds
    prior_of_training: np.ndarray | None = None  # [M] its labels of the training genotypes, out of fold

    @property
    def genes(self) -> GeneList:
        """The genes of the cell."""
        return self.cell.genes

    @property
    def graph(self) -> CellGraph:
        """The networks of the cell, on the device."""
        return self.cell.graph


def make_task(
    config: RunConfig, training: Labelled, validation: Labelled, cell: Cell, transform: LabelTransform
) -> Task:
    """Builds module and objective.

    Raises:
      GiJaxError: a loss that the model has no output for, an unknown option, an impossible precision.
    """
    model = build_model(
        config.neural,
        gene_num=len(cell.genes),
        graph_names=cell.graph.model_names,
        precision=config.trainer.precision,
    )
    return Task(config, training, validation, cell, transform, model, make_objective(config))
