"""An export folder as `gi_jax_export.py` writes it, from a recorded case and without torchcell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from conversion.golden import GoldenCase, run_case
from tests.conversion.cases import GOLDEN

STAGES = ("z_w", "z_i", "z_p", "global_interaction", "local_interaction", "gate_weights", "pert_gene_embs")
SCALE = {"kind": "standard", "center": 0.5, "scale": 2.0}


def genes_of(case: GoldenCase) -> list[str]:
    return [f"YAL{number:03d}W" for number in range(case.meta["gene_num"])]


def outputs_alone(case: GoldenCase, genotype: list[int]) -> dict[str, np.ndarray]:
    alone = replace(case, meta=case.meta | {"genotypes": [genotype]}, targets=case.targets[:1])
    return run_case(alone, gradients=False).outputs


def write_export(folder: Path, name: str, **changed: Any) -> Path:
    """A case's genotypes as one batch, and one by one."""
    case = GoldenCase.load(GOLDEN / name)
    batched = dict(np.load(GOLDEN / name / "outputs.npz"))
    recorded = {}
    genotypes = case.meta["genotypes"]
    for precision, dtype in (("float64", np.float64), ("float32", np.float32)):
        ways = {("batched", 0): batched}
        ways |= {("alone", i): outputs_alone(case, genotype) for i, genotype in enumerate(genotypes)}
        for (way, number), outputs in ways.items():
            place = f"{precision}.{way}.{number}"
            recorded[f"{place}.prediction"] = outputs["gene_interaction"][:, 0].astype(dtype)
            recorded |= {f"{place}.{stage}": outputs[stage].astype(dtype) for stage in STAGES}
    folder.mkdir()
    save_file(
        {key: np.ascontiguousarray(value) for key, value in recorded.items()}, folder / "recorded.safetensors"
    )
    save_file(case.state_dict, folder / "weights.safetensors")
    save_file(
        {name: np.ascontiguousarray(edges) for name, edges in case.graphs.items()},
        folder / "edges.safetensors",
    )
    genes = genes_of(case)
    (folder / "genes.txt").write_text("\n".join(genes) + "\n")
    lines = ["genes\tscore\tsplit"]
    for number, part in enumerate(("train", "train", "val", "test")):
        lines.append(f"{genes[number]},{genes[number + 1]}\t{0.1 * number}\t{part}")
    (folder / "genotypes.tsv").write_text("\n".join(lines) + "\n")
    names = case.meta["graph_names"]
    meta = {
        "format": 1,
        "kind": case.meta["model"],
        "class": "torchcell",
        "arguments": case.meta["kwargs"],
        "networks": names,
        "absent": [name for name in names if name not in case.graphs],
        "boundaries": case.meta.get("boundaries", True),
        "batch_size": len(genotypes),
        "label_transform": SCALE,
        "genotypes": genotypes,
        "config": None,
        "versions": {"torch": "2.13.0"},
    }
    (folder / "export.json").write_text(json.dumps(meta | changed))
    return folder
