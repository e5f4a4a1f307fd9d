"""The sections that say what is learned from: networks, genotypes, split, batches, label transform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gi_jax.checks import at_least, one_of
from gi_jax.data.genotype_filter import GenotypeFilter
from gi_jax.data.given_split import PARTS
from gi_jax.data.splits import FRACTIONS, are_fractions
from gi_jax.data.splits import KINDS as SPLIT_KINDS
from gi_jax.data.transforms import KINDS as LABEL_TRANSFORMS
from gi_jax.errors import GiJaxError


@dataclass(frozen=True)
class CellDatasetConfig:
    """The `cell_dataset:` block: the gene networks, in the order in which the model visits them, and
    tables of gene features.
    """

    graphs: tuple[str, ...] = ()  # names of bundled networks or of entries of `data.networks`
    features: tuple[str, ...] = ()  # of bundled tables of gene features or of `data.features`
    absent: tuple[str, ...] = ()  # of `graphs`: a converted model has weights for them, its data had no edges

    def __post_init__(self) -> None:
        for name in self.absent:
            one_of("an entry of cell_dataset.absent", name, self.graphs)
        for key, names in (("graphs", self.graphs), ("features", self.features)):
            if twice := [name for name in names if names.count(name) > 1]:
                raise GiJaxError(f"cell_dataset.{key} names '{twice[0]}' twice; keep one")


@dataclass(frozen=True)
class NetworkFileConfig:
    """A network of the user's: an edge list and whether its edges have a direction."""

    path: str = ""
    directed: bool = False

    def __post_init__(self) -> None:
        if not self.path:
            raise GiJaxError("an entry of data.networks has no path; give the edge list's file as path: FILE")


@dataclass(frozen=True)
class FeatureFileConfig:
    """A table of gene features of the user's."""

    path: str = ""

    def __post_init__(self) -> None:
        if not self.path:
            raise GiJaxError("an entry of data.features has no path; give the table's file as path: FILE")


@dataclass(frozen=True)
class SplitConfig:
    """How genotypes are dealt to train, validation and test."""

    kind: str = "random"  # random | query_pair | gene_disjoint_1 | gene_disjoint_2
    fractions: tuple[float, ...] = FRACTIONS  # train, validation, test
    seed: int = 0
    folds: int | None = None  # k-fold instead of fractions
    fold: int = 0
    files: Mapping[str, str] = field(
        default_factory=dict
    )  # train, val, test: lists of genotypes, instead of a draw

    def __post_init__(self) -> None:
        if self.files and set(self.files) != set(PARTS):
            raise GiJaxError(
                f"data.split.files names {', '.join(self.files)}, expected one file for each of train, "
                f"val and test"
            )
        one_of("data.split.kind", self.kind, SPLIT_KINDS)
        if not are_fractions(self.fractions):
            raise GiJaxError(
                f"data.split.fractions is {list(self.fractions)}, expected three positive numbers for train, "
                "validation and test that add up to 1"
            )
        at_least("data.split.folds", self.folds, 3)
        if self.folds is not None and not 0 <= self.fold < self.folds:
            raise GiJaxError(f"data.split.fold is {self.fold}, expected 0 to {self.folds - 1}")


@dataclass(frozen=True)
class DataConfig:
    """The `data:` block: gene list, measured genotypes, filter and split."""

    genes: str | None = None  # gene list file, the bundled yeast genes if null
    networks: Mapping[str, NetworkFileConfig] = field(default_factory=dict)  # the user's own, by name
    features: Mapping[str, FeatureFileConfig] = field(default_factory=dict)  # the user's own, by name
    genotypes: tuple[str, ...] = ()  # bundled studies and genotype files
    additional_training: tuple[str, ...] = ()  # other studies, to learn from but not to be split
    additional_genes: str = "all"  # all | measured: of these only genotypes of genes that `genotypes` delete
    # A whole model folder: genes and networks are its own, and so is what `inherit` names.
    model_folder: str | None = None
    inherit: tuple[str, ...] = ("labels", "split")
    filter: GenotypeFilter = field(default_factory=GenotypeFilter)
    split: SplitConfig = field(default_factory=SplitConfig)

    def __post_init__(self) -> None:
        one_of("data.additional_genes", self.additional_genes, ("all", "measured"))


@dataclass(frozen=True)
class DataModuleConfig:
    """The `data_module:` block: genotypes per step."""

    batch_size: int = 32

    def __post_init__(self) -> None:
        at_least("data_module.batch_size", self.batch_size, 1)


@dataclass(frozen=True)
class LabelNormalizationConfig:
    """How the labels of one phenotype are scaled, fitted on the training split."""

    strategy: str = "standard"  # identity | standard | minmax | robust
    per_study: bool = False  # one scale per study instead of one for all

    def __post_init__(self) -> None:
        one_of(
            "transforms.forward_transform.normalization.gene_interaction.strategy",
            self.strategy,
            LABEL_TRANSFORMS,
        )


@dataclass(frozen=True)
class NormalizationConfig:
    """The phenotypes that are scaled: one, the gene interaction."""

    gene_interaction: LabelNormalizationConfig = field(default_factory=LabelNormalizationConfig)


@dataclass(frozen=True)
class ForwardTransformConfig:
    """What happens to labels before training."""

    normalization: NormalizationConfig = field(default_factory=NormalizationConfig)


@dataclass(frozen=True)
class TransformsConfig:
    """The `transforms:` block, nested as in torchcell."""

    use_transforms: bool = True
    forward_transform: ForwardTransformConfig = field(default_factory=ForwardTransformConfig)

    @property
    def labels(self) -> LabelNormalizationConfig:
        """The label scaling in force."""
        if not self.use_transforms:
            return LabelNormalizationConfig(strategy="identity")
        return self.forward_transform.normalization.gene_interaction
