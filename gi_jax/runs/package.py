"""`gi-jax package`: a run as a model folder that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gi_jax.config import DataConfig, RunConfig, TrainerConfig
from gi_jax.config.paths import check_files
from gi_jax.data.bundled import bundled_studies
from gi_jax.data.splits import load_split
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.evaluation import EVALUATION
from gi_jax.experiment.bundle import CONFIG, load_bundle, save_bundle
from gi_jax.experiment.card import card
from gi_jax.experiment.experiment import Experiment, load_experiment
from gi_jax.experiment.stored_cell import changed_network, network_fingerprints
from gi_jax.files import check_new_folder, new_folder, read_text
from gi_jax.runs.resume import check_same_genes
from gi_jax.runs.run import SPLIT

_COLUMNS = ("pearson", "spearman", "rmse")


def package(run: Path, folder: Path) -> None:
    """Writes a whole model folder from a run: weights, genes, networks, label scale, split, card.

    Raises:
      GiJaxError: no run, its data changed or are gone, or the folder is not empty; then nothing is left
        behind.
    """
    check_new_folder(folder)
    bundle = load_bundle(run)
    if bundle.graph is None and not (run / SPLIT).exists():
        raise GiJaxError(f"{run}: holds no {SPLIT}; expected a run folder that a training wrote")
    if bundle.graph is None:
        check_files(bundle.config, run / CONFIG)
        experiment = load_experiment(bundle.config, load_split(run / SPLIT))
        check_same_genes(run, experiment.genes)
        if (name := changed_network(experiment.graph, bundle.networks)) is not None:
            raise GiJaxError(
                f"the network '{name}' has other edges than the one this model was trained with; "
                "restore its file"
            )
        found = network_fingerprints(experiment.graph)
        bundle = replace(bundle, graph=experiment.graph, parts=experiment.parts, networks=found)
        bundle = replace(bundle, card=card("A model of genetic interactions", bundle, origin(experiment),
                                           metrics_table(run / EVALUATION), (), folder.name))  # fmt: skip
    bundle = replace(bundle, config=_by_itself(bundle.config))
    with new_folder(folder) as new:
        save_bundle(bundle, new)
        load_bundle(new)


def _by_itself(config: RunConfig) -> RunConfig:
    """The configuration without what names files of this machine."""
    data, start = config.data, config.model.checkpoint_path
    bundled = bundled_studies()
    named, added = (
        tuple(source for source in sources if source in bundled)
        for sources in (data.genotypes, data.additional_training)
    )
    own = DataConfig(
        genotypes=named,
        additional_training=added,
        additional_genes=data.additional_genes,
        filter=data.filter,
        split=replace(data.split, files={}),
    )
    cache = TrainerConfig.compilation_cache
    features = tuple(name for name in config.cell_dataset.features if name not in data.features)
    return replace(
        config,
        data=own,
        cell_dataset=replace(config.cell_dataset, features=features),
        model=config.model if start is None else replace(config.model, checkpoint_path=None),
        regression_task=replace(config.regression_task, frozen=()),
        trainer=replace(config.trainer, compilation_cache=cache),
    )


def origin(experiment: Experiment) -> Sequence[str]:
    """Where the genotypes of a model come from, and how they were split, in lines of a card."""
    lines, bundled = [], bundled_studies()
    data = experiment.config.data
    for source in (*data.genotypes, *data.additional_training):
        if source in bundled:
            lines.append(
                f"{source}: bundled with gi_jax, its source and licence are in gi_jax/data/yeast/README.md"
            )
        else:
            lines.append(f"{Path(source).name}: its owner's licence holds")
    return [*lines, str(experiment.split)]


def metrics_table(path: Path) -> str:
    """The metrics of a run's test split, as a table in Markdown."""
    if not path.exists():
        return "Not measured: the run was never evaluated."
    header, *rows = (line.split("\t") for line in read_text(path).splitlines())
    wanted = [header.index(name) for name in ("model", "genotypes", *_COLUMNS)]
    lines = [[row[i] for i in wanted] for row in (header, *rows)]
    rule = ["---"] * len(wanted)
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))
