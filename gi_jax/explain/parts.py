"""The prediction of a genotype as the parts that add up to it, in the units of the scores."""

from __future__ import annotations

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.explain.paths import contributions, forward_paths
from gi_jax.models.neural.fitted import NeuralModel
from gi_jax.models.neural.forward import TableForward
from gi_jax.predict.predictor import Predictor


def parts_of_predictions(predictor: Predictor, table: GenotypeTable) -> dict[str, np.ndarray]:
    """What a neural model's predictions of M genotypes are made of: arrays `[M]` by name.

    * `prior`: the score that the model which this one adds to predicts by itself, where there is one.
    * `global`, `local`: weight times prediction of each path, for a model with both; in the units of the
      scores, without the center of the label transform. `prior + global + local` is the prediction, without
      a prior `center + global + local`.
    * `gate`: the weight of the global path, 0 to 1; the local one has the rest.

    Of an ensemble these are means over its members. Empty for a model that has no such parts.

    Args:
      table: over the model's genes; scores are in the units of its study.

    Raises:
      GiJaxError: the model was not fitted to one of the studies.
    """
    fitted, transform = predictor.fitted, predictor.bundle.transform
    if not isinstance(fitted, NeuralModel) or not len(table):
        return {}
    table = transform.with_own_studies(table)
    parts: dict[str, np.ndarray] = {}
    if fitted.prior is not None:
        parts["prior"] = transform.inverse(fitted.prior.predict(table).members[0], table.study)
    config = fitted.trained
    if not (config.has_paths and config.local_predictor_config.use_local_predictor):
        return parts
    forward = TableForward(fitted.module, fitted.graph, table, fitted.settings.batch_size)
    members = [forward_paths(forward, fitted.member(k).variables) for k in range(fitted.num_members)]
    shares = np.mean([contributions(paths) for paths in members], axis=0) * fitted.scale  # [M, 2]
    for name, share in zip(("global", "local"), shares.T, strict=True):
        parts[name] = transform.inverse_spread(share, table.study)
    parts["gate"] = np.mean([paths.weight[:, 0].astype(np.float64) for paths in members], axis=0)
    return parts
