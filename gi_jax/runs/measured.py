"""What a run was trained on, read anew beside its model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gi_jax.config.paths import check_files
from gi_jax.data.genotype_table import GenotypeTable, deleted_genes
from gi_jax.data.given_split import given_split
from gi_jax.data.splits import Split, load_split
from gi_jax.experiment.bundle import CONFIG, ModelBundle
from gi_jax.experiment.experiment import load_measured
from gi_jax.models.closed_form.options import QUICK
from gi_jax.models.model import Cell, Labelled
from gi_jax.models.registry import fit_competitor
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.resume import check_same_scores
from gi_jax.runs.run import SPLIT


class RunData:
    """The measured genotypes of a run or of a model folder, and which of them it was fitted to.

    Args:
      run: the folder.
      bundle: the model in it.

    Raises:
      GiJaxError: files of measurements are not where the configuration says, have a mistake, or are not those
        of the training.
    """

    def __init__(self, run: Path, bundle: ModelBundle) -> None:
        check_files(bundle.config, run / CONFIG)
        self.bundle = bundle
        self.table, _, _ = load_measured(bundle.config, bundle.genes)
        check_same_scores(run, self.table)
        self.split: Split | None = None  # not known of a model that was converted
        if (run / SPLIT).exists():
            self.split = load_split(run / SPLIT)
        elif "train" in bundle.parts:
            self.split = given_split(self.table, bundle.parts, str(run))

    @property
    def genes(self) -> np.ndarray:
        """Ids of the genes that some measured genotype deletes, increasing."""
        return deleted_genes(self.table)

    @property
    def train(self) -> GenotypeTable | None:
        """The training genotypes; None where they are not known."""
        return None if self.split is None else self.table.take(self.split.train)

    def of_study(self, study: str | None) -> GenotypeTable:
        """Those of one study, or all for a name that is none of theirs."""
        if study not in self.table.studies:
            return self.table
        return self.table.take(self.table.study == self.table.studies.index(study))

    def baselines(self, predictor: Predictor, asked: GenotypeTable) -> dict[str, np.ndarray]:
        """Scores `[M]` that the additive and the low-rank model predict, fitted to the training genotypes.

        Args:
          asked: M genotypes over the same genes, see `Predictor.score_table`.
        """
        if self.split is None:
            return {}
        transform = self.bundle.transform
        training, validation = (self._labelled(rows) for rows in (self.split.train, self.split.val))
        cell, asked = Cell(self.bundle.genes, predictor.graph), transform.with_own_studies(asked)
        found = {}
        for name in QUICK[1:]:
            if name != self.bundle.config.model.kind:
                baseline = fit_competitor(name, training, validation, cell)
                found[name] = transform.inverse(baseline.predict(asked).members[0], asked.study)
        return found

    def _labelled(self, rows: np.ndarray) -> Labelled:
        table, transform = self.table.take(rows), self.bundle.transform
        own = transform.with_own_studies(table)
        return Labelled(table, transform.forward(own.score, own.study))
