"""Settings of the models that are solved for: the `model:` section of each."""

from __future__ import annotations

from dataclasses import dataclass

from gi_jax.checks import at_least, one_of
from gi_jax.errors import GiJaxError

QUICK = ("mean", "additive", "low_rank")  # every run is evaluated beside them: they take seconds


@dataclass(frozen=True)
class ClosedFormOptions:
    """What the settings of all of them have."""

    kind: str = ""

    # Read of every model's settings; not to be chosen here.
    checkpoint_path = None
    needs_networks = False
    one_solution = True  # members of an ensemble would be equal
    uses_features = False
    predicts_from_networks = False  # all that a prediction takes is among the fitted arrays
    kinds = ()

    def __post_init__(self) -> None:
        one_of("model.kind", self.kind, self.kinds)

    def message_columns(self, batch_size: int) -> int:
        """How many columns a sparse product over the networks has: none is made."""
        return 1


@dataclass(frozen=True)
class MeanOptions(ClosedFormOptions):
    """The mean training label."""

    kind: str = "mean"

    kinds = ("mean",)


@dataclass(frozen=True)
class AdditiveOptions(ClosedFormOptions):
    """One effect per gene, by ridge regression."""

    kind: str = "additive"
    strengths: tuple[float, ...] = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)  # to choose from

    kinds = ("additive",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_strengths("model.strengths", self.strengths)


@dataclass(frozen=True)
class LowRankOptions(ClosedFormOptions):
    """One effect per gene plus pair effects of low rank."""

    kind: str = "low_rank"
    strengths: tuple[float, ...] = AdditiveOptions.strengths  # of the gene effects
    largest_rank: int = 200  # of the pair effects
    num_strengths: int = 24  # of their shrinkage, from the strongest down
    patience: int = 3  # strengths without a lower validation error, after which it ends

    kinds = ("low_rank",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_strengths("model.strengths", self.strengths)
        for key in ("largest_rank", "num_strengths", "patience"):
            at_least(f"model.{key}", getattr(self, key), 1)


@dataclass(frozen=True)
class QueryPairOptions(ClosedFormOptions):
    """The mean of a trigenic screen's query strain."""

    kind: str = "query_pair"
    shrinkages: tuple[float, ...] = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0)  # to choose from

    kinds = ("query_pair",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.shrinkages or min(self.shrinkages) < 0:
            raise GiJaxError(f"model.shrinkages is {list(self.shrinkages)}, expected numbers of 0 or more")


@dataclass(frozen=True)
class PairKernelOptions(ClosedFormOptions):
    """Pair effects with the covariance of a product of gene kernels: a Gaussian process."""

    kind: str = "pair_kernel"
    network_kernel: str = "shared_neighbours"  # shared_neighbours | diffusion
    studies: str = "together"  # together, as if one had measured all | apart, with a learned covariance
    covariance_rounds: int = 2  # times that the covariance of the fitted profiles becomes a kernel itself
    tuning_steps: int = 12  # of each round, on the validation genotypes
    tolerance: float = 1e-4  # relative residual of the linear system
    max_solver_steps: int = 1000
    num_samples: int = 16  # that the standard deviation is estimated from; 0 for none

    uses_features = True
    kinds = ("pair_kernel",)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("model.network_kernel", self.network_kernel, ("shared_neighbours", "diffusion"))
        one_of("model.studies", self.studies, ("together", "apart"))
        at_least("model.covariance_rounds", self.covariance_rounds, 0)
        at_least("model.tuning_steps", self.tuning_steps, 1)
        at_least("model.max_solver_steps", self.max_solver_steps, 1)
        at_least("model.num_samples", self.num_samples, 0)
        if not 0 < self.tolerance < 1:
            raise GiJaxError(f"model.tolerance is {self.tolerance}, expected a number between 0 and 1")


@dataclass(frozen=True)
class GradientBoostingOptions(ClosedFormOptions):
    """Boosted trees on what is known of each deleted gene."""

    kind: str = "gradient_boosting"
    leaf_sizes: tuple[int, ...] = (20, 100)  # to choose from

    needs_networks = True
    kinds = ("gradient_boosting",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.leaf_sizes or min(self.leaf_sizes) < 1:
            raise GiJaxError(f"model.leaf_sizes is {list(self.leaf_sizes)}, expected numbers of 1 or more")


def check_strengths(key: str, strengths: tuple[float, ...]) -> None:
    """Raises a `GiJaxError` unless there is a strength, and all are above 0."""
    if not strengths or min(strengths) <= 0:
        raise GiJaxError(f"{key} is {list(strengths)}, expected numbers above 0, at least one")
