"""The card of a model folder: what it is, where it comes from, what it is worth, how it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gi_jax

if TYPE_CHECKING:
    from gi_jax.experiment.bundle import ModelBundle

_LOAD = """## Loading it

```python
from gi_jax import load_model

model = load_model("{folder}")
model.predict(["{genotype}"])
```

On the command line: `gi-jax predict {folder} {genotype}`. {there}
"""


def card(
    title: str,
    bundle: ModelBundle,
    origin: Sequence[str],
    evaluation: str,
    notes: Sequence[str],
    folder: str,
    *,
    whole: bool = True,
) -> str:
    """The text of README.md.

    Args:
      title: one line.
      origin: lines about data, their licences and the split.
      evaluation: a table of metrics beside baselines, or why there is none.
      notes: what a reader of predictions should know.
      folder: its name.
      whole: genes, networks and label scale are in the folder, and not in the package.
    """
    where = {"genes": " (`genes.txt`, in this order)", "networks": " (`cell.npz`)"} if whole else {}
    model, genes, graph = bundle.config.model, bundle.genes, bundle.graph
    names = ", ".join(graph.names) if graph is not None and graph.names else "none"
    lines = [
        f"# {title}",
        "",
        f"Made by gi_jax {gi_jax.__version__}. It predicts genetic interactions of sets of deleted genes.",
        "",
        "## What it is",
        "",
        f"- model: {model.kind}",
        f"- genes: {len(genes):,}{where.get('genes', '')}",
        f"- networks: {names}{where.get('networks', '')}",
    ]
    if graph is not None and graph.declared:
        absent = [name for name in graph.declared if name not in graph.names]
        lines.append(f"- networks it has weights for and no edges: {', '.join(absent)}")
    if bundle.parts:
        parts = ", ".join(f"{len(rows):,} {part}" for part, rows in bundle.parts.items())
        which = " (which ones: `cell.npz`; scores are not in the folder)" if whole else ""
        lines.append(f"- genotypes: {parts}{which}")
    scale = " (`labels.json`)" if whole else ""
    lines.append(f"- labels: {bundle.transform.kind}, score = label * scale + center{scale}")
    lines += ["", "## Data, licences, split", "", *(f"- {line}" for line in origin)]
    lines += ["", "## Metrics", "", evaluation]
    if notes:
        lines += ["", "## What to know", "", *(f"- {note}" for note in notes)]
    rows = next((part for part in bundle.parts.values() if len(part)), None)
    some = ",".join(genes.ids[:2] if rows is None else genes.names(rows[0]))
    there = "Genes, networks and label scale are in the folder." if whole else "It comes with the package."
    return "\n".join(lines) + "\n\n" + _LOAD.format(folder=folder, genotype=some, there=there)


def card_of_export(meta: Mapping[str, Any], bundle: ModelBundle, notes: Sequence[str]) -> str:
    """The card of a model that torchcell trained."""
    versions = ", ".join(f"{name} {version}" for name, version in meta.get("versions", {}).items())
    origin = (
        f"converted from {meta.get('class', 'a torchcell model')} ({versions})",
        "the data are those of its owner, whose licences hold for what is done with the weights",
        "split: as its owner's loaders had it" if bundle.parts else "split: not exported",
    )
    evaluation = "Not measured here: `gi-jax evaluate FOLDER --genotypes TABLE` does, beside the baselines."
    return card("A converted torchcell model", bundle, origin, evaluation, notes, "MODEL")
