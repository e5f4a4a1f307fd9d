"""JAX beside the PyTorch reference on random configurations, networks, weights and genotypes."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conversion.golden import COMPILE_QUICKLY, GoldenCase, GoldenRun, run_case
from conversion.to_flax import to_flax
from conversion.to_torch import named_tensors
from conversion.torch_keys import slots
from conversion.verify import compare, first_difference
from gi_jax.losses import log_cosh
from tests.reference import golden as reference

NETWORKS = ("a", "b", "c")
EAGER_NETWORKS = ("physical_interaction", "regulatory_interaction")
NORMS = ("layer", "batch", "graph", "instance", "pair", "mean_subtraction")
# Every example compiles a program of its own, so there are few of them and none is shrunk.
EXAMPLES = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def make_case(
    model: str,
    kwargs: dict[str, Any],
    networks: tuple[str, ...],
    seed: int,
    *,
    mode: str = "eval",
    missing: str = "",
    sizes: tuple[int, ...] = (2, 0, 3, 1),
) -> GoldenCase:
    """Random weights, edges (repeated ones and self loops among them), genotypes and targets."""
    rng = np.random.default_rng(seed)
    n = kwargs["gene_num"]
    genotypes = [rng.permutation(n)[:size].tolist() for size in sizes]
    counts = zip(networks, (20, 9, 0), strict=False)
    graphs = {name: rng.integers(0, n, (2, count)) for name, count in counts if name != missing}
    targets = rng.normal(size=len(genotypes) if model == "dango" else (len(genotypes), 1))
    meta = {
        "model": model,
        "kwargs": kwargs,
        "gene_num": n,
        "graph_names": list(networks),
        "genotypes": genotypes,
        "mode": mode,
        "loss": reference.dango_loss_for(networks) if model == "dango" else {},
    }
    state_dict = {key: value.numpy() for key, value in reference.random_state_dict(kwargs, seed).items()}
    return GoldenCase(meta, state_dict, graphs, targets)


def assert_equal_to_reference(case: GoldenCase, **options: bool) -> None:
    """Outputs, intermediate values, gradients and running statistics, in float64."""
    meta = case.meta
    outputs, grads, state = reference.run_case_torch(
        meta["kwargs"], case.state_dict, case.graphs, meta["genotypes"], case.targets, meta["mode"],
        loss=meta["loss"] or None,
    )  # fmt: skip
    results = compare(run_case(case, **options), GoldenRun(outputs, grads, state or {}), np.float64)
    bad = first_difference(results)
    assert bad is None, f"first difference: {bad}"


@st.composite
def lazy_kwargs(draw: st.DrawFn) -> dict[str, Any]:
    norm = draw(st.sampled_from(NORMS))
    method = draw(st.sampled_from(("sum", "mean", "cross_attention", "pairwise_interaction")))
    aggregation = {
        "cross_attention": {"num_heads": draw(st.sampled_from((1, 2, 4)))},
        "pairwise_interaction": {
            "pairwise_num_layers": draw(st.integers(1, 3)),
            "pairwise_hidden_dim": draw(st.sampled_from((None, 3))),
            "aggregation_norm": draw(st.sampled_from((None, "layer", "batch", "graph", "instance"))),
        },
    }.get(method, {})
    return {
        "gene_num": draw(st.integers(5, 8)),
        "hidden_channels": 8,
        "num_layers": draw(st.integers(1, 2)),
        "graph_names": list(NETWORKS),
        "dropout": 0.0,  # the originals' default is 0.1, whose draws no two libraries share
        "norm": norm,
        "activation": draw(st.sampled_from(("relu", "gelu", "leaky_relu", "tanh", "sigmoid"))),
        "gene_encoder_config": {
            "graph_aggregation_method": method,
            "graph_aggregation_config": aggregation,
            "gin_num_layers": draw(st.integers(1, 3)),
            "gin_hidden_dim": draw(st.sampled_from((None, 5))),
        },
        "local_predictor_config": {
            "use_local_predictor": draw(st.booleans()),
            "num_heads": draw(st.sampled_from((1, 2, 4))),
            "num_attention_layers": draw(st.integers(1, 3)),
            "combination_method": draw(st.sampled_from(("gating", "concat"))),
        },
    }


@st.composite
def eager_kwargs(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "gene_num": draw(st.integers(5, 8)),
        "hidden_channels": 8,
        "num_layers": draw(st.integers(1, 2)),
        "dropout": 0.0,
        "norm": draw(st.sampled_from(("layer", "batch"))),
        "activation": draw(st.sampled_from(("relu", "silu"))),
        "gene_encoder_config": {
            "heads": draw(st.sampled_from((1, 2, 4))),
            "concat": draw(st.booleans()),
            "add_self_loops": draw(st.booleans()),
        },
    }


SEEDS = st.integers(0, 2**20)
DATA = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(("eval", "train")),
        "sizes": st.sampled_from(((2, 0, 3, 1), (0, 0), (3,), (1, 1), (2, 0))),
    }
)


@settings(EXAMPLES, max_examples=12)
@given(
    kwargs=lazy_kwargs(),
    seed=SEEDS,
    data=DATA,
    missing=st.sampled_from(("", *NETWORKS)),
    shortcut=st.booleans(),
)
def test_gene_interaction_dango(
    kwargs: dict[str, Any], seed: int, data: dict[str, Any], missing: str, shortcut: bool
) -> None:
    case = make_case("lazy", kwargs, NETWORKS, seed, missing=missing, **data)
    assert_equal_to_reference(case, first_layer_shortcut=shortcut)


@settings(EXAMPLES, max_examples=3)
@given(kwargs=eager_kwargs(), seed=SEEDS, data=DATA)
def test_eager_v1(kwargs: dict[str, Any], seed: int, data: dict[str, Any]) -> None:
    assert_equal_to_reference(make_case("eager_v1", kwargs, EAGER_NETWORKS, seed, **data))


@settings(EXAMPLES, max_examples=2)
@given(heads=st.sampled_from((1, 2, 4)), seed=SEEDS, missing=st.sampled_from(("", *NETWORKS)))
def test_dango(heads: int, seed: int, missing: str) -> None:
    kwargs = {"gene_num": 7, "edge_types": list(NETWORKS), "hidden_channels": 8, "num_heads": heads}
    assert_equal_to_reference(make_case("dango", kwargs, NETWORKS, seed, missing=missing))


TRAINED = {
    "lazy": (
        {
            "gene_num": 7,
            "hidden_channels": 8,
            "num_layers": 2,
            "graph_names": ["a", "b"],
            "dropout": 0.0,
            "norm": "batch",
            "activation": "gelu",
            "gene_encoder_config": {"graph_aggregation_method": "pairwise_interaction"},
            "local_predictor_config": {"num_heads": 2, "num_attention_layers": 1},
        },
        ("a", "b"),
    ),
    "eager_v1": (
        {
            "gene_num": 7,
            "hidden_channels": 8,
            "num_layers": 1,
            "dropout": 0.0,
            "norm": "layer",
            "activation": "silu",
            "gene_encoder_config": {"heads": 2},
        },
        EAGER_NETWORKS,
    ),
}
RATE, DECAY, STEPS = 1e-2, 1e-2, 10


@pytest.mark.parametrize("model", TRAINED)
def test_ten_steps_of_adamw_end_in_the_same_parameters(model: str) -> None:
    kwargs, networks = TRAINED[model]
    case = make_case(model, kwargs, networks, seed=3, mode="train")
    expected = _train_torch(case)
    actual = _train_jax(case)
    start = {key: np.asarray(value, np.float64) for key, value in case.state_dict.items()}
    moved = max(np.abs(expected[key] - start[key]).max() for key in actual)
    assert moved > RATE  # ten steps of this rate went somewhere
    for key, value in actual.items():
        np.testing.assert_allclose(value, expected[key], rtol=0, atol=1e-6, err_msg=key)


def _train_torch(case: GoldenCase) -> dict[str, np.ndarray]:
    model = reference.build_model(case.meta["kwargs"], case.state_dict).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        optimizer.zero_grad()
        reference.forward_loss(model, case.graphs, case.meta["genotypes"], case.targets)["loss"].backward()
        optimizer.step()
    return {key: value.detach().numpy() for key, value in model.state_dict().items()}


def _train_jax(case: GoldenCase) -> dict[str, np.ndarray]:
    model, graph, batch = case.architecture.model, case.graph, case.batch
    optimizer = optax.adamw(RATE, weight_decay=DECAY)
    with jax.enable_x64(True):
        targets = jnp.asarray(case.targets)
        variables = to_flax(case.state_dict, case.architecture)
        params, statistics = (
            jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), variables.get(name, {}))
            for name in ("params", "batch_stats")
        )

        def loss(params: Any, statistics: Any) -> tuple[jax.Array, Any]:
            out, changed = model.apply(
                {"params": params, "batch_stats": statistics},
                graph,
                batch,
                train=True,
                mutable=["batch_stats"],
            )
            return log_cosh(out.gene_interaction, targets), changed["batch_stats"] if statistics else {}

        def step(carry: Any, _: None) -> tuple[Any, None]:
            params, moments, statistics = carry
            grads, statistics = jax.grad(loss, has_aux=True)(params, statistics)
            updates, moments = optimizer.update(grads, moments, params)
            return (optax.apply_updates(params, updates), moments, statistics), None

        @partial(jax.jit, compiler_options=COMPILE_QUICKLY)
        def train(params: Any, statistics: Any) -> Any:
            carry = (params, optimizer.init(params), statistics)
            return jax.lax.scan(step, carry, None, length=STEPS)[0]

        params, _, statistics = train(params, statistics)
        return named_tensors({"params": params, "batch_stats": statistics}, slots(case.architecture))
