"""What the keys and shapes of a PyTorch state dict tell of its architecture, and what they do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gi_jax.errors import GiJaxError

LITERAL, MANGLED = r"\('gene', '(?P<name>[^']+)', 'gene'\)", r"<gene___(?P<mangled>.+?)___gene>"
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
    Heads, activation and the norms without parameters leave no trace.

    Raises:
      GiJaxError: the keys are those of none of the three systems.
    """
    if "pretrain_model.gene_embedding.weight" in state_dict:
        return _infer_dango(state_dict)
    convs = [match for key in state_dict if (match := CONV.fullmatch(key))]
    if "gene_embedding.weight" not in state_dict or not convs:
        raise GiJaxError(
            "the state dict is of none of the systems lazy, eager_v1, dango: it has no gene embedding with "
            "gene network convolutions (convs.0.convs...)"
        )
    gene_num, channels = state_dict["gene_embedding.weight"].shape
    names = list(dict.fromkeys(match["name"] or match["mangled"] for match in convs))
    eager = "gene_interaction_predictor.attention.beta" in state_dict
    inferred: Values = {
        "model.kind": "eager_v1" if eager else "gene_interaction_dango",
        "model.hidden_channels": channels,
        "model.num_layers": 1 + max(int(match["layer"]) for match in convs),
    }
    unknown = ["model.activation"]
    kind = _norm_kind(state_dict, "preprocessor.mlp.1")
    if kind:
        inferred["model.norm"] = kind
    else:
        unknown.append("model.norm")
    parts = [_convolution(state_dict, convs[0].string[: convs[0].start("rest")], channels)]
    if not eager:
        parts += [_aggregation(state_dict), _local_predictor(state_dict)]
    for settings, missing in parts:
        inferred |= settings
        unknown += missing
    return Inference(inferred, tuple(unknown), gene_num, tuple(names if eager else sorted(names)))


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
    layers = r"gene_interaction_predictor\.hyper_sagnn\.attention_layers\.\d+\.q_proj\.weight"
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
