"""How the training went: loss, error, correlation and learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from gi_jax.experiment.experiment import Experiment
from gi_jax.report.blocks import Picture, Section, number, picture, scaled
from gi_jax.report.panels import TRAIN, VAL, column, frameless, new_figure, pearson_by_epoch
from gi_jax.training.batches import num_batches
from gi_jax.training.criterion import best_validation, choose_criterion

Records = Sequence[Mapping[str, Any]]


def curves_section(experiment: Experiment, epochs: Records, steps: Records) -> Section:
    """Curves over the epochs from the `epoch` and `step` records of a run's metrics."""
    if experiment.config.model.one_solution:
        kind = experiment.config.model.kind
        return Section(
            "Training", (f"A model of kind {kind} is solved for in one go, so there is no curve.",)
        )
    if not epochs:
        return Section("Training", ("The run has no record of its training: metrics.jsonl holds none.",))
    config, best, last = experiment.config, best_validation(epochs), epochs[-1]
    pearson, rmse = (column(epochs, key)[best] for key in ("val_pearson", "val_rmse"))
    by_pearson = choose_criterion(experiment.val.score).metric == "pearson"
    kept = (
        f"the highest validation Pearson, {number(pearson, 4)}, at a validation RMSE of {scaled(rmse)}"
        if by_pearson
        else f"the lowest validation RMSE, {scaled(rmse)} (a correlation with this split is undefined)"
    )
    caption = (
        f"{last['step']:,} steps of {config.data_module.batch_size:,} genotypes in "
        f"{last['seconds'] / 60:.1f} minutes, validated {len(epochs):,} times. The dashed line marks epoch "
        f"{epochs[best]['epoch'] + 1}, whose weights are kept and evaluated here: {kept}. The loss "
        f"({config.regression_task.loss}, on transformed labels) and the training Pearson are averages over "
        "the batches of an epoch while the weights change, with dropout if there is any; validation "
        f"follows the epoch and covers all {len(experiment.split.val):,} validation genotypes, RMSE in "
        "units of the scores. A gap that widens between training and validation is overfitting."
    )
    per_epoch = num_batches(len(experiment.split.train), config.data_module.batch_size)
    return Section("Training", (caption, _curves(epochs, steps, best, per_epoch)))


def _curves(epochs: Records, steps: Records, best: int, per_epoch: int) -> Picture:
    figure = new_figure(7.5, 5.0)
    panels = figure.subplots(2, 2, sharex=True)
    (loss, rmse), (pearson, rate) = panels
    x = column(epochs, "step") / per_epoch
    dots = {"marker": "o", "markersize": 3}
    loss.plot(x, column(epochs, "train_loss"), color=TRAIN, **dots)
    loss.set_title("training loss", loc="left")
    rmse.plot(x, column(epochs, "val_rmse"), color=VAL, **dots)
    rmse.set_title("validation RMSE", loc="left")
    pearson_by_epoch(pearson, x, epochs)
    pearson.set(ylabel="")
    pearson.set_title("Pearson correlation", loc="left")
    rate.plot(column(steps, "step") / per_epoch, column(steps, "learning_rate"), color=TRAIN)
    rate.set(xlabel="epoch")
    rate.set_title("learning rate", loc="left")
    rate.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in panels.flat:
        axes.axvline(x[best], color=VAL, linewidth=0.8, linestyle="--", zorder=0)
    frameless(*panels.flat)
    return picture(figure, "Training loss, validation RMSE, Pearson correlation and learning rate by epoch")
