"""`gi-jax explain`: a prediction taken apart, with names and in the units of the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.gene_list import GeneList
from gi_jax.data.measured_scores import Measured
from gi_jax.errors import GiJaxError
from gi_jax.experiment.cell import load_gene_features, load_graph
from gi_jax.experiment.stored_cell import changed_network
from gi_jax.explain import neural, pair_contributions  # noqa: F401 - they register their kinds of models
from gi_jax.explain.explanation import Explanation
from gi_jax.explain.terms import explanation_of
from gi_jax.models.model import Cell
from gi_jax.predict.predictor import Predictor

MOST = 10  # listed of everything


@dataclass(frozen=True)
class Explained:
    """The explanation of one genotype's prediction; gene ids are those of `gene_list`."""

    genes: tuple[int, ...]
    prediction: float
    std: float | None
    parts: Explanation  # in the units of the scores
    gene_list: GeneList
    measured: Measured | None = None

    def names(self, genes: Sequence[int]) -> list[str]:
        """What people call genes."""
        return self.gene_list.labelled(genes)

    def score_of(self, genes: Sequence[int]) -> float | None:
        """The mean measured score of a training genotype, if the run's data are at hand."""
        if self.measured is None or not genes:
            return None
        score = float(self.measured.means_of(np.array([sorted(genes)]))[0])
        return None if np.isnan(score) else score

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, texts and numbers, as JSON has them."""
        ids, parts = self.gene_list.ids, self.parts

        def named(genes: Sequence[int]) -> dict[str, Any]:
            return {"genes": [ids[g] for g in genes], "names": self.names(genes)}

        sums = [
            {
                "name": one.name,
                "equation": one.equation,
                "terms": [
                    {"kind": t.kind, "name": t.name, **named(t.genes), "value": t.value}
                    | ({"measured": self.score_of(t.genes)} if t.kind == "genotype" else {})
                    for t in one.terms
                ],
            }
            for one in parts.sums
        ]
        return {
            **named(self.genes),
            "prediction": self.prediction,
            "prediction_std": self.std,
            "sums": sums,
            "removals": [
                {"kind": r.kind, "network": r.name, **named(r.genes), "change": r.change}
                for r in parts.removals
            ],
            "similar": [
                {
                    "gene": ids[s.gene],
                    "name": self.names([s.gene])[0],
                    "other": ids[s.other],
                    "other_name": self.names([s.other])[0],
                    "similarity": s.similarity,
                    "shares": dict(s.shares),
                }
                for s in parts.similar
            ],
            "notes": list(parts.notes),
        }


class Explainer:
    """A model, and the networks and features that its predictions are explained by.

    Args:
      predictor: the trained model.
      measured: what the run's data measured, to be told beside training genotypes.

    Raises:
      GiJaxError: a network has other edges than the model was trained with.
    """

    def __init__(self, predictor: Predictor, measured: Measured | None = None) -> None:
        self.predictor, self.measured = predictor, measured
        self.cell, self.notes = cell_of(predictor)

    def explain(self, genotype: str | Sequence[str], study: str | None = None, most: int = MOST) -> Explained:
        """Takes the prediction of one genotype apart.

        Example:
          >>> Explainer(gi_jax.load_model("runs/demo")).explain("SWR1,SAP30").to_dict()

        Every sum adds up to the prediction. A removal is what the prediction loses without something.

        Args:
          genotype: as `Predictor.predict` takes it, one.
          study: on whose scale.
          most: how many terms of a sum, and removals of a kind, are listed one by one.

        Raises:
          GiJaxError: an unknown gene, no or an unknown study where one is needed, or a kind of model that
            cannot be taken apart.
        """
        text = genotype if isinstance(genotype, str) else ",".join(genotype)
        if most < 1:
            raise GiJaxError(f"found {most} things to list, expected one or more")
        bundle = self.predictor.bundle
        table = genotypes_from_names(bundle.genes, text)
        genes = table.genes[0][table.genes[0] < len(bundle.genes)].astype(np.int64)
        code = int(bundle.transform.study_codes((study or "query",))[0])
        fitted = self.predictor.fitted.of_study(code)
        found = explanation_of(fitted, genes, self.cell, most)
        center, scale = float(bundle.transform.center[code]), float(bundle.transform.scale[code])
        scores = self.predictor.score_table(table if study is None else replace(table, studies=(study,)))
        parts = found.in_scores(center, scale)
        return Explained(
            tuple(genes.tolist()),
            float(scores.mean[0]),
            None if scores.std is None else float(scores.std[0]),
            Explanation(parts.sums, parts.removals, parts.similar, (*self.notes, *parts.notes)),
            bundle.genes,
            self.measured,
        )


def explain_genotype(
    model: Predictor, genotype: str | Sequence[str], study: str | None = None, most: int = MOST
) -> Explained:
    """Takes the prediction of one genotype apart; see `Explainer`, which is quicker for several."""
    return Explainer(model).explain(genotype, study, most)


def cell_of(predictor: Predictor) -> tuple[Cell, tuple[str, ...]]:
    """The networks and features of a model, and what of them is not at hand.

    Raises:
      GiJaxError: a network has other edges than the model was trained with.
    """
    bundle, graph, notes = predictor.bundle, predictor.graph, ()
    if not graph.names:  # a model that does without them to predict
        try:
            graph = bundle.graph or load_graph(bundle.config, bundle.genes)[0]
        except (GiJaxError, OSError) as error:
            notes += (f"networks are not at hand: {error}",)
    if (name := changed_network(graph, bundle.networks)) in graph.names:
        raise GiJaxError(
            f"the network '{name}' has other edges than the one this model was trained with; restore its "
            "file or train again"
        )
    try:
        features, _ = load_gene_features(bundle.config, bundle.genes)
    except (GiJaxError, OSError) as error:
        features, notes = (), (*notes, f"features are not at hand: {error}")
    return Cell(bundle.genes, graph, features), notes
