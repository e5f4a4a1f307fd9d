"""What the run was trained on: sources, splits, studies, networks; and its configuration."""

from __future__ import annotations

import numpy as np

from gi_jax.config import to_yaml
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import CellGraph
from gi_jax.data.transforms import LabelTransform
from gi_jax.experiment.experiment import Experiment
from gi_jax.models.model import FittedModel
from gi_jax.report.blocks import Section, Table, Verbatim, aligned, scaled
from gi_jax.report.groups import by_size, by_study


def data_section(experiment: Experiment) -> Section:
    """The load report, the split, and the networks."""
    split = experiment.split
    parts = {"training": experiment.train, "validation": experiment.val, "test": experiment.test}
    left_out = f" {len(split.left_out):,} genotypes are in no part." if len(split.left_out) else ""
    drawn = (
        f"{len(experiment.genes):,} genes. The {split.kind} split (seed {split.seed}) puts every set of "
        f"deleted genes into one part only.{left_out} Scores are in the units of their study; "
        f"{_labels(experiment.transform)}."
    )
    return Section(
        "Data",
        (
            drawn,
            _split_table(parts),
            "Genotypes of each study and each number of deleted genes, by part.",
            _group_table(experiment.table, parts),
            "Networks as the model sees them: edges are directed, so an undirected one counts twice. Genes "
            "in it have at least one edge; the others have no neighbours there.",
            _network_table(experiment.graph),
            "What was read, what was kept, and what was left out and why.",
            _source_table(experiment),
        ),
    )


def configuration_section(experiment: Experiment, fitted: FittedModel) -> Section:
    """The size of the model, and the whole configuration."""
    counts = fitted.num_parameters()
    rows = tuple((component, f"{count:,}") for component, count in counts.items())
    return Section(
        "Configuration",
        (
            f"Model {experiment.config.model.kind}, parameters by component.",
            Table(("component", "parameters"), rows),
            "The whole config.yaml, every default written out.",
            Verbatim(to_yaml(experiment.config)),
        ),
    )


def _labels(transform: LabelTransform) -> str:
    if transform.kind == "identity":
        return "the model is trained on them as they are"
    fitted = (
        f"the model is trained on (score − center) / scale, {transform.kind}, fitted to the training part"
    )
    if transform.studies:
        return f"{fitted} of each study by itself"
    return f"{fitted}: center {scaled(transform.center[0])}, scale {scaled(transform.scale[0])}"


def _split_table(parts: dict[str, GenotypeTable]) -> Table:
    summaries = [[f(part.score) for f in (np.mean, np.std, np.min, np.max)] for part in parts.values()]
    text = np.reshape(aligned(np.ravel(summaries)), (len(parts), -1)).tolist()
    rows = [(name, f"{len(parts[name]):,}", *own) for name, own in zip(parts, text, strict=True)]
    return Table(("part", "genotypes", "mean score", "SD", "lowest", "highest"), tuple(rows))


def _group_table(table: GenotypeTable, parts: dict[str, GenotypeTable]) -> Table:
    rows = []
    for group in (by_study, by_size):
        counted = {part: group(own) for part, own in parts.items()}
        for name in group(table):
            counts = (counted[part][name].sum() if name in counted[part] else 0 for part in parts)
            rows.append((name, *(f"{count:,}" for count in counts)))
    return Table(("", *parts), tuple(rows))


def _network_table(graph: CellGraph) -> Table:
    rows = []
    for name, network in zip(graph.names, graph.networks, strict=True):
        degrees = np.diff(np.asarray(network.indptr)) + np.diff(np.asarray(network.indptr_t))
        covered = int((degrees > 0).sum())
        share = f"{100 * covered / graph.num_genes:.1f}"
        rows.append((name, f"{network.num_edges:,}", f"{covered:,}", share))
    return Table(("network", "edges", "genes in it", "of all genes, %"), tuple(rows))


def _source_table(experiment: Experiment) -> Table:
    rows = []
    for source in experiment.report.sources:
        remarks = "; ".join([*(f"left out {part}" for part in source.left_out), *source.notes])
        rows.append((source.source, remarks, source.unit, f"{source.read:,}", f"{source.kept:,}"))
    return Table(("source", "left out, notes", "unit", "read", "kept"), tuple(rows), words=3)
