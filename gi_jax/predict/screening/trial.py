"""How long a screen takes, found by a few of its tiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from gi_jax.models.model import Device, StartedTile
from gi_jax.predict.screening.division import Division

TRIED = 5  # tiles, each of which stands for a fifth of the screen
LONGEST = 10.0  # seconds after which no further tile is tried
FEW = 4 * TRIED  # tiles of a screen that is not worth a trial


def estimated_seconds(
    division: Division, finish: Callable[[StartedTile], object], devices: Sequence[Device | None]
) -> float:
    """About how long the tiles of a shard take; 0 for a screen of few tiles, which is quicker than a trial.

    Tiles of equal distances are timed, each a second time, as the first one compiles a program. So tiles of
    genes with many edges, which come late and take longer, are in the estimate. Results are thrown away.
    """
    if division.num_tiles < FEW:
        return 0.0
    begun, measured = time.monotonic(), []
    middles = [division.num_tiles * (2 * k + 1) // (2 * TRIED) for k in range(TRIED)]
    for number, piece in enumerate(division):
        if number not in middles:
            continue
        for _ in range(2):
            started = time.monotonic()
            finish(piece.tile.start(devices[0]))
            seconds = time.monotonic() - started
        measured.append(seconds)  # pyright: ignore[reportPossiblyUnboundVariable]
        if time.monotonic() - begun > LONGEST or number == middles[-1]:
            break
    return float(np.mean(measured)) * division.num_tiles / len(devices)
