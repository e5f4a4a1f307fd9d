"""Whether a model's standard deviations tell its errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gi_jax.data.formats.tables import read_table
from gi_jax.evaluation.evaluation import Evaluation
from gi_jax.experiment.confidence import LEVEL
from gi_jax.report.blocks import Picture, Section, Table, aligned, picture
from gi_jax.report.panels import INK, VAL, frameless, new_figure

COLUMNS = ("spread", "rmse", "genotypes")


def calibration_section(path: Path, num_genotypes: int) -> Section | None:
    """Spread over the members against error, from a `calibration.tsv`; None if there is no such file."""
    if not path.exists():
        return None
    columns = read_table(path, required=COLUMNS).columns
    spread, rmse, genotypes = (np.array(columns[name], float) for name in COLUMNS)
    numbers = np.reshape(aligned([*spread, *rmse]), (2, -1)).tolist()
    rows = tuple(zip(*numbers, (f"{count:,.0f}" for count in genotypes), strict=True))
    return Section(
        "Calibration",
        (
            f"The {num_genotypes:,} test genotypes in bins of rising spread: the standard deviation of the "
            "prediction over the members of an ensemble, or the model's own. Where the spread tells the "
            "error, the root mean square error (RMSE) of a bin lies on the dashed line. Points above it: the "
            "model is surer than it should be, as ensembles usually are, because measurements have noise "
            "that no member sees. Points that do not even rise: the spread says nothing about which "
            "predictions to trust.",
            _points(spread, rmse),
            Table(("mean spread", "RMSE", "test genotypes"), rows, words=0),
        ),
    )


def intervals_section(evaluation: Evaluation) -> Section | None:
    """How many test genotypes lie in the intervals, by group; None for a model without intervals."""
    if evaluation.coverage is None:
        return None
    caption = (
        f"Predictions have intervals that {LEVEL:.0%} of measurements should lie in: so many standard "
        "deviations to either side as hold for the validation genotypes. Here is what they hold for the test "
        "genotypes, in groups by how often training saw the rarest gene of a genotype; seldom is less often "
        "than half of the genes. A group below the promise is one to trust less."
    )
    found = evaluation.coverage.values()
    widths = aligned([group.width for group in found])
    rows = tuple(
        (name, f"{group.genotypes:,}", f"{group.inside:.1%}", width)
        for (name, group), width in zip(evaluation.coverage.items(), widths, strict=True)
    )
    return Section("Intervals", (caption, Table(("", "test genotypes", "inside", "mean width"), rows)))


def _points(spread: np.ndarray, rmse: np.ndarray) -> Picture:
    figure = new_figure(5, 4)
    axes = figure.subplots()
    end = 1.08 * float(max(spread.max(), rmse.max()))
    axes.plot([0, end], [0, end], color=INK, linewidth=0.8, linestyle="--")
    axes.plot(spread, rmse, marker="o", markersize=5, color=VAL)
    axes.set(
        xlim=(0, 1.15 * float(spread.max()) or end),
        ylim=(0, end),
        xlabel="spread over members, in score units",
        ylabel="RMSE, in score units",
    )
    frameless(axes)
    return picture(figure, "Root mean square error against the spread of the ensemble, one point per bin")
