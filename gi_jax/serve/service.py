"""What the server answers, without HTTP: predictions, genes, profiles, and what the model is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

import gi_jax
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.gene_search import record_of, search, starting_with
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.measured_scores import Measured
from gi_jax.errors import GiJaxError
from gi_jax.explain.genotype import Explainer
from gi_jax.predict.predictor import MeanAndSpread, Predictor
from gi_jax.serve import messages as m
from gi_jax.serve.worker import MOST_GENES, ModelWorker, TooBusyError

PROFILE_TABLE = 1024  # genotypes of a profile that are asked for at a time, so that others come in between
KEPT_PROFILES = 64
MOST_EXPLAINING = 16  # explanations that may wait
BINS = 40


class RequestLimits(NamedTuple):
    """What one request may ask for."""

    bytes: int = 2**20
    genotypes: int = 10_000


class Facts(NamedTuple):
    """What a run folder tells beside the model."""

    measured: Measured | None = None
    metrics: tuple[dict[str, Any], ...] = ()
    card: str = ""


class Service:
    """Answers about one model. Names are read and answers are made here; the worker predicts.

    Args:
      predictor: the model.
      facts: what else the run folder tells.
      limits: of a request.
    """

    def __init__(
        self, predictor: Predictor, facts: Facts | None = None, limits: RequestLimits | None = None
    ) -> None:
        self.predictor, self.facts = predictor, facts or Facts()
        self.limits = limits or RequestLimits()
        self.genes, self.transform = predictor.bundle.genes, predictor.bundle.transform
        self.worker = ModelWorker(predictor)
        self._beside, self._explaining = ThreadPoolExecutor(1, "explanations"), 0
        self._explainer: Explainer | None = None  # made when it is first asked for
        self._profiles: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    async def predict(self, asked: m.Asked) -> m.Predictions:
        """Scores of genotypes.

        Raises:
          GiJaxError: an unknown gene, a gene twice, too many genotypes, no or an unknown study.
        """
        if len(asked.genotypes) > self.limits.genotypes:
            raise GiJaxError(
                f"the request has {len(asked.genotypes):,} genotypes, expected at most "
                f"{self.limits.genotypes:,}; send the others in another one"
            )
        table = self._table(asked.genotypes)
        scores = await self._scores(table.genes, self._study(asked.study))
        return m.Predictions(predictions=self._predicted(table.genes, scores))

    async def genotype(self, genes: str, study: str | None) -> m.AboutGenotype:
        """One genotype, with what was measured of it."""
        table = self._table([genes])
        scores = await self._scores(table.genes, self._study(study))
        row = [gene for gene in table.genes[0].tolist() if gene < len(self.genes)]
        known = [] if self.facts.measured is None else self.facts.measured.of(row)
        measured = [m.Measurement(study=study, score=score) for study, score in known]
        return m.AboutGenotype(predicted=self._predicted(table.genes, scores)[0], measured=measured)

    async def profile(self, name: str, top: int, study: str | None) -> m.Profile:
        """A gene beside every other one, and those with which its score is lowest and highest."""
        gene, code = self.genes.index(name), self._study(study)
        others = np.delete(np.arange(len(self.genes)), gene)
        rows = np.sort(np.stack([np.full_like(others, gene), others], axis=1), axis=1).astype(np.int32)
        scores = await self._profile(gene, rows, code)
        known = self.facts.measured
        measured = np.full(len(rows), np.nan) if known is None else known.means_of(rows)
        order = np.argsort(scores, kind="stable")
        counts, edges = np.histogram(scores, BINS)

        def partners(chosen: np.ndarray) -> list[m.Partner]:
            return [
                m.Partner(
                    gene=self.genes.ids[others[k]],
                    name=self.genes.labels[others[k]],
                    prediction=float(scores[k]),
                    measured=None if np.isnan(measured[k]) else float(measured[k]),
                )
                for k in chosen
            ]

        return m.Profile(
            gene=self.genes.ids[gene],
            name=self.genes.labels[gene],
            description=record_of(self.genes, gene).description,
            partners=len(others),
            mean=float(scores.mean()),
            lowest=partners(order[:top]),
            highest=partners(order[::-1][:top]),
            edges=edges.tolist(),
            counts=counts.tolist(),
        )

    def find_genes(self, query: str, limit: int) -> m.Genes:
        """Genes by the beginning of a name, then by words in names and descriptions."""
        first = starting_with(self.genes, query)
        seen = set(first)
        found = first + [gene for gene in search(self.genes, query) if gene not in seen]
        meant = self.genes.look_up(query).gene
        if meant is not None and meant not in found:
            found.insert(0, meant)
        return m.Genes(genes=[self._gene(gene) for gene in found[:limit]], found=len(found))

    def about(self) -> m.About:
        """What the model is."""
        bundle, fitted = self.predictor.bundle, self.predictor.fitted
        config, confidence = bundle.config, bundle.confidence
        return m.About(
            kind=fitted.kind,
            version=gi_jax.__version__,
            genes=len(self.genes),
            networks=list(config.cell_dataset.graphs),
            features=list(config.cell_dataset.features),
            studies=list(self.transform.studies),
            members=fitted.num_members,
            parameters=fitted.num_parameters(),
            labels=self.transform.kind,
            interval=None if confidence is None else m.Interval(**confidence._asdict()),
            metrics=list(self.facts.metrics),
            notes=list(fitted.notes),
            measured=0 if self.facts.measured is None else self.facts.measured.count,
            card=self.facts.card,
            limits=m.Limits(**self.limits._asdict(), genes_of_a_genotype=MOST_GENES),
        )

    def health(self) -> m.Health:
        """Whether the model answers."""
        return m.Health(status="ok" if self.worker.alive else "ended", waiting=self.worker.waiting)

    async def explain(self, genes: str, study: str | None, most: int) -> m.Explanation:
        """What carries one genotype's prediction; on a thread of its own, as it may take seconds.

        Raises:
          GiJaxError: as `predict`; networks of the model have changed; or it cannot be taken apart.
          TooBusyError: too many wait for theirs.
        """
        table = self._table([genes])
        row = [gene for gene in table.genes[0].tolist() if gene < len(self.genes)]
        self._study(study)
        if self._explaining >= MOST_EXPLAINING:
            raise TooBusyError(
                f"{self._explaining} explanations wait, and no more may; ask again in a few seconds"
            )
        self._explaining += 1
        try:
            loop = asyncio.get_running_loop()
            names = [self.genes.ids[gene] for gene in row]
            found = await loop.run_in_executor(self._beside, self._explained, names, study, most)
        finally:
            self._explaining -= 1
        return m.Explanation.model_validate(found)

    def _explained(self, names: list[str], study: str | None, most: int) -> dict[str, Any]:
        if self._explainer is None:
            self._explainer = Explainer(self.predictor, self.facts.measured)
        return self._explainer.explain(names, study, most).to_dict()

    def close(self) -> None:
        """Ends both threads once they have answered."""
        self._beside.shutdown(cancel_futures=True)
        self.worker.close()

    def _table(self, genotypes: Sequence[str | Sequence[str]]) -> GenotypeTable:
        texts = [genotype if isinstance(genotype, str) else _joined(genotype) for genotype in genotypes]
        table = genotypes_from_names(self.genes, texts)
        if (most := int(table.sizes.max())) > MOST_GENES:
            row = int(table.sizes.argmax())
            raise GiJaxError(
                f"genotype `{texts[row][:80]}` has {most} genes, expected at most {MOST_GENES}; "
                "leave some out"
            )
        return table

    def _study(self, study: str | None) -> int:
        return int(self.transform.study_codes((study or "query",))[0])

    async def _scores(self, genes: np.ndarray, study: int) -> MeanAndSpread:
        codes = np.full(len(genes), study, np.int32)
        scores = await asyncio.wrap_future(self.worker.predict(genes, codes))
        if not np.isfinite(scores.mean).all():
            names = ",".join(self.genes.names(genes[np.argmin(np.isfinite(scores.mean))]))
            raise ArithmeticError(
                f"the prediction for {names} is no finite number; the model's weights may be damaged"
            )
        return scores

    async def _profile(self, gene: int, rows: np.ndarray, study: int) -> np.ndarray:
        """Scores `[N - 1]` of a gene's pairs, kept for the next who asks."""
        key = (gene, study)
        if key not in self._profiles:
            parts = [
                (await self._scores(rows[start : start + PROFILE_TABLE], study)).mean
                for start in range(0, len(rows), PROFILE_TABLE)
            ]
            self._profiles[key] = np.concatenate(parts)
            while len(self._profiles) > KEPT_PROFILES:
                self._profiles.popitem(last=False)
        self._profiles.move_to_end(key)
        return self._profiles[key]

    def _predicted(self, genes: np.ndarray, scores: MeanAndSpread) -> list[m.Predicted]:
        confidence = self.predictor.bundle.confidence
        fields: dict[str, np.ndarray] = {"prediction": scores.mean}
        if scores.std is not None:
            fields["prediction_std"] = scores.std
            if confidence is not None:
                fields["low"], fields["high"] = confidence.interval(scores.mean, scores.std)
        rows = zip(*(values.tolist() for values in fields.values()), strict=True)
        return [
            m.Predicted(
                genes=self.genes.names(row),
                names=self.genes.labelled(row),
                **dict(zip(fields, values, strict=True)),
            )
            for row, values in zip(genes, rows, strict=True)
        ]

    def _gene(self, gene: int) -> m.Gene:
        record = record_of(self.genes, gene)
        return m.Gene(
            gene=self.genes.ids[gene],
            name=self.genes.labels[gene],
            aliases=list(record.aliases),
            description=record.description,
        )


def _joined(names: Sequence[str]) -> str:
    """A list of names as one text, those with commas in quotation marks."""
    return ",".join(f'"{name}"' if "," in name else name for name in names)
