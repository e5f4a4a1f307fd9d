"""From a configuration to everything a training works on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gi_jax.config import RunConfig
from gi_jax.config.schema import plain
from gi_jax.data.formats.feature_files import GeneFeatures
from gi_jax.data.formats.genotype_files import load_genotypes, load_query_genotypes
from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable, joined
from gi_jax.data.given_split import PARTS, given_split
from gi_jax.data.leaks import check_no_leak
from gi_jax.data.load_report import LeftOut, LoadReport, SourceReport
from gi_jax.data.networks import CellGraph
from gi_jax.data.splits import Split, k_fold_splits, split_genotypes, with_additional_training
from gi_jax.data.transforms import LabelTransform, fit_label_transform
from gi_jax.errors import GiJaxError
from gi_jax.experiment.cell import load_gene_features, load_genes, load_graph
from gi_jax.experiment.labels import read_transform
from gi_jax.experiment.stored_cell import network_fingerprints, read_cell
from gi_jax.models.model import Cell, Labelled


@dataclass(frozen=True)
class Experiment:
    """The genes, networks, genotypes, split and label transform of a run."""

    config: RunConfig
    genes: GeneList
    graph: CellGraph  # on the device
    features: tuple[GeneFeatures, ...]
    table: GenotypeTable
    split: Split
    transform: LabelTransform  # fitted on the training rows
    report: LoadReport

    @property
    def train(self) -> GenotypeTable:
        """The training genotypes."""
        return self.table.take(self.split.train)

    @property
    def val(self) -> GenotypeTable:
        """The validation genotypes."""
        return self.table.take(self.split.val)

    @property
    def test(self) -> GenotypeTable:
        """The test genotypes."""
        return self.table.take(self.split.test)

    @property
    def parts(self) -> dict[str, np.ndarray]:
        """The genotypes of training, validation and test by name, as a model folder keeps them."""
        return {part: self.table.genes[getattr(self.split, part)] for part in PARTS}

    @property
    def cell(self) -> Cell:
        """What a model is told of the organism."""
        return Cell(self.genes, self.graph, self.features)

    @property
    def training(self) -> Labelled:
        """The training genotypes with their labels."""
        return self._labelled(self.train)

    @property
    def validation(self) -> Labelled:
        """The validation genotypes with their labels."""
        return self._labelled(self.val)

    def _labelled(self, table: GenotypeTable) -> Labelled:
        return Labelled(table, self.labels(table))

    def labels(self, table: GenotypeTable) -> np.ndarray:
        """Transformed scores `[M]` of a part of the genotypes."""
        return self.transform.forward(table.score, table.study)

    def identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with to be continued: configuration, genes, data, split."""
        rows = (self.split.train, self.split.val, self.split.test)
        return {
            "config": plain(self.config),
            "genes": list(self.genes.ids),
            "genes_sha256": self.genes.fingerprint,
            "networks_sha256": network_fingerprints(self.graph),
            "features_sha256": {table.name: table.fingerprint for table in self.features},
            "genotypes_sha256": genotypes_sha256(self.table),
            "split_sha256": _sha256(*(part.astype("<i8").tobytes() for part in rows)),
        }


def load_experiment(config: RunConfig, split: Split | None = None) -> Experiment:
    """Loads the data of a configuration, splits it and fits the label transform.

    Args:
      config: the run's.
      split: a saved split, drawn anew if not given.

    Raises:
      GiJaxError: whatever is wrong with data or split.
    """
    genes = load_genes(config.data)
    graph, network_report = load_graph(config, genes)
    features, feature_report = load_gene_features(config, genes)
    table, num_split, genotype_report = load_measured(config, genes)
    if split is None:
        added = num_split < len(table)
        split = _draw(config, table.take(np.arange(num_split)) if added else table, genes)
        split = with_additional_training(split, table) if added else split
    check_no_leak(split, table)
    labels = config.transforms.labels
    if config.data.model_folder is not None and "labels" in config.data.inherit:
        transform = read_transform(Path(config.data.model_folder))
    else:
        transform = fit_label_transform(labels.strategy, table, split.train, per_study=labels.per_study)
    report = network_report + feature_report + genotype_report
    return Experiment(config, genes, graph, features, table, split, transform, report)


def load_measured(config: RunConfig, genes: GeneList) -> tuple[GenotypeTable, int, LoadReport]:
    """The genotypes of a configuration, those to split before those to add to the training.

    Returns:
      All of them, how many are to be split, and what was read.

    Raises:
      GiJaxError: whatever is wrong with the files, or a study is among both.
    """
    table, report = load_genotypes(genes, config.data.genotypes, keep=config.data.filter)
    if not config.data.additional_training:
        return table, len(table), report
    others, of_others = load_genotypes(genes, config.data.additional_training, keep=config.data.filter)
    _check_named_once(table, others)
    if config.data.additional_genes == "measured":
        known = np.append(np.unique(table.genes), table.num_genes)
        own = np.asarray(np.isin(others.genes, known).all(axis=1))
        why = LeftOut(int((~own).sum()), "with a gene that data.genotypes do not delete")
        added = SourceReport("data.additional_training", "genotypes", len(own), int(own.sum()), (why,))
        of_others += LoadReport((added,))
        others = others.take(own)
    return joined([table, others]), len(table), report + of_others


def _check_named_once(table: GenotypeTable, others: GenotypeTable) -> None:
    if shared := [study for study in others.studies if study in table.studies]:
        raise GiJaxError(
            f"the study '{shared[0]}' is in data.genotypes and in data.additional_training; name it in one "
            "place"
        )


def _draw(config: RunConfig, table: GenotypeTable, genes: GeneList) -> Split:
    s = config.data.split
    if s.files:
        listed = {part: load_query_genotypes(genes, file)[0].genes for part, file in s.files.items()}
        return given_split(table, listed, "data.split.files")
    if config.data.model_folder is not None and "split" in config.data.inherit:
        folder = Path(config.data.model_folder)
        parts = read_cell(folder, config.cell_dataset.graphs, genes.fingerprint, len(genes)).parts
        if parts:
            return given_split(table, parts, str(folder))
    if s.folds is not None:
        return k_fold_splits(table, s.kind, seed=s.seed, folds=s.folds)[s.fold]
    return split_genotypes(table, s.kind, seed=s.seed, fractions=s.fractions)


def genotypes_sha256(table: GenotypeTable) -> str:
    """SHA-256 of gene sets, studies and scores: what a model was trained on and is compared with."""
    return _sha256(table.fingerprint.encode(), table.score.tobytes())


def _sha256(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()
