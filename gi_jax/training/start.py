"""The state of a training before its first step."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict
from jax import Array

from gi_jax.config import RunConfig
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle, load_bundle
from gi_jax.models.neural.fixed import trained_part
from gi_jax.training.ensemble import check_starting_weights, stack_members
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.same_model import check_same_model
from gi_jax.training.state import TrainState, init_state, init_variables
from gi_jax.training.task import Task


def fresh_state(task: Task) -> TrainState:
    """The state before the first step, from random weights or those of `model.checkpoint_path`.

    With an ensemble every leaf has a leading axis, one entry per member; the first member starts as
    a run of the same seed does.
    """
    config = task.config
    loaded = None
    if config.model.checkpoint_path is not None:
        loaded = load_bundle(config.model.checkpoint_path)
        check_starting_weights(loaded.config.ensemble, config)
        check_same_model(loaded, config, task.cell)
    return _state(task, loaded)


def state_like(task: Task) -> TrainState:
    """A state of the shapes and dtypes that a checkpoint of the task holds."""
    return _state(task, loaded=None)


def _state(task: Task, loaded: ModelBundle | None) -> TrainState:
    states = [_member_state(task, member, loaded) for member in range(task.config.ensemble)]
    return states[0] if task.config.ensemble == 1 else stack_members(states)


def _member_state(task: Task, member: int, loaded: ModelBundle | None) -> TrainState:
    config, seed = task.config, task.config.seed + member
    variables = init_variables(task.model, task.graph, seed)
    if loaded is not None:
        start = loaded.member(member if loaded.config.ensemble > 1 else 0)
        variables = _same_shapes(trained_part(start.variables), variables, config)
    return init_state(
        variables,
        config.regression_task,
        make_optimizer(config.regression_task, variables["params"]),
        task.objective,
        embedding_dim=config.neural.hidden_channels,
        batch_size=config.data_module.batch_size,
        seed=seed,
    )


def _same_shapes(loaded: dict[str, Any], fresh: dict[str, Any], config: RunConfig) -> dict[str, Any]:
    found, expected = (
        {
            name: tuple(leaf.shape)
            for name, leaf in cast(dict[str, Array], flatten_dict(tree, sep=".")).items()
        }
        for tree in (loaded, fresh)
    )
    for name in expected | found:
        if found.get(name) != expected.get(name):
            raise GiJaxError(
                f"{config.model.checkpoint_path}: {name} has shape {found.get(name)}, but this configuration "
                f"needs {expected.get(name)}; use the model section that the weights were trained with"
            )
    return jax.tree.map(lambda weights, like: jnp.asarray(weights, like.dtype), loaded, fresh)
