"""Screens: every genotype of some genes predicted, the most extreme ones kept."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable, row_keys
from gi_jax.errors import GiJaxError
from gi_jax.models.model import StartedTile
from gi_jax.predict.predictor import Predictor
from gi_jax.predict.screening.histogram import ScoreHistogram

MAX_GENOTYPES = 10**9  # genotypes of a screen: half a day at the rates of a small model


class Found(NamedTuple):
    """Genotypes with their predicted scores, in the units of the training scores, lowest first."""

    genes: np.ndarray  # [R, S] int32, gene ids, then N
    score: np.ndarray  # [R] float64, an ensemble's mean
    std: np.ndarray | None  # [R] float64, over the members of an ensemble or the model's own


class Screen:
    """Predicts every genotype of `size` genes that can be made of some genes.

    Genotypes are taken in tiles, rows of genes by columns of genes. Nothing is kept but the extremes.

    Args:
      predictor: the trained model.
      genes: names of the genes to combine, in a list or as `"YAL001C,YBL002W"`; all genes of the model
        if not given.
      size: genes per genotype.
      including: genes that every genotype has, such as the deletions of a query strain; in either form.
      top: how many of the lowest and how many of the highest scores to keep.
      study: on whose scale to predict, for a model trained with one scale per study.
      leave_out: genotypes that are not to be among the extremes, such as those that were measured.
      below, above: keep scores up to `below` or from `above` only, in the units of the training scores.

    Raises:
      GiJaxError: an unknown or repeated gene, too few genes for a genotype, or no or an unknown study
        where one is needed.
    """

    def __init__(
        self,
        predictor: Predictor,
        genes: str | Sequence[str] | None = None,
        *,
        size: int = 2,
        including: str | Sequence[str] = (),
        top: int = 1000,
        study: str | None = None,
        leave_out: GenotypeTable | None = None,
        below: float | None = None,
        above: float | None = None,
    ) -> None:
        self.predictor, self.top = predictor, top
        self.below, self.above = below, above
        self._left_out = None if leave_out is None else _keys_of(leave_out, size)
        self.study = predictor.bundle.transform.study_codes((study or "query",))
        names = predictor.bundle.genes
        wanted, shared = _names(names, genes), _names(names, including) or ()
        fixed = _distinct([names.index(name) for name in shared], shared)
        chosen = range(len(names)) if wanted is None else _distinct([names.index(g) for g in wanted], wanted)
        pool = np.setdiff1d(np.array(chosen, np.int64), fixed)
        free = size - len(fixed)
        if free < 1 or len(pool) < free:
            raise GiJaxError(
                f"a genotype of {size} genes cannot be made of {len(fixed)} that all of them have and some "
                f"of {len(pool):,} others; expected more genes than the fixed ones, and enough others"
            )
        if top < 1:
            raise GiJaxError(f"found {top} extremes to keep, expected one or more")
        self.num_genotypes = math.comb(len(pool), free)
        if self.num_genotypes > MAX_GENOTYPES:
            raise GiJaxError(
                f"{len(pool):,} genes make {self.num_genotypes:,} genotypes of {size}, expected at most "
                f"{MAX_GENOTYPES:,} in a screen; name fewer genes, or more that every genotype has"
            )
        fitted = predictor.fitted.of_study(int(self.study[0]))
        self._tiles = fitted.screen(pool, free, np.array(fixed, np.int64))
        self._extremes, self._histogram = _Extremes(top), ScoreHistogram()

    def run(self) -> Iterator[int]:
        """Predicts; yields, again and again, how many genotypes are done."""
        started, done = self._tiles, 0
        waiting = deque(itertools.islice(started, 1))
        while waiting:  # the device computes one tile while the host looks at the one before
            waiting.extend(itertools.islice(started, 1))
            done += self._finish(waiting.popleft())
            yield done

    def found(self) -> Found:
        """The extremes of what has been predicted so far."""
        return self._extremes.found()

    def histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """How many of all predictions so far, kept or not, lie in each of B bins.

        Returns:
          Edges `[B + 1]` float64, in the units of the training scores, and counts `[B]` int64; a bin holds
          its lower edge. The bins are fine, at least a thousand to the score farthest from 0.
        """
        return self._histogram.bins()

    def _finish(self, tile: StartedTile) -> int:
        genes = tile.genes
        scores = self.predictor.in_score_units(tile.result(), np.resize(self.study, len(genes)))
        if not np.isfinite(scores.mean).all():
            names = ",".join(self.predictor.bundle.genes.names(genes[np.argmin(np.isfinite(scores.mean))]))
            raise GiJaxError(
                f"the prediction for {names} is no finite number; the model's weights may be damaged"
            )
        self._histogram.add(scores.mean)
        wanted = self._wanted(genes, scores.mean)
        found = Found(genes, *scores)
        if not wanted.all():
            found = jax.tree.map(lambda a: a[wanted], found)
        self._extremes.add(found)
        return len(genes)

    def _wanted(self, genes: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Which genotypes `[M, S]` with scores `[M]` may be among the extremes."""
        wanted = np.ones(len(genes), bool)
        if self.below is not None or self.above is not None:
            low, high = (
                -np.inf if self.below is None else self.below,
                np.inf if self.above is None else self.above,
            )
            wanted = (score <= low) | (score >= high)
        if self._left_out is not None and wanted.any():
            keys = row_keys(np.sort(genes, axis=1), len(self.predictor.bundle.genes))
            assert keys is not None, "sizes without numbers were refused"
            place = np.minimum(np.searchsorted(self._left_out, keys), max(len(self._left_out) - 1, 0))
            wanted &= self._left_out[place] != keys if len(self._left_out) else True
        return wanted


def _keys_of(table: GenotypeTable, size: int) -> np.ndarray:
    """Increasing numbers of the genotypes of one size, as `row_keys` has them.

    Raises:
      GiJaxError: genotypes of this size have no numbers of 64 bits.
    """
    rows = table.genes[table.sizes == size][:, :size]
    keys = row_keys(rows, table.num_genes) if rows.shape[1] == size else np.zeros(0, np.int64)
    if keys is None:
        raise GiJaxError(
            f"genotypes of {size} genes cannot be left out of a screen of {table.num_genes:,} genes; leave "
            "out such of fewer genes, or none"
        )
    return np.unique(keys)


class _Extremes:
    """Keeps the `top` lowest and the `top` highest of all scores that it is shown."""

    def __init__(self, top: int) -> None:
        self.top, self.parts, self.held = top, [], 0
        self.low, self.high = np.inf, -np.inf  # scores between them are among the extremes no more

    def add(self, found: Found) -> None:
        wanted = (found.score < self.low) | (found.score > self.high)
        if not wanted.any():
            return
        self.parts.append(jax.tree.map(lambda a: a[wanted], found))
        self.held += int(wanted.sum())
        if self.held > 8 * self.top:
            self._forget()

    def found(self) -> Found:
        if self.parts:
            self._forget()
            return self.parts[0]
        return Found(np.zeros((0, 1), np.int32), np.zeros(0), None)

    def _forget(self) -> None:
        found = jax.tree.map(lambda *arrays: np.concatenate(arrays), *self.parts)
        order = np.argsort(found.score, kind="stable")
        if len(order) > 2 * self.top:
            order = np.concatenate([order[: self.top], order[-self.top :]])
            self.low, self.high = found.score[order[self.top - 1]], found.score[order[self.top]]
        self.parts, self.held = [jax.tree.map(lambda a: a[order], found)], len(order)


def _names(known: GeneList, genes: str | Sequence[str] | None) -> Sequence[str] | None:
    """Gene names as a list, also from text with commas."""
    return [name for name in known.split(genes) if name.strip()] if isinstance(genes, str) else genes


def _distinct(ids: list[int], names: Sequence[str]) -> list[int]:
    if len(set(ids)) < len(ids):
        twice = next(name for name, gene in zip(names, ids, strict=True) if ids.count(gene) > 1)
        raise GiJaxError(f"the gene `{twice}` is named twice; name each gene once")
    return ids
