"""The terms of a prediction, by kind of model; each kind has a module that registers itself here."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from gi_jax.data.gene_pairs import columns_of_pairs, gene_pairs, query_pairs
from gi_jax.errors import GiJaxError
from gi_jax.explain.explanation import Explanation, Sum, Term
from gi_jax.models.closed_form import Additive, LowRank, Mean, QueryPairMean
from gi_jax.models.model import Cell, FittedModel


@singledispatch
def explanation_of(fitted: FittedModel, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    """What a label is made of.

    Args:
      fitted: the model, as it predicts one study.
      genes: `[S]` increasing gene ids of one genotype.
      cell: networks and features, as far as they are at hand.
      most: terms of a sum, and removals of a kind, that are listed one by one.

    Raises:
      GiJaxError: models of this kind cannot be taken apart.
    """
    raise GiJaxError(
        f"a model of kind {fitted.kind} is no sum that could be taken apart; explain another one"
    )


@explanation_of.register
def _(fitted: Mean, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    return Explanation((Sum("terms", "prediction = mean", (Term("level", "mean", fitted.mean),)),))


@explanation_of.register
def _(fitted: Additive, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    return Explanation((Sum("terms", "prediction = intercept + sum of a_i", _additive(fitted, genes)),))


@explanation_of.register
def _(fitted: LowRank, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    first, second = (column[0] for column in columns_of_pairs(genes[None]))
    place, effects = fitted.position, fitted.pair_effects
    pairs = tuple(
        Term("pair", "pair effect", float(effects[place[i], place[j]]), (int(i), int(j)))
        for i, j in zip(first, second, strict=True)
    )
    terms = _additive(fitted.additive, genes) + pairs
    equation = "prediction = intercept + sum of a_i + sum of Z_ij over pairs, Z of low rank"
    return Explanation((Sum("terms", equation, terms),), notes=_unseen(fitted.genes, genes, cell))


@explanation_of.register
def _(fitted: QueryPairMean, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    n = fitted.num_genes
    pair = int(query_pairs(gene_pairs(genes[None], n), fitted.train_pairs)[0])
    shift = float(fitted.labels(genes[None])[0] - fitted.mean)
    members = tuple(gene for gene in divmod(pair, n + 1) if gene < n)
    known = (
        "shrunken mean of the query pair" if pair in fitted.known else "query pair that training never had"
    )
    terms = (Term("level", "mean", fitted.mean), Term("pair", known, shift, members))
    return Explanation((Sum("terms", "prediction = mean + (n / (n + k)) (mean of the pair - mean)", terms),))


def _additive(fitted: Additive, genes: np.ndarray) -> tuple[Term, ...]:
    level = Term("level", "intercept", fitted.intercept)
    effects = (Term("gene", "effect of the gene", float(fitted.effects[g]), (int(g),)) for g in genes)
    return (level, *effects)


def _unseen(seen: np.ndarray, genes: np.ndarray, cell: Cell) -> tuple[str, ...]:
    unseen = [cell.genes.labels[gene] for gene in genes if gene not in seen]
    return (f"no training genotype deletes {', '.join(unseen)}",) if unseen else ()
