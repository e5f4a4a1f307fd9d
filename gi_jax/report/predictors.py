"""The global against the local predictor: how a model weighs them, and what each contributes."""

from __future__ import annotations

import numpy as np

from gi_jax.experiment.experiment import Experiment
from gi_jax.explain.intermediates import Trained, predictor_parts
from gi_jax.explain.paths import Paths, contributions, shares_of_variance
from gi_jax.report.blocks import Picture, Section, Table, aligned, number, picture
from gi_jax.report.panels import TRAIN, VAL, frameless, new_figure

SAMPLE = 1024  # test genotypes, enough for a distribution
NAMES = ("global", "local")


def predictors_section(experiment: Experiment, trained: Trained) -> Section | None:
    """How both predictors make up the predictions of test genotypes; None for a model with only one."""
    config = experiment.config.neural
    local = config.local_predictor_config
    if not (config.has_paths and local.use_local_predictor):
        return None
    test = experiment.test
    drawn = np.sort(np.random.default_rng(0).permutation(len(test))[:SAMPLE])
    sample = test.take(drawn)
    which = f"{len(sample):,} of the {len(test):,} test genotypes, drawn at random"
    if len(sample) == len(test):
        which = f"all {len(test):,} test genotypes"
    parts = predictor_parts(trained, sample, experiment.config.data_module.batch_size)
    table = _contributions(parts, experiment.labels(sample))
    whole = "the prediction" if config.prior is None else "what is added to the prior"
    caption = (
        f"What the two predictors contribute, over {which}. A contribution is the weight times the "
        f"predictor's output, in units of the transformed labels; the two add up to {whole}. The share of "
        "variance is the covariance of contribution and sum over the variance of the sum: a predictor near 0 "
        "% could as well be left out. Pearson is that of the contribution with the measured labels."
    )
    if local.combination_method == "concat":
        fixed = (
            "There is no gate (combination_method: concat): the weights are fixed, and every prediction is "
            "half the global plus half the local one."
        )
        return Section("Global and local predictor", (fixed, caption, table))
    gate = (
        "The gate weighs the global and the local prediction anew for every genotype; the two weights add "
        f"up to 1. Counted here by the weight of the local predictor: {which}. Mass at 1 means that the "
        "global predictor, the one that sees what deletions do to the networks, is ignored; mass at 0 that "
        "the local one is; a single spike that the gate treats all genotypes alike."
    )
    return Section("Gate weights", (gate, _histogram(parts.weight), _weights(parts.weight), caption, table))


def _histogram(weight: np.ndarray) -> Picture:
    figure = new_figure(7.5, 2.6)
    axes = figure.subplots()
    axes.hist(weight[:, 1], bins=np.linspace(0, 1, 51).tolist(), color=TRAIN)
    axes.axvline(weight[:, 1].mean(), color=VAL, linewidth=1.5, label="mean")
    axes.set(xlabel="gate weight of the local predictor", ylabel="genotypes", xlim=(-0.01, 1.01))
    axes.legend(frameon=False)
    frameless(axes)
    return picture(figure, "Histogram of the gate weight of the local predictor over test genotypes")


def _weights(weight: np.ndarray) -> Table:
    rows = [
        (name, number(own.mean()), number(own.std()), *map(number, np.quantile(own, [0.05, 0.5, 0.95])))
        for name, own in zip(NAMES, weight.T, strict=True)
    ]
    return Table(("gate weight", "mean", "SD", "5 %", "median", "95 %"), tuple(rows))


def _contributions(parts: Paths, labels: np.ndarray) -> Table:
    weighted = contributions(parts)  # [M, 2]
    deviation, of_labels = weighted.std(axis=0), labels.std()
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = ((weighted - weighted.mean(axis=0)) * (labels - labels.mean())[:, None]).mean(axis=0)
        pearson = covariance / (deviation * of_labels)
    share = 100 * shares_of_variance(weighted)
    columns = (NAMES, aligned(deviation), (number(s, 1) for s in share), map(number, pearson))
    head = ("predictor", "SD of contribution", "share of variance, %", "Pearson")
    return Table(head, tuple(zip(*columns, strict=True)))
