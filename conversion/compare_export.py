"""The recorded case of an export through the path that `gi-jax predict` takes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from conversion.golden import COMPILE_QUICKLY
from conversion.read_export import Export
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import padded_batch
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle
from gi_jax.predict.predictor import Predictor

TOLERANCE = 2e-5  # of the largest recorded value, beside what the original's own float32 run is off
# In the order of computation.
STAGES = (
    "integrated_embeddings",
    "z_w",
    "z_i",
    "z_p",
    "pert_gene_embs",
    "local_interaction",
    "global_interaction",
    "gate_weights",
    "prediction",
)


def compare(export: Export, bundle: ModelBundle) -> list[str]:
    """Predicts the recorded genotypes one by one and in the batches of the owner's loader.

    Returns:
      What was compared and how far apart it was.

    Raises:
      GiJaxError: scores differ by more than float32 allows; the first stage that does is named.
    """
    meta, genes = export.meta, export.genes
    names = [",".join(genes.ids[i] for i in genotype) for genotype in meta["genotypes"]]
    table = genotypes_from_names(genes, names)
    over_batch = Predictor(bundle, norm_statistics="batch" if meta["kind"] != "dango" else None)
    # One at a time the original computes a local part that it never trained; see the notes.
    unlearned = meta["kind"] == "lazy" and not meta["boundaries"]
    alone = over_batch if unlearned else Predictor(bundle, graph=over_batch.graph)
    found = []
    for way, size, predictor in (("alone", 1, alone), ("batched", meta["batch_size"], over_batch)):
        parts = [table.take(np.arange(i, min(i + size, len(table)))) for i in range(0, len(table), size)]
        expected = _recorded(export, way, len(parts), "prediction")
        if way == "alone" and not unlearned:
            scores = predictor.predict_table(table)
        else:
            scores = np.concatenate([predictor.predict_table(part) for part in parts])
        zero = np.zeros(len(table), np.int32)
        wanted, own = (export.transform.inverse(x, zero) for x in expected)
        scale, center = export.transform.scale[0], export.transform.center[0]
        largest = np.abs(wanted - center).max()
        off = np.abs(scores - wanted).max()
        allowed = TOLERANCE * largest + 2 * np.abs(own - wanted).max() + 1e-6 * abs(center) + 1e-12 * scale
        if not off <= allowed:
            worst = int(np.abs(scores - wanted).argmax())
            where = _first_stage(export, way, worst // size, parts[worst // size], over_batch)
            raise GiJaxError(
                f"the converted model does not predict what the exported one did: {names[worst]} "
                f"{_WAYS[way]} is "
                f"{scores[worst]:.6g} here and {wanted[worst]:.6g} there; {where}. Nothing was written"
            )
        found.append(
            f"{len(table)} recorded genotypes {_WAYS[way]}: largest difference {off / largest:.1e} of the "
            f"largest score"
        )
    return found


_WAYS = {"alone": "one by one", "batched": "in the loader's batches"}


def _recorded(export: Export, way: str, parts: int, stage: str) -> tuple[np.ndarray, np.ndarray]:
    """A stage in float64 and in float32, all parts together."""
    both = []
    for precision in ("float64", "float32"):
        keys = [f"{precision}.{way}.{number}.{stage}" for number in range(parts)]
        if missing := [key for key in keys if key not in export.recorded]:
            raise GiJaxError(f"recorded.safetensors lacks {missing[0]}; export anew")
        both.append(np.concatenate([np.asarray(export.recorded[key], np.float64) for key in keys]))
    return both[0], both[1]


def _first_stage(export: Export, way: str, number: int, part: GenotypeTable, predictor: Predictor) -> str:
    """Says which stage of a batch is the first that differs."""
    fitted: Any = predictor.fitted
    batch = padded_batch(part.genes, part.num_genes, len(part))
    apply = jax.jit(fitted.module.apply, compiler_options=COMPILE_QUICKLY)
    output = apply(fitted.variables, fitted.graph, batch)
    member = (np.arange(part.genes.shape[1]) < part.sizes[:, None]).reshape(-1)
    for stage in STAGES:
        expected = export.recorded.get(f"float64.{way}.{number}.{stage}")
        value = getattr(output, "gene_interaction" if stage == "prediction" else stage, None)
        if expected is None or value is None:
            continue
        value = np.asarray(jnp.asarray(value), np.float64)
        if stage == "pert_gene_embs":
            value = value.reshape(len(member), -1)[member]
        value = value.reshape(-1) if stage == "prediction" else value
        if value.shape != expected.shape:
            return (
                f"the first stage that differs is {stage}, {list(value.shape)} here and "
                f"{list(expected.shape)} there"
            )
        off, largest = np.abs(value - expected).max(initial=0), np.abs(expected).max(initial=0)
        if not off <= 1e-4 * largest:
            return (
                f"the first stage that differs is {stage}, by {off:.1e} where its largest entry is "
                f"{largest:.1e}"
            )
    return "all stages agree to 1e-4 of their largest entry when its genotypes are computed as one batch"
