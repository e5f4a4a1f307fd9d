"""A trained model as one StableHLO program, which runs without this package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import Array, export

from gi_jax.arguments import as_sequence
from gi_jax.data.gene_list import gene_list_text
from gi_jax.errors import GiJaxError
from gi_jax.files import check_folder, replacing_together, write_text
from gi_jax.predict.predictor import Predictor

PROGRAM, GENES, CARD = "model.stablehlo", "genes.txt", "README.md"
PLATFORMS = ("cpu", "cuda", "tpu")
_CARD = """# A gene-interaction model as a StableHLO program

`{program}` takes genotypes `[B, {size}]` of int32 gene numbers, for any B, and gives scores `[B]`, float32,
in the units of the training scores. A gene's number is its line in `{genes}` (the first is 0); a genotype of
fewer genes is filled with {padding}. A row that names a gene twice, or a number that is none, gets NaN. It
was written with JAX {version} for {platforms}, from a model of kind {kind}, and needs nothing but JAX and
flatbuffers:

```python
from pathlib import Path

import jax
import numpy as np
from jax import export

folder, size, padding = Path("."), {size}, {padding}
names = [line.split("\\t")[0] for line in (folder / "{genes}").read_text().splitlines()]
number = {{name: row for row, name in enumerate(names)}}


def rows(genotypes):
    filled = np.full((len(genotypes), size), padding, np.int32)
    for row, genotype in enumerate(genotypes):
        filled[row, : len(genotype)] = [number[gene] for gene in genotype]
    return filled


program = export.deserialize(bytearray((folder / "{program}").read_bytes()))
score = jax.jit(program.call)
print(score(rows([[names[0], names[1]], [names[2], names[0]]])))
```
"""


def export_model(
    predictor: Predictor,
    folder: str | Path,
    *,
    size: int = 3,
    study: str | None = None,
    platforms: Sequence[str] = PLATFORMS,
) -> None:
    """Writes a model into a folder as a program (`jax.export`), its gene list and a page on how to run it.

    Weights, networks and label scale are constants of the program; the number of genotypes is left open. A
    neural model computes one genotype after the other there. Models that are solved for compute in double
    precision inside.

    Args:
      predictor: the trained model.
      folder: made if it is not there.
      size: S, the most genes of a genotype.
      study: on whose scale to predict, for a model trained with one scale per study.
      platforms: of `cpu`, `cuda`, `tpu` and what else JAX can lower to.

    Raises:
      GiJaxError: the model cannot be exported, a platform is unknown, or a study is needed and not named.
    """
    platforms = tuple(as_sequence(platforms))
    if unknown := [name for name in platforms if name not in PLATFORMS]:
        raise GiJaxError(f"the platform is '{unknown[0]}', expected some of {', '.join(PLATFORMS)}")
    if size < 1 or not platforms:
        raise GiJaxError(
            f"a program for genotypes of up to {size} genes on {len(platforms)} platforms is none"
        )
    folder = Path(folder)
    check_folder(folder, create=True)
    content = _program(predictor, size, study, platforms)
    names = predictor.bundle.genes
    card = _CARD.format(
        program=PROGRAM,
        genes=GENES,
        size=size,
        padding=len(names),
        version=jax.__version__,
        platforms=", ".join(platforms),
        kind=predictor.fitted.kind,
    )
    with replacing_together(folder) as new:
        (new / PROGRAM).write_bytes(content)
        write_text(new / GENES, gene_list_text(names))
        write_text(new / CARD, card)


def _program(predictor: Predictor, size: int, study: str | None, platforms: tuple[str, ...]) -> bytes:
    transform, padding = predictor.bundle.transform, len(predictor.bundle.genes)
    codes = transform.study_codes((study or "query",))
    fitted = predictor.fitted.of_study(int(codes[0]))
    center, scale = (part[codes[0]] for part in (transform.center, transform.scale))

    def scores(genes: Array) -> Array:
        rows = jnp.sort(genes, axis=1)
        twice = ((rows[:, 1:] == rows[:, :-1]) & (rows[:, 1:] < padding)).any(axis=1)
        wrong = twice | (rows < 0).any(axis=1) | (rows > padding).any(axis=1)
        labels = fitted.program(jnp.clip(rows, 0, padding))
        return jnp.where(wrong, jnp.nan, labels * scale + center).astype(jnp.float32)

    with jax.enable_x64(not fitted.abilities.uses_networks):
        (count,) = export.symbolic_shape("b")
        asked = jax.ShapeDtypeStruct((count, size), jnp.int32)
        return bytes(export.export(jax.jit(scores), platforms=platforms)(asked).serialize())
