"""Weights to start from, and a configuration to start with: whether they are of one model."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from gi_jax.config import RunConfig
from gi_jax.config.load import flat
from gi_jax.config.schema import plain
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle
from gi_jax.experiment.stored_cell import changed_network
from gi_jax.models.model import Cell

# Of the model section, what does not change what the weights compute.
FREE = (
    "checkpoint_path",
    "remat",
    "dropout",
    "last_layers",
    "gene_encoder_config.graph_aggregation_config.dropout",
)


def check_same_model(bundle: ModelBundle, config: RunConfig, cell: Cell) -> None:
    """Refuses by name whatever would have weights compute something else than they were trained for.

    Shapes would not tell most of it: other statistics, an activation, networks or genes in another order.

    Raises:
      GiJaxError: the model section, networks, genes or the precision differ.
    """
    source = config.model.checkpoint_path
    was, now = (flat(plain(c.model)) for c in (bundle.config, config))
    for key in was | now:
        if key not in FREE and was.get(key) != now.get(key):
            _refuse(source, f"model.{key}", now.get(key), was.get(key))
    before, wanted = bundle.config.cell_dataset.graphs, cell.graph.model_names
    if before != wanted:
        what = "in another order" if sorted(before) == sorted(wanted) else "other ones"
        _refuse(source, "cell_dataset.graphs", ", ".join(wanted), f"{', '.join(before)} ({what})")
    named = not all(gene.startswith("unnamed_") for gene in bundle.genes.ids)
    for number, (a, b) in enumerate(zip_longest(bundle.genes.ids, cell.genes.ids), 1):
        if named and a != b:
            raise GiJaxError(
                f"{source}: gene {number} of the gene list is {b}, the weights were trained with {a} there; "
                "give the gene list that came with them"
            )
    if (name := changed_network(cell.graph, bundle.networks)) is not None:
        raise GiJaxError(
            f"{source}: the network '{name}' has other edges than the one the weights were trained with; "
            "restore its file, or go on with `gi-jax train --from`, which takes the folder's"
        )
    if bundle.config.trainer.precision != config.trainer.precision:
        _refuse(source, "trainer.precision", config.trainer.precision, bundle.config.trainer.precision)


def _refuse(source: str | None, key: str, now: Any, was: Any) -> None:
    raise GiJaxError(f"{source}: {key} is {now}, the weights were trained with {was}; set it so")
