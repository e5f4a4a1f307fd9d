"""What a configuration makes the training minimise."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.config import parse_config
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.losses import MleDistSupCR
from gi_jax.training.objective import DangoObjective, PredictionLoss, make_objective

DANGO = "model: {name: dango}\ncell_dataset: {graphs: [string_coexpression, string_fusion]}\n"


def objective(text: str):
    return make_objective(parse_config(text).config)


def test_the_span_of_a_loss_is_the_run_unless_it_says_otherwise() -> None:
    text = "trainer: {{max_epochs: 30}}\nregression_task: {{loss: mle_dist_supcr, loss_config: {{{}}}}}"
    for option, epochs in (("", 30), ("max_epochs: 7", 7)):
        found = objective(text.format(option))
        assert isinstance(found, PredictionLoss)
        assert isinstance(found.loss, MleDistSupCR)
        assert found.loss.max_epochs == epochs


def test_dango_weighs_the_zeros_of_sparsely_observed_channels_less() -> None:
    options = "{schedule: LinearUntilUniform, transition_epoch: 4, lambda_string_fusion: 0.5}"
    found = objective(DANGO + f"regression_task: {{loss: dango, loss_config: {options}}}")
    names = ("string_coexpression", "string_fusion")
    weights = {"string_coexpression": 0.1, "string_fusion": 0.5}
    assert found == DangoObjective(names, tuple(weights.items()), "LinearUntilUniform", 4)


def test_dangos_objective_mixes_reconstruction_and_interaction_by_epoch() -> None:
    graph, batch = cell_graph({"net": np.array([[0, 1], [1, 2]])}, 3), genotype_batch([[0, 1], [2]], 3)
    output = SimpleNamespace(  # reconstructs R = 0.5 in every entry
        network_embeddings=jnp.ones((1, 3, 2)),
        reconstruction=(jnp.full((1, 2, 3), 0.25), jnp.zeros((1, 3))),
        gene_interaction=jnp.array([[1.0], [-2.0]]),
    )
    found = DangoObjective(("net",), (("net", 0.1),), "LinearUntilFlipped", 4)
    labels = jnp.zeros((2, 1))
    value, state, terms = found.apply((), output, labels, batch, graph, jax.random.key(0), jnp.int32(1))
    # 7 zero entries of weight 0.1 and 2 edges, each off by 0.5; alpha = 1 - 1/4
    reconstruction = (7 * 0.1 + 2) * 0.25 / 9
    interaction = (np.log(np.cosh(1.0)) + np.log(np.cosh(2.0))) / 2
    np.testing.assert_allclose(value, 0.75 * reconstruction + 0.25 * interaction, rtol=1e-5)
    assert state == ()
    assert float(terms["alpha"]) == 0.75


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("regression_task: {loss: dango}", "reconstructs networks from model.kind 'dango', not 'gene_inter"),
        (DANGO + "regression_task: {loss: mle_dist_supcr}", "needs the pooled embeddings"),
        (
            DANGO + "regression_task: {loss: dango, loss_config: {lambda_x: 1.0}}",
            "lambda_x is about no network",
        ),
        (DANGO + "regression_task: {loss: dango, loss_config: {alpha: 1.0}}", "no argument 'alpha'"),
        (DANGO + "regression_task: {loss: dango, loss_config: {schedule: Never}}", "unknown Dango schedule"),
    ],
)
def test_a_loss_that_does_not_fit_is_described(text: str, message: str) -> None:
    with pytest.raises(GiJaxError, match=message):
        objective(text)
