"""Pair effects with the covariance of a product of gene kernels: what is fitted, and what it predicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form.kernel_parts import KEPT, KernelParts, restore_parts, shapes_of_parts
from gi_jax.models.closed_form.pair_posterior import GeneKernel, OfDraws, PairPosterior
from gi_jax.models.closed_form.solved import check_arrays, check_gene_numbers, check_settings
from gi_jax.models.model import Cell, Planned, Prediction, PredictionSettings
from gi_jax.models.wanted import Wanted


@dataclass(frozen=True)
class PairKernel(OfDraws):
    """Predicts `intercept + sum of F_ij over the pairs i < j of deleted genes`, F a posterior mean.

    F is a Gaussian process with `cov(F_ij, F_kl) = K_ik K_jl + K_il K_jk`, a symmetric matrix-variate
    normal, and labels have independent noise. K is a kernel over genes, so that a gene that was never
    deleted has the effects of genes like it. A constant in K gives genes effects of their own: with
    `K + a` for K the covariance has the terms `a (K_ik + K_il + K_jk + K_jl)`, those of additive gene
    effects with covariance `a K`, and a common level.

    The mean is `F = K_cell S K_cell^T`, with K_cell the kernel of all genes with the fitted ones and S the
    coefficients of the training genotypes (see `gi_jax.ops.pair_kernel`). A genotype of one gene has no
    pairs and gets the intercept; one of three has the sum of three pair effects.

    Each of T studies may have effects of its own, `cov(F^s_ij, F^t_kl) = B_st (K_ik K_jl + K_il K_jk)`, with
    intercept, noise and scale of its own: a linear model of coregionalisation (Bonilla et al. 2007). Then S
    of study t is the sum of `B_ts` times the coefficients of every study s.

    The variance of a genotype's label is `variance_scale (noise + prior - explained)`. The mean depends on K
    and the noise up to a common factor only; the scale is the one with which the errors of the validation
    genotypes have their predicted variances on average. `explained` is `k (C + noise)^-1 k`, with k the
    covariances with the training genotypes and C theirs: the mean of `(k (C + noise)^-1 y)^2` over draws y
    from the prior. It is estimated from Q draws, without bias, with relative standard error sqrt(2 / Q).
    """

    genes: np.ndarray  # [n] ids of the genes of training and validation genotypes, increasing
    kernel: np.ndarray  # [N, n] float32, K_cell
    own: np.ndarray  # [N] float32, K_ii
    constant: float  # in K
    measured: np.ndarray  # [M, S] int32 training genotypes in columns of the kernel, n for padding
    study: np.ndarray  # [M] int32, 0 to T - 1
    coefficients: np.ndarray  # [M] float32, of the training genotypes
    draws: np.ndarray  # [Q, M] float16, coefficients of labels drawn from the prior, in units of `draw_scale`
    draw_scale: float
    between: np.ndarray  # [T, T] float64, B
    noise: np.ndarray  # [T], variance, in units of `variance_scale`
    variance_scale: np.ndarray  # [T]
    intercept: np.ndarray  # [T]
    residual: float  # of the linear system, relative
    explained_roots: np.ndarray  # [N] float32 in place of draws, see `PairPosterior.rank_one`; [0] without
    chosen: str = ""
    parts: KernelParts | None = None  # what K is made of, where it is known

    @property
    def num_genes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """N."""
        return len(self.own)

    def arrays(self) -> dict[str, Any]:
        """All fields but `chosen`; those of the parts where they are known."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        numbers = {name: np.float64(getattr(self, name)) for name in _NUMBERS}
        of_parts = {} if self.parts is None else self.parts.arrays()
        return {**arrays, **numbers, "genes": self.genes.astype(np.int32), **of_parts}

    @cached_property
    def _gene_kernel(self) -> GeneKernel:
        return GeneKernel(self.genes, self.kernel, self.own, self.constant, self.parts)

    @cached_property
    def _posteriors(self) -> dict[int, PairPosterior]:
        return {}

    def of_study(self, code: int) -> PairPosterior:
        """The predictions for one study; of a model that has one only, for whichever is asked for."""
        t = code if len(self.between) > 1 else 0
        if t not in self._posteriors:
            weight = self.between[t][self.study]  # [M]
            self._posteriors[t] = PairPosterior(
                genes=self._gene_kernel,
                measured=self.measured,
                coefficients=self.coefficients * weight,
                draws=self.draws.astype(np.float32) * (self.draw_scale * weight).astype(np.float32),
                explained_roots=self.explained_roots,
                scale=float(self.between[t, t]),
                noise=float(self.noise[t]),
                variance_scale=float(self.variance_scale[t]),
                intercept=float(self.intercept[t]),
                chosen=self.chosen,
            )
        return self._posteriors[t]

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` for genotypes `[M, S]`, of the first study."""
        return self.of_study(0).labels(genes)

    def std(self, genes: np.ndarray) -> np.ndarray | None:
        """Standard deviations `[M]` of these labels."""
        return self.of_study(0).std(genes)

    def program(self, genes: Array) -> Array:
        """Labels `[B]` of the first study, to be traced."""
        return self.of_study(0).program(genes)

    def predict(self, table: GenotypeTable) -> Prediction:
        """Labels of M genotypes, each of its study."""
        if len(self.between) == 1:
            return self.of_study(0).predict(table)
        labels, std = np.zeros(len(table)), np.zeros(len(table))
        for code in np.unique(table.study):
            rows = table.study == code
            found = self.of_study(int(code)).predict(table.take(rows))
            labels[rows] = found.members[0]
            if found.std is not None:
                std[rows] = found.std
        return Prediction(labels[None], std if self.abilities.has_deviations else None)

    def screen(self, wanted: Wanted) -> Iterable[Planned]:
        """Every genotype of a screen, tile by tile, as the first study has it."""
        return self.of_study(0).screen(wanted)


_ARRAYS = (
    "genes",
    "kernel",
    "own",
    "measured",
    "study",
    "coefficients",
    "draws",
    "between",
    "noise",
    "variance_scale",
    "intercept",
    "explained_roots",
)
_NUMBERS = ("constant", "draw_scale", "residual")


def restore_pair_kernel(
    arrays: Mapping[str, Any], options: object, cell: Cell, settings: PredictionSettings
) -> PairKernel:
    """The model from its `arrays`.

    Raises:
      GiJaxError: they are none of such a model, are of other genes, or a setting does not apply.
    """
    check_settings("pair_kernel", settings)
    total = len(cell.genes)
    arrays = {"explained_roots": np.zeros(0, np.float32), **arrays}  # which earlier versions did not have

    def length(name: str) -> int | None:
        return np.shape(arrays[name])[0] if np.ndim(arrays.get(name, 0)) == 1 else None

    n, m, t = length("genes"), length("coefficients"), length("noise")
    shapes = {
        "genes": (n,),
        "kernel": (total, n),
        "own": (total,),
        "measured": (m, None),
        "study": (m,),
        "coefficients": (m,),
        "draws": (None, m),
        "explained_roots": (total if np.size(arrays["explained_roots"]) else 0,),
        "between": (t, t),
        **dict.fromkeys(("noise", "variance_scale", "intercept"), (t,)),
        **dict.fromkeys(_NUMBERS, ()),
        **shapes_of_parts(arrays, total),
    }
    found = check_arrays("pair_kernel", arrays, shapes)
    genes = check_gene_numbers("pair_kernel", found["genes"], total)
    for name, end in (("measured", len(genes) + 1), ("study", len(found["noise"]))):
        if found[name].size and not (found[name].min() >= 0 and found[name].max() < end):
            raise GiJaxError(
                f"the array {name} of the pair_kernel model holds numbers outside 0 to {end - 1:,}; restore "
                "the weights from a copy or train again"
            )
    held: dict[str, Any] = {name: float(found[name]) for name in _NUMBERS}
    kept = {name: array for name, array in found.items() if name not in KEPT}
    return PairKernel(**{**kept, **held, "genes": genes}, parts=restore_parts(found))
