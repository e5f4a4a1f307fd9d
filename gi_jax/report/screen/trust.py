"""What the list of a screen is worth: how test genotypes came out, how well the listed ones are known."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from gi_jax.evaluation.ranking import OTHER_SHARE, STRONG
from gi_jax.experiment.confidence import Confidence
from gi_jax.report.blocks import Block, Section, Table, aligned, number, scaled
from gi_jax.report.screen.drawings import spread_against_error
from gi_jax.report.screen.outcome import LOWEST, ScreenOutcome
from gi_jax.report.screen.palette import themed
from gi_jax.report.screen.record import read_spread, read_tests

FEW = 10  # test genotypes, below which nothing is said of them
Blocks = list[str | Block]


def trust_section(outcome: ScreenOutcome, run: Path, confidence: Confidence | None) -> Section:
    """Test genotypes that were predicted as extreme as the list, intervals, training support, range."""
    blocks: Blocks = [
        *_tests(outcome, run, confidence),
        *_calibration(run),
        *_support(outcome),
        *_outside(outcome),
        *_measured(outcome),
    ]
    blocks += [f"Note: {note}." for note in outcome.notes]
    return Section("What to trust", tuple(blocks))


def _tests(outcome: ScreenOutcome, run: Path, confidence: Confidence | None) -> Blocks:
    """How test genotypes came out."""
    record = read_tests(run, outcome.study)
    if record is None:
        return [
            "This folder has no record of test genotypes, so nothing can be said here of how well the model "
            "predicts. `gi-jax evaluate RUN` makes one for a run."
        ]
    measured, predicted, studies = record.measured, record.predicted, record.study
    pearson = float(np.corrcoef(measured, predicted)[0, 1]) if len(measured) > 2 else float("nan")
    text = (
        f"The model was asked for {len(measured):,} test genotypes whose measurements it had never seen: "
        f"predictions and measurements correlate at Pearson {number(pearson)}. How the test genotypes came "
        "out that were predicted as extreme as the list, is what to expect of the list, if its genes are "
        "known as well:"
    )
    strong = _strong(measured, studies)
    rows = []
    for end, own in outcome.ends.items():
        low = end == LOWEST
        cut = outcome.score[own].max() if low else outcome.score[own].min()
        like = predicted <= cut if low else predicted >= cut
        if like.sum() < FEW:
            rows.append(
                (f"{end}, {number(cut, 2)} or {'less' if low else 'more'}", f"{like.sum():,}", *"––––")
            )
            continue
        means = aligned([predicted[like].mean(), measured[like].mean()])
        shares = (f"{strong[end][like].mean():.0%}", f"{strong[end].mean():.0%}")
        rows.append(
            (f"{end}, {number(cut, 2)} or {'less' if low else 'more'}", f"{like.sum():,}", *means, *shares)
        )
    head = (
        "predicted",
        "test genotypes",
        "mean predicted",
        "mean measured",
        "strong ones",
        "strong among all",
    )
    blocks: Blocks = [text, Table(head, tuple(rows)), _strong_in_words(studies)]
    if confidence is not None and record.std is not None:
        reach = confidence.factor * record.std
        inside = float((np.abs(measured - predicted) <= reach).mean())
        blocks.append(
            f"Intervals are made to hold {confidence.level:.0%} of measurements. Of the test genotypes they "
            f"hold {inside:.1%}."
        )
    return blocks


def _strong(measured: np.ndarray, studies: np.ndarray) -> dict[str, np.ndarray]:
    """Which test genotypes count as strong at either end, by the bounds of their study."""
    low, high = np.zeros(len(measured), bool), np.zeros(len(measured), bool)
    for study in np.unique(studies):
        own = studies == study
        bounds = STRONG.get(str(study)) or np.quantile(measured[own], [OTHER_SHARE, 1 - OTHER_SHARE])
        low[own], high[own] = measured[own] <= bounds[0], measured[own] >= bounds[1]
    return {"lowest": low, "highest": high}


def _strong_in_words(studies: np.ndarray) -> str:
    names = [str(study) for study in np.unique(studies)]
    known = [
        f"{name}: {scaled(STRONG[name][0])} and below, {scaled(STRONG[name][1])} and above"
        for name in names
        if name in STRONG
    ]
    others = [
        f"of {name} the lowest and the highest {OTHER_SHARE:.0%}" for name in names if name not in STRONG
    ]
    return f"Strong means here: {'; '.join(known + others)}."


def _calibration(run: Path) -> Blocks:
    found = read_spread(run)
    if found is None:
        return []
    picture = themed(
        partial(spread_against_error, spread=found.spread, rmse=found.rmse),
        "Error of test genotypes against the predicted standard deviation, one point per bin",
    )
    return [
        "Does the model know when it is unsure? Test genotypes in bins of rising predicted standard "
        "deviation: near the dashed line the stated uncertainty is the actual error; points above it say "
        "that the model is surer than it should be.",
        picture,
    ]


def _support(outcome: ScreenOutcome) -> Blocks:
    """How often training saw the rarest gene of a listed genotype."""
    if outcome.training is None:
        return []
    seen = np.where(outcome.training < 0, np.iinfo(np.int64).max, outcome.training).min(axis=1)
    bounds = (
        (0, 0, "never"),
        (1, 19, "1 to 19 times"),
        (20, 99, "20 to 99 times"),
        (100, None, "100 times or more"),
    )
    width = outcome.numbers("high") - outcome.numbers("low")
    rows = []
    for low, high, name in bounds:
        held = (seen >= low) & (seen <= (np.iinfo(np.int64).max - 1 if high is None else high))
        counts = [f"{(held & own).sum():,}" for own in outcome.ends.values()]
        mean = number(float(width[held].mean()), 2) if held.any() else "–"
        rows.append((name, *counts, *([] if np.isnan(width).all() else [mean])))
    head = (
        "rarest gene in training",
        *outcome.ends,
        *([] if np.isnan(width).all() else ["mean interval width"]),
    )
    return [
        "A prediction is worth more the more often training saw both of its genes. The listed genotypes, by "
        "how many training genotypes have the gene that is rarest among them; of a gene that training never "
        "saw, a model knows networks and features alone.",
        Table(head, tuple(rows)),
    ]


def _outside(outcome: ScreenOutcome) -> Blocks:
    if "outside_training_range" not in outcome.table.column_names:
        return []
    count = int(np.nansum(outcome.numbers("outside_training_range")))
    if not count:
        return ["No listed prediction lies outside the range of the scores in training."]
    return [
        f"{count:,} of the {len(outcome.score):,} listed predictions lie outside the range of the scores in "
        "training: read them as very strong and not as exact numbers."
    ]


def _measured(outcome: ScreenOutcome) -> Blocks:
    if not (count := int(outcome.known.sum())):
        return []
    return [
        f"{count:,} of the {len(outcome.score):,} listed genotypes were measured, and most of these were in "
        "training: that predictions agree with them says little. The others are what the model adds."
    ]
