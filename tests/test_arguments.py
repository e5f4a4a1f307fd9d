"""Text in place of a list."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gi_jax.arguments import as_sequence
from gi_jax.config import RunConfig, load_config
from gi_jax.data import NetworkSource, load_dataset, load_gene_list, load_networks
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.evaluation.evaluation import fit_to_labels
from gi_jax.experiment.experiment import load_experiment


def test_one_thing_is_a_list_of_it() -> None:
    assert as_sequence("ab") == ("ab",)
    assert as_sequence(Path("ab")) == (Path("ab"),)
    assert as_sequence(["ab", "c"]) == ("ab", "c")
    assert as_sequence(name for name in "ab") == ("a", "b")
    assert as_sequence(3) == (3,)


def test_data_overrides_and_baselines_may_be_named_by_one_text(
    small_world: Path, small_config: RunConfig, tmp_path: Path
) -> None:
    genes = load_gene_list(small_world / "genes.txt")
    source = NetworkSource("sparse", small_world / "sparse.tsv", directed=False)
    assert load_networks(genes, source)[0].names == ("sparse",)
    dataset = load_dataset(str(small_world / "scores.tsv"), source, genes=small_world / "genes.txt")
    assert isinstance(dataset.genotypes, GenotypeTable) and len(dataset.genotypes) == 100
    (tmp_path / "config.yaml").write_text("seed: 1")
    assert load_config(tmp_path / "config.yaml", "seed=2").config.seed == 2
    experiment = load_experiment(small_config)
    fitted = fit_to_labels("mean", experiment)
    assert list(fitted) == ["mean"]
    predicted = fitted["mean"].predict(experiment.test).members
    np.testing.assert_allclose(predicted, experiment.labels(experiment.train).mean(), atol=1e-12)


def test_a_bundled_network_may_be_named_by_itself() -> None:
    names = load_dataset("collins2007", "string9_1_fusion").graph.names
    assert names == ("string9_1_fusion",)
