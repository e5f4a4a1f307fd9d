"""Exports a trained torchcell model for gi_jax: everything that its predictions depend on, in safe files.

One file that needs torch, numpy and safetensors beside torchcell itself. Copy it to where torchcell runs. In
the script that trained, or a notebook:

    from gi_jax_export import export
    export("EXPORT", task, loader, splits={"train": train_loader, "val": val_loader, "test": test_loader})

`task` is the Lightning task (its model, cell graph and label transform are taken), `loader` the data loader
that it was trained with: how that collates samples decides what a local predictor sees. From a checkpoint:

    python gi_jax_export.py last.ckpt EXPORT --config run.yaml --kind lazy --boundaries absent

Then, where gi_jax is: gi-jax convert EXPORT MODEL
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from safetensors.numpy import save_file

FORMAT = 1
RECORDED = 32  # genotypes of the recorded case
MODULES = {
    "lazy": ("torchcell.models.hetero_cell_bipartite_dango_gi_lazy", "GeneInteractionDango"),
    "eager": ("torchcell.models.hetero_cell_bipartite_dango_gi", "GeneInteractionDango"),
    "dango": ("torchcell.models.dango", "Dango"),
}
ACTIVATIONS = {
    "ReLU": "relu",
    "GELU": "gelu",
    "Sigmoid": "sigmoid",
    "LeakyReLU": "leaky_relu",
    "Tanh": "tanh",
    "SiLU": "silu",
}
NORMS = {
    "LayerNorm": "layer",
    "BatchNorm": "batch",
    "BatchNorm1d": "batch",
    "GraphNorm": "graph",
    "InstanceNorm": "instance",
    "PairNorm": "pair",
    "MeanSubtractionNorm": "mean_subtraction",
}
# Of what a model returns beside its prediction, what has one row per genotype, gene or wildtype.
STAGES = (
    "z_w",
    "z_i",
    "z_p",
    "global_interaction",
    "local_interaction",
    "gate_weights",
    "pert_gene_embs",
    "integrated_embeddings",
)


def export(
    folder,
    task,
    loader=None,
    *,
    splits=None,
    config=None,
    cell_graph=None,
    label_transform="task",
    samples=None,
    collate=None,
    batch_size=None,
):
    """Writes an export folder.

    Args:
      folder: new or empty.
      task: the Lightning task, or the model itself (then give `cell_graph`).
      loader: the training data loader; or give `samples`, `collate` and `batch_size`.
      splits: name of a part -> loader, dataset, or list of (gene names, score).
      config: the configuration as a dictionary, or the path of its YAML file.
      label_transform: the task's by default; None for labels as they are; or (kind, center, scale).
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder}: is not empty; name another folder")
    model = unwrapped(getattr(task, "model", task))
    cell_graph = cell_graph if cell_graph is not None else getattr(task, "cell_graph", None)
    if cell_graph is None:
        raise SystemExit("the task has no cell graph; give it as cell_graph=")
    if loader is not None:
        loader = getattr(loader, "loader", loader)  # inside one that prefetches
        samples, collate = loader.dataset, loader.collate_fn
        batch_size = loader.batch_size
    if samples is None or collate is None or not batch_size:
        raise SystemExit("give the training data loader, or samples, collate and batch_size")
    kind = kind_of(model)
    genes = [str(gene) for gene in cell_graph["gene"].node_ids]
    arguments = constructor_arguments(model, kind)
    names = arguments["graph_names" if kind != "dango" else "edge_types"]
    edges = literal_edges(cell_graph)
    unused = sorted(set(edges) - set(names))
    edges = {name: edges[name] for name in names if name in edges}
    rows = np.unique(np.linspace(0, len(samples) - 1, RECORDED).astype(int))
    chosen = [samples[int(row)] for row in rows]
    probe = collate(chosen[:2])
    boundaries = any(hasattr(probe["gene"], f"perturbation_indices_{end}") for end in ("ptr", "batch"))
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: np.ascontiguousarray(to_numpy(value)) for key, value in model.state_dict().items()}
    save_file(state, str(folder / "weights.safetensors"))
    save_file(edges, str(folder / "edges.safetensors"))
    (folder / "genes.txt").write_text("\n".join(genes) + "\n", encoding="utf-8")
    recorded = record(model, cell_graph, chosen, collate, batch_size)
    save_file(recorded, str(folder / "recorded.safetensors"))
    if splits:
        write_genotypes(folder / "genotypes.tsv", splits, genes)
    meta = {
        "format": FORMAT,
        "kind": kind,
        "class": f"{type(model).__module__}.{type(model).__qualname__}",
        "arguments": arguments,
        "networks": list(names),
        "absent": [name for name in names if name not in edges],
        "unused_networks": unused,
        "boundaries": boundaries,
        "batch_size": int(batch_size),
        "label_transform": label_scale(task) if label_transform == "task" else scale_of(label_transform),
        "genotypes": [to_numpy(sample["gene"].perturbation_indices).tolist() for sample in chosen],
        "config": configuration(config),
        "versions": versions(),
    }
    (folder / "export.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
    print(
        f"{folder}: {kind} model of {len(genes)} genes, {len(names)} networks ({len(meta['absent'])} absent)"
    )
    print(f"next, where gi_jax is: gi-jax convert {folder} MODEL")


def unwrapped(model):
    """The model inside torch.compile and data-parallel wrappers."""
    for name in ("_orig_mod", "module"):
        inner = getattr(model, name, None)
        if isinstance(inner, torch.nn.Module) and not hasattr(model, "gene_embedding"):
            return unwrapped(inner)
    return model


def kind_of(model):
    """Which of the three classes a model is of."""
    for base in type(model).__mro__:
        for kind, (module, name) in MODULES.items():
            if (base.__module__, base.__name__) == (module, name):
                return kind
    known = ", ".join(f"{module}.{name}" for module, name in MODULES.values())
    raise SystemExit(
        f"the model is a {type(model).__module__}.{type(model).__name__}, expected one of {known}"
    )


def constructor_arguments(model, kind):
    """What the model was built with, read off its modules: no checkpoint tells all of it."""
    if kind == "dango":
        pretrain = model.pretrain_model
        return {
            "gene_num": pretrain.gene_embedding.num_embeddings,
            "edge_types": [str(name) for name in pretrain.edge_types],
            "hidden_channels": pretrain.gene_embedding.embedding_dim,
            "num_heads": model.hyper_sagnn.num_heads,
        }
    layer = model.convs[0]
    wrapper = next(iter(layer.convs.values()))
    channels = model.gene_embedding.embedding_dim
    local = model.gene_interaction_predictor
    arguments = {
        "gene_num": model.gene_embedding.num_embeddings,
        "hidden_channels": channels,
        "num_layers": len(model.convs),
        "graph_names": sorted(map(str, model.graph_names)),
        "dropout": float(model.preprocessor.mlp[3].p),
        "norm": name_of(wrapper.norm, NORMS),
        "activation": name_of(model.preprocessor.act, ACTIVATIONS),
        "gene_encoder_config": {
            **convolution(wrapper.conv, channels),
            "graph_aggregation_method": str(model.graph_aggregation_method),
            "graph_aggregation_config": aggregation(getattr(layer, "aggregator", None), kind),
        },
        "local_predictor_config": {"combination_method": str(model.combination_method)},
    }
    if kind == "lazy":
        arguments["local_predictor_config"]["use_local_predictor"] = local is not None
    if local is not None:
        sagnn = local.hyper_sagnn
        arguments["local_predictor_config"] |= {
            "num_heads": int(sagnn.num_heads),
            "num_attention_layers": len(sagnn.attention_layers),
        }
    return arguments


def convolution(conv, channels):
    """The options of a convolution."""
    if hasattr(conv, "att"):
        return {
            "encoder_type": "gatv2",
            "heads": int(conv.heads),
            "concat": bool(conv.concat),
            "add_self_loops": bool(conv.add_self_loops),
        }
    layers = [module for module in conv.nn.modules() if isinstance(module, torch.nn.Linear)]
    hidden = layers[0].out_features
    return {
        "encoder_type": "gin",
        "gin_num_layers": len(layers),
        "gin_hidden_dim": None if hidden == channels else hidden,
    }


def aggregation(aggregator, kind):
    """The options of an aggregation over networks."""
    if hasattr(aggregator, "multihead_attn"):
        attention = aggregator.multihead_attn
        found = {"num_heads": int(attention.num_heads)}
        return found | ({"dropout": float(attention.dropout)} if kind == "eager" else {})
    if hasattr(aggregator, "interaction_mlps"):
        mlp = next(iter(aggregator.interaction_mlps.values()))
        layers = [module for module in mlp.modules() if isinstance(module, torch.nn.Linear)]
        if kind == "eager":
            rates = [module.p for module in mlp.modules() if isinstance(module, torch.nn.Dropout)]
            return {"dropout": float(rates[0])} if rates else {}
        norm = getattr(aggregator, "norm", None)
        return {
            "pairwise_num_layers": len(layers),
            "pairwise_hidden_dim": aggregator.pair_scorer[0].out_features,
            "aggregation_norm": None if norm is None else name_of(norm, NORMS),
        }
    return {}


def name_of(module, names):
    """The name of an activation or a norm in a configuration."""
    found = type(module).__name__
    if found not in names:
        raise SystemExit(f"the model has a {found}, which is none of {', '.join(names)}")
    return names[found]


def literal_edges(cell_graph):
    """The edges `[2, E]` of every network between genes, as they are."""
    return {
        name: np.ascontiguousarray(to_numpy(cell_graph[source, name, target].edge_index).astype(np.int32))
        for source, name, target in cell_graph.edge_types
        if source == target == "gene"
    }


def record(model, cell_graph, samples, collate, batch_size):
    """Outputs in float64 and float32, one genotype at a time and in batches, in evaluation mode.

    The model is computed with as it is, and is afterwards as it was: it may hold what cannot be copied.
    """
    arrays, first = {}, next(model.parameters())
    before, dtype_before, device = torch.get_default_dtype(), first.dtype, first.device
    modes = [(module, module.training) for module in model.modules()]
    graph = cell_graph.clone().cpu()
    try:
        model.cpu().eval()
        for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
            model.to(dtype)
            torch.set_default_dtype(dtype)
            for way, size in (("alone", 1), ("batched", batch_size)):
                parts = [samples[i : i + size] for i in range(0, len(samples), size)]
                for number, part in enumerate(parts):
                    with torch.no_grad():
                        prediction, stages = model(graph, in_dtype(collate(list(part)), dtype))
                    place = f"{name}.{way}.{number}"
                    found = {**stages, "prediction": prediction.reshape(len(part))}
                    for stage in ("prediction", *STAGES):
                        if torch.is_tensor(found.get(stage)):
                            arrays[f"{place}.{stage}"] = np.ascontiguousarray(to_numpy(found[stage]))
    finally:
        torch.set_default_dtype(before)
        model.to(device=device, dtype=dtype_before)
        for module, mode in modes:
            module.training = mode
    return arrays


def in_dtype(batch, dtype):
    """A batch with its node features in a precision; no model here computes with them."""
    store = batch["gene"]
    for key in ("x", "x_pert"):
        if key in store and torch.is_tensor(store[key]):
            store[key] = store[key].to(dtype)
    return batch


def label_scale(task):
    """Center and scale of the task's labels: score = label * scale + center."""
    transform = getattr(task, "inverse_transform", None)
    if transform is None:
        return scale_of(None)
    stats = find_stats(transform)
    if stats is None:
        raise SystemExit(
            "the task's inverse_transform holds no statistics of gene_interaction; give "
            "label_transform=(kind, center, scale), or None for labels as they are"
        )
    kind = stats["strategy"]
    if kind == "standard":
        center, scale = stats["mean"], stats["std"]
    elif kind == "minmax":
        center, scale = stats["min"], stats["max"] - stats["min"]
    else:
        center, scale = stats["q25"], stats["q75"] - stats["q25"]
    return scale_of((kind, center, scale))


def find_stats(transform, depth=0):
    """The statistics of gene_interaction inside transforms of transforms."""
    stats = getattr(transform, "stats", None)
    if isinstance(stats, dict) and "gene_interaction" in stats:
        return stats["gene_interaction"]
    inner = list(vars(transform).values()) if hasattr(transform, "__dict__") and depth < 4 else []
    for value in inner:
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if "torchcell" in type(one).__module__ or hasattr(one, "stats"):
                found = find_stats(one, depth + 1)
                if found is not None:
                    return found
    return None


def scale_of(transform):
    """A label transform as JSON knows it."""
    kind, center, scale = ("identity", 0.0, 1.0) if transform is None else transform
    return {"kind": str(kind), "center": float(center), "scale": float(scale)}


def write_genotypes(path, splits, genes):
    """One line per genotype: its genes, its score and the part it is in."""
    lines = ["genes\tscore\tsplit"]
    for part, source in splits.items():
        for names, score in genotypes_of(source, genes):
            if names:
                lines.append(f"{','.join(names)}\t{score:.9g}\t{part}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def genotypes_of(source, genes):
    """Gene names and score of every genotype of a loader, a dataset or a list."""
    source = getattr(source, "loader", source)
    source = getattr(source, "dataset", source)
    for number in range(len(source)):
        item = source[number]
        if isinstance(item, (tuple, list)):
            yield list(item[0]), float(item[1])
            continue
        store = item["gene"]
        key = "phenotype_values_original" if "phenotype_values_original" in store else "phenotype_values"
        ids = to_numpy(store["perturbation_indices"]).tolist()
        yield [genes[i] for i in ids], float(to_numpy(store[key]).reshape(-1)[0])


def configuration(config):
    """The configuration as plain values, or None."""
    if config is None or isinstance(config, dict):
        return json.loads(json.dumps(config, default=str))
    import yaml  # comes with Lightning

    return yaml.safe_load(Path(config).read_text(encoding="utf-8"))


def versions():
    """Of what the numbers were computed with."""
    found = {"python": platform.python_version(), "torch": torch.__version__}
    for name in ("torch_geometric", "torchcell", "lightning"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            found[name] = str(version)
    return found


def to_numpy(tensor):
    """A tensor on the CPU as an array; half precision as single."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def from_checkpoint(path, folder, *, config, kind, boundaries, genotypes=None):
    """Exports a Lightning checkpoint, which only torchcell's own environment can unpickle."""
    content = torch.load(path, map_location="cpu", weights_only=False)
    hparams = content.get("hyper_parameters", {})
    cell_graph = hparams.get("cell_graph")
    if cell_graph is None:
        raise SystemExit(f"{path}: holds no cell graph; call export() on live objects instead")
    values = configuration(config)
    module, name = MODULES[kind]
    state = {
        key.partition("model.")[2].removeprefix("_orig_mod."): value
        for key, value in content["state_dict"].items()
        if key.startswith("model.")
    }
    section = values.get("model", {})
    graphs = values["cell_dataset"]["graphs"]
    if kind == "dango":
        arguments = {"gene_num": cell_graph["gene"].num_nodes, "edge_types": list(graphs)}
        arguments |= {key: section[key] for key in ("hidden_channels", "num_heads") if key in section}
    else:
        read = ("gene_num", "hidden_channels", "num_layers", "dropout", "norm", "activation")
        read += ("gene_encoder_config", "local_predictor_config")
        arguments = {key: resolved(section[key], values) for key in read if key in section}
        arguments.setdefault("gene_num", cell_graph["gene"].num_nodes)
        arguments["gene_multigraph"] = {str(graph): None for graph in graphs}
    model = getattr(importlib.import_module(module), name)(**arguments)
    model.load_state_dict(state, strict=True)
    processors = importlib.import_module("torchcell.data.graph_processor")
    lazy = kind == "lazy"
    processor = processors.LazySubgraphRepresentation() if lazy else processors.SubgraphRepresentation()
    listed = read_genotypes(genotypes, cell_graph) if genotypes else random_genotypes(cell_graph)
    samples = [sample(processor, cell_graph, names, score) for names, score, _ in listed[: 40 * RECORDED]]
    follow = ["x", "x_pert"] + (["perturbation_indices"] if boundaries or kind == "dango" else [])
    task = SimpleNamespace(
        model=model, cell_graph=cell_graph, inverse_transform=hparams.get("inverse_transform")
    )
    parts = {}
    for names, score, part in listed if genotypes else ():
        parts.setdefault(part, []).append((names, score))
    size = values.get("data_module", {}).get("batch_size", RECORDED)
    export(
        folder,
        task,
        splits=parts,
        config=values,
        samples=samples,
        collate=collater(follow, lazy),
        batch_size=size,
    )


def collater(follow, lazy):
    """How torchcell's loaders make a batch of samples."""
    if lazy:
        collate = importlib.import_module("torchcell.datamodules.lazy_collate").lazy_collate_hetero
        return lambda samples: collate(samples, follow)
    loader = importlib.import_module("torch_geometric.loader.dataloader")
    return lambda samples: loader.Collater(samples, follow_batch=follow)(samples)


def resolved(value, values):
    """A value with `${key}` references replaced."""
    if isinstance(value, dict):
        return {key: resolved(inner, values) for key, inner in value.items()}
    if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
        found = values
        for key in value[2:-1].split("."):
            found = found[key]
        return resolved(found, values)
    return value


def sample(processor, cell_graph, names, score):
    """A genotype as torchcell's data set would give it."""
    perturbations = [SimpleNamespace(systematic_gene_name=name) for name in names]
    experiment = SimpleNamespace(
        genotype=SimpleNamespace(perturbations=perturbations),
        phenotype=SimpleNamespace(gene_interaction=score),
    )
    fields = {
        "label_name": SimpleNamespace(default="gene_interaction"),
        "label_statistic_name": SimpleNamespace(default=None),
    }
    phenotype = type("GeneInteraction", (), {"model_fields": fields})
    return processor.process(cell_graph, [phenotype], [{"experiment": experiment}])


def read_genotypes(path, cell_graph):
    """Lines of `genes score split`, tab separated, genes by comma."""
    known, found = set(map(str, cell_graph["gene"].node_ids)), []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split("\t")
        if number == 1 and fields[0] == "genes":
            continue
        names = fields[0].split(",")
        if any(name not in known for name in names):
            raise SystemExit(
                f"{path}, line {number}: {fields[0]} has a gene that the cell graph does not have"
            )
        found.append((names, float(fields[1]), fields[2] if len(fields) > 2 else "train"))
    return found


def random_genotypes(cell_graph):
    """One to three genes each, for a recorded case where no genotypes are given."""
    rng, genes = np.random.default_rng(0), list(map(str, cell_graph["gene"].node_ids))
    sizes = rng.integers(1, 4, RECORDED)
    return [([genes[i] for i in rng.choice(len(genes), size, replace=False)], 0.0, "") for size in sizes]


def main():
    """The command line: a checkpoint and its configuration."""
    parser = argparse.ArgumentParser(description="Export a torchcell checkpoint for gi_jax.")
    parser.add_argument("checkpoint", help="Lightning .ckpt of torchcell")
    parser.add_argument("folder", help="export folder, new")
    parser.add_argument(
        "--config", required=True, help="the configuration it was trained with (YAML, composed)"
    )
    parser.add_argument("--kind", required=True, choices=sorted(MODULES), help="the class of the model")
    parser.add_argument(
        "--boundaries",
        required=True,
        choices=("given", "absent"),
        help=(
            "given if the loader had follow_batch=['perturbation_indices']; absent with torchcell's "
            "own data modules"
        ),
    )
    parser.add_argument("--genotypes", help="table: genes (by comma), score, split (train, val, test)")
    given = parser.parse_args()
    from_checkpoint(
        given.checkpoint,
        given.folder,
        config=given.config,
        kind=given.kind,
        boundaries=given.boundaries == "given",
        genotypes=given.genotypes,
    )


if __name__ == "__main__":
    main()
