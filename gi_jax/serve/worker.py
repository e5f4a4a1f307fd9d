"""The one thread that has the model: what many clients ask for at the same time, it predicts together."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.predict.predictor import MeanAndSpread, Predictor

# Tables of these sizes and widths are predicted, the rest filled up, so that few programs are compiled.
SIZES = (4, 32, 256, 1024, 4096)
WIDTHS = (2, 3, 4, 6, 10)
MOST_GENES = WIDTHS[-1]  # of a genotype
WARM_SIZES, WARM_WIDTHS = SIZES[:2], WIDTHS[:2]  # predicted before the first client comes


class TooBusyError(GiJaxError):
    """More waits for the model than it is allowed to; nothing was lost but this one request."""


class _Job(NamedTuple):
    genes: np.ndarray  # [m, S] int32, gene ids increasing, then N
    study: np.ndarray  # [m] int32, on whose scale, see `LabelTransform.study_codes`
    future: Future


class ModelWorker:
    """Predicts what is waiting, all of it at once, on a thread of its own.

    While the model computes, further requests gather; so nobody waits for others to come, and the busier
    the server, the larger the tables. A request is answered with its own rows, or with its own error.

    Args:
      predictor: the model, which no other thread may use from now on.
      most_waiting: genotypes that may wait in all.
    """

    def __init__(self, predictor: Predictor, most_waiting: int = 200_000) -> None:
        self._predictor, self._most_waiting = predictor, most_waiting
        self._num_genes = len(predictor.bundle.genes)
        self._studies = predictor.bundle.transform.studies or ("all",)
        self._waiting: deque[_Job] = deque()
        self._held = 0  # genotypes waiting
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)

    def start(self) -> None:
        """Compiles what small requests need, then begins to answer."""
        for size in WARM_SIZES:
            for width in WARM_WIDTHS:
                rows = np.tile(np.arange(width, dtype=np.int32), (size, 1))
                if width <= self._num_genes:
                    self._predict(rows, np.zeros(size, np.int32))
        self._thread.start()

    def close(self) -> None:
        """Answers what is waiting, then ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Genotypes that wait."""
        return self._held

    def predict(self, genes: np.ndarray, study: np.ndarray) -> Future[MeanAndSpread]:
        """Scores of genotypes `[m, S]`, each on the scale of its study `[m]`.

        Raises:
          TooBusyError: too much is waiting.
        """
        size = len(genes)
        future: Future[MeanAndSpread] = Future()
        with self._changed:
            if self._closed:
                raise TooBusyError("the server is ending; ask again once it has started anew")
            if self._held + size > self._most_waiting:
                raise TooBusyError(
                    f"{self._held:,} genotypes wait for the model, and no more than {self._most_waiting:,} "
                    "may; ask again in a few seconds"
                )
            self._held += size
            self._waiting.append(_Job(genes, study, future))
            self._changed.notify()
        return future

    def _work(self) -> None:
        while (jobs := self._next()) is not None:
            self._answer([job for job in jobs if job.future.set_running_or_notify_cancel()])

    def _next(self) -> list[_Job] | None:
        """What is to be done now, as many requests as one table holds; None at the end."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                return None
            jobs = [self._waiting.popleft()]
            together = len(jobs[0].genes)
            while self._waiting and together + len(self._waiting[0].genes) <= SIZES[-1]:
                jobs.append(self._waiting.popleft())
                together += len(jobs[-1].genes)
            self._held -= together
            return jobs

    def _answer(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            width = max(job.genes.shape[1] for job in jobs)
            genes = np.concatenate([_widened(job.genes, width, self._num_genes) for job in jobs])
            scores = self._predict(genes, np.concatenate([job.study for job in jobs]))
            ends = np.cumsum([len(job.genes) for job in jobs])
            parts = [_rows(scores, end - len(job.genes), end) for job, end in zip(jobs, ends, strict=True)]
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
            for job in jobs if len(jobs) > 1 else ():  # the fault of one is not that of the others
                self._answer([job])
            return
        for job, part in zip(jobs, parts, strict=True):
            job.future.set_result(part)

    def _predict(self, genes: np.ndarray, study: np.ndarray) -> MeanAndSpread:
        """Scores of a table that is filled up to one of few sizes, with its own first row."""
        count = len(genes)
        parts = []
        for start in range(0, count, SIZES[-1]):
            rows, codes = genes[start : start + SIZES[-1]], study[start : start + SIZES[-1]]
            size = next(size for size in SIZES if size >= len(rows))
            width = next((width for width in WIDTHS if width >= rows.shape[1]), rows.shape[1])
            fill = size - len(rows)
            rows = _widened(np.concatenate([rows, np.repeat(rows[:1], fill, axis=0)]), width, self._num_genes)
            codes = np.concatenate([codes, np.repeat(codes[:1], fill)])
            found = self._predictor.score_table(self._table(rows, codes))
            parts.append(_rows(found, 0, size - fill))
        mean = np.concatenate([part.mean for part in parts])
        std = None if parts[0].std is None else np.concatenate([np.asarray(part.std) for part in parts])
        return MeanAndSpread(mean, std)

    def _table(self, genes: np.ndarray, study: np.ndarray) -> GenotypeTable:
        sizes = (genes < self._num_genes).sum(axis=1).astype(np.int8)
        nothing = np.full(len(genes), np.nan)
        return GenotypeTable(
            genes, sizes, nothing, nothing.astype(np.float32), study, self._studies, self._num_genes
        )


def _widened(genes: np.ndarray, width: int, num_genes: int) -> np.ndarray:
    return np.pad(genes, ((0, 0), (0, width - genes.shape[1])), constant_values=num_genes)


def _rows(scores: MeanAndSpread, start: int, end: int) -> MeanAndSpread:
    return MeanAndSpread(scores.mean[start:end], None if scores.std is None else scores.std[start:end])
