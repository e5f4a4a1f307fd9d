"""What carries a prediction of a neural model: its paths, its prior, and what it loses without something."""

from __future__ import annotations

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.explain.explanation import Explanation, Sum, Term
from gi_jax.explain.intermediates import inside
from gi_jax.explain.paths import contributions, forward_paths
from gi_jax.explain.removals import removals_of
from gi_jax.explain.terms import explanation_of
from gi_jax.models.model import Cell
from gi_jax.models.neural.fitted import NeuralModel
from gi_jax.models.neural.forward import TableForward

_PATHS = (
    "prediction = global weight * global prediction + local weight * local prediction, weights of the gate"
)
_ONE = "prediction = what the model says of the deleted genes' embeddings"
_CHOSEN = (
    "edges and neighbours are those whose removal the slope of the prediction by every edge's weight ranks "
    "first; changes are of predictions made anew, and below a millionth of the prediction rounding"
)


@explanation_of.register
def _(fitted: NeuralModel, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    table = _table(genes, cell)
    own = _paths(fitted, table)
    below = None
    if fitted.prior is not None:
        own = tuple(term._replace(value=fitted.scale * term.value) for term in own)
        below = explanation_of(fitted.prior, genes, cell, most)
    removals = removals_of(fitted, genes, most)
    equation = _PATHS if len(own) > 1 else _ONE
    if below is None:
        notes = (_CHOSEN,) if removals else ()
        return Explanation((Sum("paths", equation, own),), removals, notes=notes)
    level = Term("prior", "pair-kernel process", below.sums[0].total)
    added = Term("path", "what the network model adds", sum(term.value for term in own))
    sums = [Sum("paths", f"prediction = prior + scale * own, own: {equation}", (level, *own))]
    sums += [
        Sum(f"prior: {one.name}", f"{one.equation}; and what is added", (*one.terms, added))
        for one in below.sums
    ]
    return Explanation(
        tuple(sums), removals, below.similar, (*below.notes, *((_CHOSEN,) if removals else ()))
    )


def _paths(fitted: NeuralModel, table: GenotypeTable) -> tuple[Term, ...]:
    """The global and the local part, the mean over members; one part of a model without paths."""
    size = fitted.settings.batch_size  # the program of a prediction, which rounds alike
    if not fitted.abilities.has_paths:
        forward = TableForward(fitted.module, fitted.graph, table, size, fitted.num_members)
        return (Term("path", "local", float(forward(fitted.variables)[0])),)
    parts, gates, said = [], [], []
    for member in range(fitted.num_members):
        trained = inside(fitted.member(member))
        assert trained is not None, "it is a neural model"
        paths = forward_paths(TableForward(trained.model, trained.graph, table, size), trained.variables)
        parts.append(contributions(paths)[0])
        gates.append(np.asarray(paths.weight, np.float64)[0])
        said.append(np.asarray(paths.interaction, np.float64)[0])
    mean, gate, own = (np.mean(rows, axis=0) for rows in (parts, gates, said))
    return tuple(
        Term("path", f"{name}: weight {weight:.3f} of {value:+.4g}", float(part))
        for name, weight, value, part in zip(("global", "local"), gate, own, mean, strict=False)
    )


def _table(genes: np.ndarray, cell: Cell) -> GenotypeTable:
    nothing = np.full(1, np.nan)
    row = genes[None].astype(np.int32)
    one = np.zeros(1, np.int16)
    return GenotypeTable(
        row, np.array([len(genes)], np.int8), nothing, nothing, one, ("query",), len(cell.genes)
    )
