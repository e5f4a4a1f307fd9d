"""The shards of a screen as the one screen that they are parts of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gi_jax.errors import GiJaxError
from gi_jax.predict.predictor import Predictor
from gi_jax.predict.screening.division import Shard
from gi_jax.predict.screening.extremes import Extremes, Found
from gi_jax.predict.screening.histogram import ScoreHistogram
from gi_jax.predict.screening.identity import weights_sha256
from gi_jax.predict.screening.state import check_same, read_progress


class MergedScreen:
    """What all shards together found; equal to the bit to what one screen finds.

    Args:
      paths: the files of all shards, in any order, as `Screen.keep_state` writes them.

    Raises:
      GiJaxError: a file is damaged or of another screen, or a shard is missing, there twice or not complete.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        if not paths:
            raise GiJaxError("found no shards to merge; name the files of all of them")
        shards: dict[int, Path] = {}
        self.source = Path(paths[0])
        self.identity: Mapping[str, Any] = {}
        self._histogram, self.num_genotypes, of = ScoreHistogram(), 0, 0
        for path in map(Path, paths):
            progress = read_progress(path)
            number, number_of = progress.shard
            if not shards:
                self.identity, of = progress.identity, number_of
                genes = progress.found.genes.shape[1]
                self._extremes = Extremes(int(self.identity["top"]), genes)
            check_same(path, {**progress.identity, "shards": number_of}, {**self.identity, "shards": of})
            if number in shards:
                raise GiJaxError(
                    f"{path}: is the shard {Shard(number, of)}, as {shards[number]} is; name each shard once"
                )
            if not progress.complete:
                raise GiJaxError(
                    f"{path}: the shard {Shard(number, of)} is not finished; go on with --resume on it first"
                )
            shards[number] = path
            self._extremes.add(progress.found)
            self._histogram.merge(progress.histogram)
            self.num_genotypes += progress.genotypes
        if missing := [str(Shard(number, of)) for number in range(1, of + 1) if number not in shards]:
            raise GiJaxError(f"the shards {', '.join(missing)} are missing; name the files of all {of}")

    def check(self, predictor: Predictor, study: str | None = None) -> None:
        """Raises a `GiJaxError` unless it was this model that was screened, on the scale of this study."""
        code = int(predictor.bundle.transform.study_codes((study or "query",))[0])
        now = {"model": weights_sha256(predictor), "study": code}
        check_same(self.source, {key: self.identity.get(key) for key in now}, now)

    def found(self) -> Found:
        """The extremes of the whole screen, as `Screen.found` has them."""
        return self._extremes.found()

    def histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """Of all predictions, as `Screen.histogram` has it."""
        return self._histogram.bins()
