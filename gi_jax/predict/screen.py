"""Screens: every genotype of some genes predicted, the most extreme ones kept."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import numpy as np

from gi_jax.data.genotype_table import GenotypeTable, row_keys
from gi_jax.errors import GiJaxError
from gi_jax.heap import return_heap
from gi_jax.models.model import Device, StartedTile
from gi_jax.predict.predictor import Predictor
from gi_jax.predict.screening.division import Division, Piece, Shard
from gi_jax.predict.screening.extremes import Extremes, Found, joined
from gi_jax.predict.screening.histogram import ScoreHistogram
from gi_jax.predict.screening.identity import identity
from gi_jax.predict.screening.parts import PartFiles
from gi_jax.predict.screening.request import Genes, combinations, crosses, keys_of, listed
from gi_jax.predict.screening.state import Progress, check_same, read_progress, write_progress
from gi_jax.predict.screening.trial import estimated_seconds

__all__ = ["Found", "Screen"]
SAVE_EVERY = 5.0  # seconds of work that a killed screen may have to do again


class Screen:
    """Predicts every genotype of `size` genes that can be made of some genes, or other ones that are named.

    Genotypes are taken in tiles, rows of genes by columns of genes. Nothing is kept but the extremes.

    Args:
      predictor: the trained model.
      genes: names of the genes to combine, in a list or as `"YAL001C,YBL002W"`; all genes of the model
        if not given.
      size: genes per genotype.
      including: genes that every genotype has, such as the deletions of a query strain; in either form.
      genotypes: the genotypes to predict, in place of combinations; of any sizes.
      queries, arrays: query strains, of one gene or more each and of as many, each to be crossed to every
        array gene, in place of combinations.
      top: how many of the lowest and how many of the highest scores to keep.
      study: on whose scale to predict, for a model trained with one scale per study.
      leave_out: genotypes that are not to be among the extremes, such as those that were measured.
      below, above: keep scores up to `below` or from `above` only, in the units of the training scores.
      shard: `(i, n)`: do the i-th of n parts of the genotypes, which `gi_jax.predict.MergedScreen`
        puts together.
      all_to: a folder for all predictions as Parquet files, see `gi_jax.predict.screening.parts`.
      devices: which to work on; all of this machine by default.

    Raises:
      GiJaxError: an unknown or repeated gene, too few genes for a genotype, no or an unknown study where one
        is needed, or a folder that holds something else.
    """

    def __init__(
        self,
        predictor: Predictor,
        genes: Genes | None = None,
        *,
        size: int = 2,
        including: Genes = (),
        genotypes: GenotypeTable | None = None,
        queries: Sequence[Genes] | None = None,
        arrays: Genes | None = None,
        top: int = 1000,
        study: str | None = None,
        leave_out: GenotypeTable | None = None,
        below: float | None = None,
        above: float | None = None,
        shard: tuple[int, int] = (1, 1),
        all_to: str | Path | None = None,
        devices: Sequence[Device] | None = None,
    ) -> None:
        if top < 1:
            raise GiJaxError(f"found {top} extremes to keep, expected one or more")
        self.predictor, self.top = predictor, top
        self.below, self.above = below, above
        self.study = predictor.bundle.transform.study_codes((study or "query",))
        known = predictor.bundle.genes
        if genotypes is not None:
            self.wanted = listed(genotypes)
        elif queries is not None:
            self.wanted = crosses(known, queries, () if arrays is None else arrays)
        else:
            self.wanted = combinations(known, genes, size, including)
        self._left_out = None if leave_out is None else keys_of(leave_out, self.wanted.size)
        fitted = predictor.fitted.of_study(int(self.study[0]))
        tiles = fitted.screen(self.wanted)
        self._division = Division(tiles, self.wanted.num_genotypes, Shard(*shard))
        self.num_genotypes = self._division.num_genotypes
        asked = {
            "top": top,
            "below": below,
            "above": above,
            "study": int(self.study[0]),
            "every genotype written": all_to is not None,
            "number of tiles": self._division.tiles_of_all,
        }
        self.identity = identity(predictor, self.wanted, self._left_out, asked)
        self._parts = None if all_to is None else PartFiles(Path(all_to), known, self.identity)
        self._devices: Sequence[Device | None] = jax.local_devices() if devices is None else devices
        if len(self._devices) == 1 and devices is None:
            self._devices = (None,)
        self._start_anew()

    def _start_anew(self) -> None:
        self._extremes, self._histogram = Extremes(self.top, self.wanted.size), ScoreHistogram()
        self._unwritten: list[Found] = []  # of the block in work
        self._tiles_done = self._genotypes_done = 0
        self._state: Path | None = None
        self._saved = 0.0

    @property
    def num_done(self) -> int:
        """How many genotypes are predicted."""
        return self._genotypes_done

    def keep_state(self, path: str | Path, *, resume: bool = False) -> None:
        """Has the screen write down every few seconds how far it is, so that it may be ended at any time.

        Args:
          path: the file. It stays when the screen is done.
          resume: go on from what the file says; from the beginning if there is none.

        Raises:
          GiJaxError: the file is damaged or of another screen, or is there without `resume`.
        """
        path = Path(path)
        if path.exists() and not resume:
            raise GiJaxError(
                f"{path}: is the state of a screen that was begun; go on with --resume, or remove the file"
            )
        if path.exists():
            before = read_progress(path)
            check_same(path, before.identity, self.identity)
            now = self._division.shard
            check_same(path, {"shard": str(Shard(*before.shard))}, {"shard": str(now)})
            self._extremes.add(before.found)
            self._histogram.merge(before.histogram)
            self._tiles_done, self._genotypes_done = before.tiles, before.genotypes
            if self._parts is not None:
                done = itertools.islice(self._division, self._tiles_done)
                self._parts.check([piece.block for piece in done if piece.ends_block])
                self._unwritten = [before.unwritten] if len(before.unwritten.score) else []
        self._state, self._saved = path, time.monotonic()

    def seconds(self) -> float:
        """About how long the rest takes, by a trial of a few tiles from all over the screen."""
        share = 1 - self._genotypes_done / max(self.num_genotypes, 1)
        return share * estimated_seconds(self._division, self._finished, self._devices)

    def run(self) -> Iterator[int]:
        """Predicts; yields, again and again, how many genotypes are done."""
        pieces = itertools.islice(self._division, self._tiles_done, None)
        turns = itertools.cycle(self._devices)
        started = ((piece, piece.tile.start(next(turns))) for piece in pieces)
        ahead = len(self._devices)
        waiting = deque(itertools.islice(started, ahead))
        while waiting:  # the devices compute tiles while the host looks at the one before
            waiting.extend(itertools.islice(started, 1))
            piece, tile = waiting.popleft()
            self._take(piece, self._finished(tile))
            if self._state is not None and time.monotonic() - self._saved > SAVE_EVERY:
                self._save()
            yield self._genotypes_done
        if self._state is not None:
            self._save()

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

    def _save(self) -> None:
        assert self._state is not None, "there is a file to save to"
        progress = Progress(
            identity=self.identity,
            shard=self._division.shard,
            tiles=self._tiles_done,
            genotypes=self._genotypes_done,
            complete=self._tiles_done == self._division.num_tiles,
            found=self.found(),
            histogram=self._histogram,
            unwritten=joined(self._unwritten, self.wanted.size),
        )
        write_progress(progress, self._state)
        return_heap()  # of the programs compiled since: tiles need several
        self._saved = time.monotonic()

    def _finished(self, tile: StartedTile) -> Found:
        genes = tile.genes[:, : self.wanted.size]
        scores = self.predictor.in_score_units(tile.result(), np.full(len(genes), self.study[0]))
        if not np.isfinite(scores.mean).all():
            names = ",".join(self.predictor.bundle.genes.names(genes[np.argmin(np.isfinite(scores.mean))]))
            raise GiJaxError(
                f"the prediction for {names} is no finite number; the model's weights may be damaged"
            )
        return Found(genes, *scores)

    def _take(self, piece: Piece, found: Found) -> None:
        self._histogram.add(found.score)
        wanted = self._wanted(found)
        self._extremes.add(found if wanted.all() else found.take(wanted))
        if self._parts is not None:
            self._unwritten.append(found)
            if piece.ends_block:
                self._parts.write(piece.block, joined(self._unwritten, self.wanted.size))
                self._unwritten = []
        self._tiles_done += 1
        self._genotypes_done += len(found.score)

    def _wanted(self, found: Found) -> np.ndarray:
        """Which of the genotypes may be among the extremes: `[M]` bool."""
        wanted = self._extremes.candidates(found.score)
        if self.below is not None or self.above is not None:
            low = -np.inf if self.below is None else self.below
            high = np.inf if self.above is None else self.above
            wanted &= (found.score <= low) | (found.score >= high)
        if self._left_out is not None and len(self._left_out) and wanted.any():
            rows = np.flatnonzero(wanted)
            keys = row_keys(found.genes[rows], len(self.predictor.bundle.genes))
            assert keys is not None, "sizes without numbers were refused"
            place = np.minimum(np.searchsorted(self._left_out, keys), len(self._left_out) - 1)
            wanted[rows[self._left_out[place] == keys]] = False
        return wanted
