"""Learning-rate schedules against PyTorch's definitions."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from gi_jax.errors import GiJaxError
from gi_jax.schedules import Schedule, linear_warmup, make_schedule


def rates(schedule: Schedule, metrics: list[float | None]) -> list[float]:
    state = schedule.start()
    found = [state["lr"]]
    for metric in metrics:
        state = schedule.advance(json.loads(json.dumps(state)), metric)
        found.append(state["lr"])
    return found


def torch_rates(kind: type, lr: float, metrics: list[float | None], **options: object) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = kind(optimizer, **options)
    found = [optimizer.param_groups[0]["lr"]]
    for metric in metrics:
        optimizer.step()
        scheduler.step() if metric is None else scheduler.step(metric)
        found.append(optimizer.param_groups[0]["lr"])
    return found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            dict(first_cycle_steps=5, cycle_mult=2.0, max_lr=1e-2, min_lr=1e-4, warmup_steps=2, gamma=0.5),
            [
                *(0.0001, 0.00505, 0.01, 0.007525, 0.002575, 0.0001, 0.00255, 0.005, 0.0046717622389),
                *(0.003775, 0.00255, 0.001325, 0.00042823776107, 0.0001, 0.0013, 0.0025, 0.0024591109915),
            ],
        ),
        (
            dict(first_cycle_steps=4, max_lr=1e-2, min_lr=1e-3),
            [0.001, 0.0086819805153, 0.0055, 0.0023180194847, 0.01, 0.0086819805153, 0.0055],
        ),
    ],
)
def test_cosine_restarts_give_the_rates_of_torchcells_scheduler(options: dict, expected: list[float]) -> None:
    # lr of an SGD optimizer stepped by torchcell 1.8.4's CosineAnnealingWarmupRestarts under torch 2.13,
    # before the first step and after each; without warm-up, too, the first rate is min_lr
    found = rates(
        make_schedule("CosineAnnealingWarmupRestarts", lr=0.5, **options), [None] * (len(expected) - 1)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)


PLATEAUS = [
    dict(factor=0.2, patience=3, threshold=1e-4, cooldown=2, min_lr=1e-5),
    dict(),
    dict(mode="max", factor=0.5, patience=1, threshold=0.05),
    dict(mode="max", threshold_mode="abs", factor=0.3, patience=0, threshold=0.02, cooldown=1),
    dict(threshold_mode="abs", factor=0.1, patience=2, threshold=0.01, eps=1e-4),
]


@pytest.mark.parametrize("options", PLATEAUS)
def test_plateau_gives_the_rates_of_pytorch(options: dict) -> None:
    rng = np.random.default_rng(3)
    metrics = np.concatenate(
        [1 / np.arange(1, 9), np.full(12, 0.13), 0.12 + 0.02 * rng.normal(size=60)]
    ).tolist()
    metrics[30] = math.nan
    expected = torch_rates(torch.optim.lr_scheduler.ReduceLROnPlateau, 1e-2, metrics, **options)
    assert len(set(expected)) > 2
    assert rates(make_schedule("ReduceLROnPlateau", lr=1e-2, **options), metrics) == expected


def test_plateau_reduces_after_more_than_patience_bad_epochs_and_then_rests() -> None:
    schedule = make_schedule("ReduceLROnPlateau", lr=1.0, factor=0.1, patience=2, cooldown=2)
    # by hand: best at epoch 1, bad 2, 3, 4 -> reduced; 5, 6 rest; bad 7, 8, 9 -> reduced
    np.testing.assert_allclose(rates(schedule, [5.0] * 9), [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01])


def test_cosine_annealing_is_pytorchs() -> None:
    expected = torch_rates(
        torch.optim.lr_scheduler.CosineAnnealingLR, 0.3, [None] * 30, T_max=8, eta_min=0.01
    )
    found = rates(make_schedule("CosineAnnealingLR", lr=0.3, T_max=8, eta_min=0.01), [None] * 30)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_constant_and_warmup() -> None:
    assert rates(make_schedule("Constant", lr=0.25), [None] * 3) == [0.25] * 4
    assert [linear_warmup(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert linear_warmup(0, 0) == 1.0


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("Cosine", {}, "unknown learning-rate schedule 'Cosine'"),
        ("CosineAnnealingLR", {}, "CosineAnnealingLR needs T_max"),
        ("CosineAnnealingLR", {"T_max": 3, "gamma": 1}, "'gamma' is not an option of CosineAnnealingLR"),
        ("ReduceLROnPlateau", {"factor": 2.0}, "factor of ReduceLROnPlateau is 2.0"),
        ("ReduceLROnPlateau", {"mode": "best"}, "expected min or max"),
        (
            "CosineAnnealingWarmupRestarts",
            {"first_cycle_steps": 3, "warmup_steps": 3},
            "less than first_cycle_steps",
        ),
    ],
)
def test_bad_options_are_named(name: str, options: dict, sentence: str) -> None:
    with pytest.raises(GiJaxError, match=sentence):
        make_schedule(name, lr=0.1, **options)


def test_a_plateau_without_a_metric_and_a_vanishing_cycle_are_said() -> None:
    plateau = make_schedule("ReduceLROnPlateau", lr=0.1)
    with pytest.raises(GiJaxError, match="needs the metric"):
        plateau.advance(plateau.start())
    shrinking = make_schedule("CosineAnnealingWarmupRestarts", lr=0.1, first_cycle_steps=2, cycle_mult=0.4)
    with pytest.raises(GiJaxError, match="leaves cycle 1 without a step"):
        shrinking.learning_rate(5)
