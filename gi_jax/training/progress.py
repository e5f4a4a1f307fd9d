"""Where a training stands, as the host knows it: everything beside the state that resuming needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Progress:
    """The position of the next batch and the memory of early stopping, schedule and clock."""

    epoch: int = 0
    position: int = 0  # number of the next batch in its epoch
    step: int = 0  # batches trained on
    best_pearson: float | None = None  # on the validation split
    best_epoch: int | None = None
    best_step: int | None = None
    early_stopping_pearson: float | None = None  # the last one that rose by `min_delta`
    stale_epochs: int = 0  # validations since that one
    best_rmse: float | None = None  # where the validation Pearson is undefined, as the next
    early_stopping_rmse: float | None = None
    seconds: float = 0.0  # of training, over all sessions of the run
    row_need: list[int] = field(default_factory=list)  # `RowCounts.to_list`: the most rows of a batch so far
    device_batch: int | None = None  # genotypes on one device, of which `row_need` speaks
    backends: dict[str, str] = field(default_factory=dict)  # of aggregation, by network
    platform: str | None = None  # on which they were chosen
    schedule: Any = None  # memory of the learning-rate schedule

    def to_dict(self) -> dict[str, Any]:
        """Plain values; numbers survive JSON exactly."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Progress:
        """The inverse of `to_dict`."""
        return cls(**saved)
