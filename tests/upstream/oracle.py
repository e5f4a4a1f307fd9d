"""Imports torchcell's classes from an unpacked wheel, without the packages that its data layers need.

The wheel asks for Python 3.13 and for databases; the modules of models, losses, transforms, graph processors
and Lightning tasks run without. Subpackages are registered empty, so that their `__init__` do not run, and
what is left missing is replaced by the little that these modules use of it.
"""

from __future__ import annotations

import sys
from collections import UserDict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch_geometric.utils import scatter, softmax

EMPTY = (
    "data",
    "datamodels",
    "datamodules",
    "graph",
    "loader",
    "losses",
    "metabolism",
    "models",
    "nn",
    "profiling",
    "scheduler",
    "sequence",
    "trainers",
    "transforms",
    "utils",
    "viz",
)
LAZY = "torchcell.models.hetero_cell_bipartite_dango_gi_lazy"
EAGER = "torchcell.models.hetero_cell_bipartite_dango_gi"
DANGO = "torchcell.models.dango"


def install(folder: Path) -> None:
    """Makes `import torchcell...` work from the unpacked wheel in `folder`."""
    root = folder / "torchcell"
    assert root.is_dir(), f"{folder} holds no unpacked torchcell"
    _module("torchcell", root)
    for name in EMPTY:
        _module(f"torchcell.{name}", root / name)
    graph = _module("torchcell.graph.graph")
    for module in (sys.modules["torchcell.graph"], graph):
        module.GeneMultiGraph, module.GeneGraph = GeneMultiGraph, GeneGraph
    sys.modules["torchcell.sequence"].GeneSet = set
    sys.modules["torchcell.profiling"].__path__ = []
    _module("torchcell.profiling.timing").time_method = lambda function: function
    names = sys.modules["torchcell.datamodels"]
    for name in ("Experiment", "ExperimentReferenceType", "ExperimentType", "PhenotypeType", "ModelStrict"):
        setattr(names, name, Any)
    sys.modules["torchcell.utils"].format_scientific_notation = str
    scattering = _module("torch_scatter")
    scattering.scatter_mean = lambda x, index, dim=0, dim_size=None: scatter(
        x, index, dim, dim_size, reduce="mean"
    )
    scattering.scatter = lambda x, index, dim=0, dim_size=None, reduce="sum": scatter(
        x, index, dim, dim_size, reduce=reduce
    )
    scattering.scatter_softmax = lambda x, index, dim=0: softmax(x, index, dim=dim)
    for name in ("genetic_interaction_score", "visual_graph_degen", "visual_regression"):
        module = _module(f"torchcell.viz.{name}")
        setattr(sys.modules["torchcell.viz"], name, module)
    sys.modules["torchcell.viz.visual_graph_degen"].VisGraphDegen = object
    sys.modules["torchcell.viz.visual_regression"].Visualization = object
    for name in ("hydra", "wandb", "hypernetx", "networkx", "pydantic", "tqdm"):
        if find_spec(name) is None:
            module = _module(name)
            module.main = lambda *args, **kwargs: lambda function: function
            for used in ("Hypergraph", "Graph", "DiGraph", "Image", "BaseModel"):
                setattr(module, used, object)


def classes() -> SimpleNamespace:
    """The three model classes."""
    return SimpleNamespace(
        lazy=import_module(LAZY).GeneInteractionDango,
        eager=import_module(EAGER).GeneInteractionDango,
        dango=import_module(DANGO).Dango,
    )


class GeneGraph:
    """What the multigraph holds for every network."""

    def __init__(self, name: str, graph: Any) -> None:
        self.name, self.graph = name, graph


class GeneMultiGraph(UserDict):
    """Networks by name, as the models' constructors take them."""

    def keys(self) -> Any:
        return self.data.keys()


def random_state(model: torch.nn.Module, seed: int) -> None:
    """Gives every parameter and running statistic a value of its own."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.dtype.is_floating_point:
                noise = torch.randn(tensor.shape, generator=generator)
                noise = noise * 0.3 + (1.0 if name.endswith("running_var") else 0.0)
                tensor.copy_(noise.abs() + 0.1 if name.endswith("running_var") else noise)


def _module(name: str, path: Path | None = None) -> ModuleType:
    module = ModuleType(name)
    if path is not None:
        module.__path__ = [str(path)]
    sys.modules[name] = module
    parent, _, leaf = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], leaf, module)
    return module
