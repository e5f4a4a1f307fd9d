"""The picture of a run is written for few and for many genotypes, and with values that do not exist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from gi_jax.report import plot_report


def test_a_model_that_is_solved_for_has_no_curve(tmp_path: Path) -> None:
    path, scores = tmp_path / "report.png", np.linspace(-1, 1, 20)
    plot_report(path, scores, 0.5 * scores, [], {"model": 1.0, "mean": float("nan")})
    image = imread(path)[..., :3]
    assert image.shape[:2] == (504, 1080)  # 4.2 by 9 inches
    for half in np.array_split(image, 2, axis=1):
        assert 0.01 < (half.min(axis=2) < 0.9).mean() < 0.5


@pytest.mark.parametrize("num_genotypes", [5, 3000])
def test_the_picture_has_three_panels_with_ink(num_genotypes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    measured = rng.normal(size=num_genotypes)
    predicted = 0.5 * measured
    epochs = [
        {"epoch": 0, "train_pearson": None, "val_pearson": 0.1},
        {"epoch": 1, "train_pearson": 0.3, "val_pearson": 0.2},
    ]
    path = tmp_path / "report.png"
    plot_report(path, measured, predicted, epochs, {"model": 0.5, "mean": float("nan"), "additive": 0.3})
    image = imread(path)[..., :3]  # [rows, columns, colours], 1 is white
    assert image.shape[:2] == (504, 1560)  # 4.2 by 13 inches at 120 dots each
    for third in np.array_split(image, 3, axis=1):
        assert 0.01 < (third.min(axis=2) < 0.9).mean() < 0.5
