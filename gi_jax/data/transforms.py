"""Label transforms: scores of any scale to one that trains well, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError

_FLOAT32 = np.finfo(np.float32)
Numbers = TypeVar("Numbers", np.ndarray, jax.Array)  # what goes in comes out
KINDS = ("identity", "standard", "minmax", "robust")


@dataclass(frozen=True)
class LabelTransform:
    """`y -> (y - center) / scale`, with one center and scale for all scores or one per study.

    `studies` is empty for one pair; else row k of `center` and `scale` belongs to `studies[k]`, and
    both directions need the study codes of the values.
    """

    kind: str
    center: tuple[float, ...]  # [1] or [number of studies], in the units of the scores
    scale: tuple[float, ...]  # like center, positive
    studies: tuple[str, ...] = ()

    def forward(self, score: Numbers, study: np.ndarray | None = None) -> Numbers:
        """Scores in their units `[...]` to labels of the same shape and dtype; `study` codes likewise."""
        center, scale = self._parameters(score, study)
        return (score - center) / scale

    def inverse(self, label: Numbers, study: np.ndarray | None = None) -> Numbers:
        """Labels or predictions of labels `[...]` back to scores in their units."""
        center, scale = self._parameters(label, study)
        return label * scale + center

    def inverse_spread(self, std: np.ndarray, study: np.ndarray | None = None) -> np.ndarray:
        """Standard deviations of labels `[...]` as those of scores, in their units."""
        return std * self._parameters(std, study)[1]

    def study_codes(self, studies: tuple[str, ...]) -> np.ndarray:
        """Maps codes of another table to this transform's: `[len(studies)]` int32.

        Raises:
          GiJaxError: the transform was not fitted to one of the studies.
        """
        if not self.studies:
            return np.zeros(len(studies), np.int32)
        if missing := [name for name in studies if name not in self.studies]:
            raise GiJaxError(
                f"the label transform has no scale for study `{missing[0]}`, it was fitted to "
                f"{', '.join(self.studies)}; name one of these as the study, or train with it"
            )
        return np.array([self.studies.index(name) for name in studies], np.int32)

    def with_own_studies(self, table: GenotypeTable) -> GenotypeTable:
        """The table with studies numbered as here.

        Raises:
          GiJaxError: the transform was not fitted to one of the studies.
        """
        codes = self.study_codes(table.studies)[table.study]
        return replace(table, study=codes, studies=self.studies or ("all",))

    def to_dict(self) -> dict:
        """Plain lists and strings; numbers survive JSON exactly."""
        return {
            "kind": self.kind,
            "center": list(self.center),
            "scale": list(self.scale),
            "studies": list(self.studies),
        }

    @classmethod
    def from_dict(cls, saved: dict) -> LabelTransform:
        """The inverse of `to_dict`.

        Raises:
          GiJaxError: something is missing, or center and scale are not finite numbers, the scale positive.
        """
        values = {}
        for key in ("kind", "center", "scale", "studies"):
            values[key] = saved.get(key)
            if not isinstance(values[key], str if key == "kind" else list):
                raise GiJaxError(f"the label transform has {values[key]!r} for its {key}")
        center, scale, studies = (tuple(values[key]) for key in ("center", "scale", "studies"))
        if values["kind"] not in KINDS or not all(isinstance(name, str) for name in studies):
            raise GiJaxError("the label transform has an unknown kind, or studies without a name")
        if not len(center) == len(scale) == (len(studies) or 1):
            raise GiJaxError("the label transform has not one center and one scale for each study")
        for key, numbers in (("center", center), ("scale", scale)):
            for number in numbers:
                if not _is_number(number) or (key == "scale" and not number > 0):
                    wanted = "a finite number" if key == "center" else "a finite number above 0"
                    raise GiJaxError(f"the label transform has the {key} {number}, expected {wanted}")
        return cls(values["kind"], center, scale, studies)

    def _parameters(self, values: np.ndarray | jax.Array, study: np.ndarray | None) -> tuple:
        if self.studies and study is None:
            raise GiJaxError(
                "this label transform has a scale per study; say which study each value belongs to"
            )
        xp = jnp if isinstance(values, jax.Array) or isinstance(study, jax.Array) else np
        center, scale = (
            xp.asarray(part, dtype=xp.asarray(values).dtype) for part in (self.center, self.scale)
        )
        return (center[study], scale[study]) if self.studies else (center[0], scale[0])


def fit_label_transform(
    kind: str, table: GenotypeTable, rows: np.ndarray, *, per_study: bool = False
) -> LabelTransform:
    """Fits a transform to the scores of the training rows and to nothing else.

    * `identity`: center 0, scale 1.
    * `standard`: center the mean, scale the standard deviation (of the rows themselves: divided by n).
    * `minmax`: center the smallest, scale the largest less the smallest score, so labels lie in [0, 1].
    * `robust`: center the median, scale the interquartile range.

    Args:
      rows: the training rows, `Split.train`.
      per_study: one center and scale for each study.

    Raises:
      GiJaxError: an unknown kind, no rows (of a study), or scores without spread, or with one that
        float32 cannot hold.
    """
    if kind not in KINDS:
        raise GiJaxError(f"`{kind}` is no label transform; expected one of {', '.join(KINDS)}")
    train = table.take(rows)
    if not per_study:
        center, scale = _center_and_scale(kind, train.score, "the training rows")
        return LabelTransform(kind, (center,), (scale,))
    fitted = [
        _center_and_scale(kind, train.score[train.study == code], f"the training rows of study `{name}`")
        for code, name in enumerate(table.studies)
    ]
    centers, scales = zip(*fitted, strict=True)
    return LabelTransform(kind, centers, scales, table.studies)


def _center_and_scale(kind: str, score: np.ndarray, whose: str) -> tuple[float, float]:
    if kind == "identity":
        return 0.0, 1.0
    if not len(score):
        raise GiJaxError(
            f"{whose} are none, so the `{kind}` label transform cannot be fitted; leave this study out"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # looked at below
        if kind == "standard":
            center, scale = score.mean(), score.std()
        elif kind == "minmax":
            center, scale = score.min(), np.ptp(score)
        else:
            low, center, high = np.quantile(score, [0.25, 0.5, 0.75])
            scale = high - low
    whose = whose.removeprefix("the ")
    if not (np.isfinite(center) and np.isfinite(scale)):
        raise GiJaxError(
            f"the {len(score):,} scores of {whose} have no finite spread (the largest is "
            f"{np.abs(score).max():g}); leave out what is no measurement"
        )
    if not scale > 0:
        raise GiJaxError(
            f"the {len(score):,} scores of {whose} have no spread (around {center:g}), "
            f"which the `{kind}` label transform divides by; take `identity` or more genotypes"
        )
    largest = np.abs((score - center) / max(scale, _FLOAT32.tiny)).max()
    if scale < _FLOAT32.tiny or max(abs(center), scale, largest**2) > _FLOAT32.max:
        raise GiJaxError(
            f"the {len(score):,} scores of {whose} have a spread of {scale:g} around {center:g}, which "
            "float32 cannot hold; give the scores in units in which they are of the order of 1"
        )
    return float(center), float(scale)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
