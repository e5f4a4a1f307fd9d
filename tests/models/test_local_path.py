"""`use_local_predictor: false` compiles the predictor and the gate out."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.config import LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import cell_graph
from gi_jax.models.neural import build_model
from gi_jax.nn.gating import Gate
from gi_jax.nn.hyper_sagnn import HyperSAGNN
from gi_jax.ops.spmm import with_backend

N, H, B, S = 20, 32, 64, 3
OPERATIONS = ("gene_interaction_predictor", "gate_mlp")


def lowered(use_local: bool) -> jax.stages.Lowered:
    local = LocalPredictorConfig(use_local_predictor=use_local, num_heads=4, num_attention_layers=2)
    model = build_model(ModelConfig(hidden_channels=H, local_predictor_config=local), N, ("a",))
    rng = np.random.default_rng(0)
    graph = with_backend(cell_graph({"a": rng.integers(0, N, (2, 30))}, N), "segment")
    batch = genotype_batch([rng.choice(N, S, replace=False).tolist() for _ in range(B)], N)
    variables = jax.eval_shape(model.init, jax.random.key(0), graph, batch)

    def predict(variables, graph, batch):
        return model.apply(variables, graph, batch).gene_interaction

    return jax.jit(predict).lower(variables, graph, batch)


def flops(program: jax.stages.Lowered) -> float:
    return program.cost_analysis()["flops"]


@pytest.fixture(scope="module")
def with_local() -> jax.stages.Lowered:
    return lowered(True)


@pytest.fixture(scope="module")
def without_local() -> jax.stages.Lowered:
    return lowered(False)


def test_no_operation_of_the_local_predictor_or_the_gate_remains(with_local, without_local):
    present, absent = (program.as_text(debug_info=True) for program in (with_local, without_local))
    for name in OPERATIONS:
        assert name in present, "the search looks for a name that no program has"
        assert name not in absent


def test_operations_drop_by_the_predictors_share(with_local, without_local):
    local = HyperSAGNN(H, 4, 2, "gelu", 0.0)
    gate = Gate(H, "gelu", 0.0)
    x, sizes, both = jnp.zeros((B, S, H)), jnp.full(B, S), jnp.zeros((B, 2))

    key = jax.random.key(0)
    variables = jax.eval_shape(lambda: (local.init(key, x, sizes, False), gate.init(key, both, False)))

    def alone(variables, x, sizes, both):
        _, weights = gate.apply(variables[1], both, False)
        return local.apply(variables[0], x, sizes, False).interaction, weights

    share = flops(jax.jit(alone).lower(variables, x, sizes, both))
    saved = flops(with_local) - flops(without_local)
    assert share > 1e6  # 9 products of 192 rows with 32 x 32 alone are 3.5 million
    assert saved == pytest.approx(share, rel=0.01)


def test_without_the_predictor_there_is_no_local_output():
    local = LocalPredictorConfig(use_local_predictor=False)
    model = build_model(ModelConfig(hidden_channels=8, local_predictor_config=local), N, ("a",))
    graph = with_backend(cell_graph({"a": np.zeros((2, 0), int)}, N), "segment")
    out = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), graph, genotype_batch([[1, 2]], N))[0]
    )
    assert out.local_interaction is out.local_static is out.local_dynamic is None
    assert out.gate_weights.shape == (1, 1)
