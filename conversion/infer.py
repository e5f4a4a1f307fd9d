"""What the keys and shapes of a PyTorch state dict tell of its architecture, and what they do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gi_jax.errors import GiJaxError

LITERAL, MANGLED = r"\('gene', '(?P<name>[^']+)', 'gene'\)", r"<gene___(?P<mangled>.+?)___gene>"
LAZY, EAGER, EAGER_V1 = "gene_interaction_dango", "eager", "eager_v1"
KIND, BOUNDARIES = "model.kind", "model.boundaries"
SAGNN = "gene_interaction_predictor.hyper_sagnn."
CONV = re.compile(rf"convs\.(?P<layer>\d+)\.convs\.(?:{LITERAL}|{MANGLED})\.(?P<rest>.+)")
Values = dict[str, Any]


class Inference(NamedTuple):
    """Settings by dotted key of the configuration, such as `model.num_layers`."""

    inferred: Values  # read off the state dict
    undecided: tuple[str, ...]  # not in it, and of influence on the numbers
    gene_num: int
    graph_names: tuple[str, ...]  # in the order in which the original visits them


def infer(state_dict: Mapping[str, np.ndarray]) -> Inference:
    """Reads model kind, widths, depths, networks and options off a state dict.

    Widths come from weights, depths from numbered keys, options from keys that only they bring.
    Heads, activation and the norms without parameters leave no trace. torchcell 1.8.4 has two classes whose
    keys may be the same, the lazy and the eager one; whether batches told whose each deleted gene was is only
    seen where a lazy model's local predictor was never trained.

    Raises:
      GiJaxError: the keys are those of none of the three systems.
    """
    if "pretrain_model.gene_embedding.weight" in state_dict:
        return _infer_dango(state_dict)
    convs = [match for key in state_dict if (match := CONV.fullmatch(key))]
    if "gene_embedding.weight" not in state_dict or not convs:
        raise GiJaxError(
            "the state dict is of none of the systems lazy, eager, eager_v1, dango: it has no gene embedding "
            "with gene network convolutions (convs.0.convs...)"
        )
    gene_num, channels = state_dict["gene_embedding.weight"].shape
    names = list(dict.fromkeys(match["name"] or match["mangled"] for match in convs))
    system = _system(state_dict)
    inferred: Values = {
        "model.hidden_channels": channels,
        "model.num_layers": 1 + max(int(match["layer"]) for match in convs),
    }
    unknown = ["model.activation"]
    if system is None:
        unknown.append(KIND)
    else:
        inferred[KIND] = system
    kind = _norm_kind(state_dict, "preprocessor.mlp.1")
    if kind:
        inferred["model.norm"] = kind
    else:
        unknown.append("model.norm")
    parts = [_convolution(state_dict, convs[0].string[: convs[0].start("rest")], channels)]
    if system != EAGER_V1:
        parts += [_aggregation(state_dict), _local_predictor(state_dict)]
        if system == EAGER or _local_never_trained(state_dict):
            unknown.append(BOUNDARIES)
    for settings, missing in parts:
        inferred |= settings
        unknown += missing
    return Inference(
        inferred, tuple(unknown), gene_num, tuple(names if system == EAGER_V1 else sorted(names))
    )


def _system(state_dict: Mapping[str, np.ndarray]) -> str | None:
    """Which of the systems with convolutions it is; None where keys and shapes are those of two."""
    if "gene_interaction_predictor.attention.beta" in state_dict:
        return EAGER_V1
    if (
        any(".conv.att" in key or ".aggregator.attention." in key for key in state_dict)
        or "preprocessor.mlp.1.running_mean" in state_dict
    ):
        return EAGER
    parameter_free = "preprocessor.mlp.1.weight" not in state_dict
    if (
        parameter_free
        or "preprocessor.mlp.1.mean_scale" in state_dict
        or "preprocessor.mlp.1.module.running_mean" in state_dict
        or any(".aggregator.pair_scorer." in key for key in state_dict)
        or not any(key.startswith("gene_interaction_predictor.") for key in state_dict)
    ):
        return LAZY
    return None


def _local_never_trained(state_dict: Mapping[str, np.ndarray]) -> bool:
    """Whether no bias of the local predictor has left the 0 that it starts from.

    Weight decay moves weights without a gradient; a bias of 0 it leaves where it is.
    """
    biases = [
        value
        for key, value in state_dict.items()
        if key.startswith("gene_interaction_predictor.") and key.endswith(".bias")
    ]
    return bool(biases) and not any(np.any(np.asarray(bias, np.float32)) for bias in biases)


def _infer_dango(state_dict: Mapping[str, np.ndarray]) -> Inference:
    gene_num, channels = state_dict["pretrain_model.gene_embedding.weight"].shape
    names = [
        m[1] for key in state_dict if (m := re.match(r"pretrain_model\.recon_layers\.(.+)\.weight", key))
    ]
    inferred = {"model.kind": "dango", "model.hidden_channels": channels}
    return Inference(inferred, ("model.local_predictor_config.num_heads",), gene_num, tuple(names))


def _convolution(
    state_dict: Mapping[str, np.ndarray], prefix: str, channels: int
) -> tuple[Values, list[str]]:
    section = "model.gene_encoder_config"
    if f"{prefix}conv.att" in state_dict:
        heads, width = state_dict[f"{prefix}conv.att"].shape[1:]
        return {
            f"{section}.encoder_type": "gatv2",
            f"{section}.heads": heads,
            f"{section}.concat": state_dict[f"{prefix}conv.bias"].shape[0] == heads * width,
        }, [f"{section}.add_self_loops"]
    hidden = state_dict[f"{prefix}conv.nn.0.weight"].shape[0]
    return {
        f"{section}.encoder_type": "gin",
        f"{section}.gin_num_layers": _count(state_dict, rf"{re.escape(prefix)}conv\.nn\.\d+\.weight"),
        f"{section}.gin_hidden_dim": None if hidden == channels else hidden,
    }, []


def _aggregation(state_dict: Mapping[str, np.ndarray]) -> tuple[Values, list[str]]:
    section, prefix = "model.gene_encoder_config", "convs.0.aggregator"
    method, config = f"{section}.graph_aggregation_method", f"{section}.graph_aggregation_config"
    if f"{prefix}.graph_embeddings" in state_dict:
        return {method: "cross_attention"}, [f"{config}.num_heads"]
    if f"{prefix}.attention.0.weight" in state_dict:
        return {method: "pairwise_interaction"}, []
    if f"{prefix}.pair_scorer.0.weight" not in state_dict:
        return {}, [method]  # a sum and a mean have no parameters
    pair = next(key for key in state_dict if key.startswith(f"{prefix}.interaction_mlps."))
    pair = re.escape(re.sub(r"\.\d+\.(weight|bias)$", "", pair))
    inferred = {
        method: "pairwise_interaction",
        f"{config}.pairwise_num_layers": _count(state_dict, rf"{pair}\.\d+\.weight"),
        f"{config}.pairwise_hidden_dim": state_dict[f"{prefix}.pair_scorer.0.weight"].shape[0],
    }
    kind = _norm_kind(state_dict, f"{prefix}.norm")
    if kind is None:
        return inferred, [f"{config}.aggregation_norm"]
    return inferred | {f"{config}.aggregation_norm": kind}, []


def _local_predictor(state_dict: Mapping[str, np.ndarray]) -> tuple[Values, list[str]]:
    section = "model.local_predictor_config"
    if "gene_interaction_predictor.prediction_layer.weight" not in state_dict:
        return {f"{section}.use_local_predictor": False}, []
    layers = rf"{re.escape(SAGNN)}attention_layers\.\d+\.q_proj\.weight"
    return {
        f"{section}.use_local_predictor": True,
        f"{section}.num_attention_layers": _count(state_dict, layers),
        f"{section}.combination_method": "gating" if "gate_mlp.0.weight" in state_dict else "concat",
    }, [f"{section}.num_heads"]


def _norm_kind(state_dict: Mapping[str, np.ndarray], prefix: str) -> str | None:
    """`batch`, `graph` or `layer` by their parameters; None for a norm without any."""
    if any(f"{prefix}{wrapper}.running_mean" in state_dict for wrapper in (".module", "")):
        return "batch"
    if f"{prefix}.mean_scale" in state_dict:
        return "graph"
    return "layer" if f"{prefix}.weight" in state_dict else None


def _count(state_dict: Mapping[str, np.ndarray], pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in state_dict)
