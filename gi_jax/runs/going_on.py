"""`gi-jax train --from MODEL`: training goes on from a model folder, and says what it changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gi_jax.config import RunConfig, load_config
from gi_jax.config.load import flat, stated_keys
from gi_jax.config.schema import plain
from gi_jax.config.yaml_text import override
from gi_jax.data.bundled import bundled_models, model_folder
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import CONFIG
from gi_jax.experiment.stored_cell import FORMAT, read_format
from gi_jax.models.registry import KINDS

OWN = ("data.model_folder", "data.inherit", "model.checkpoint_path")


class Start(NamedTuple):
    """A configuration that goes on from a model folder."""

    config: RunConfig
    changes: tuple[str, ...]  # what differs from the folder's own configuration


def going_on(model: Path, config: Path | None, overrides: Sequence[str]) -> Start:
    """The folder's configuration, or another one, with the folder's genes, networks, label scale and split.

    An override of `transforms` or `data.split` takes the place of the folder's scale or split.

    Raises:
      GiJaxError: the folder is not whole, or anything that is wrong with the configuration.
    """
    if not model.exists() and str(model) in bundled_models():
        model = model_folder(str(model))
    if not (model / CONFIG).exists():
        raise GiJaxError(f"{model}: holds no {CONFIG}; expected a model folder")
    before = load_config(model / CONFIG).config
    if KINDS[before.model.kind].fit is not None:
        raise GiJaxError(
            f"{model}: is a model of kind {before.model.kind}, which is solved for and not trained by steps "
            f"that could go on; fit it anew with `gi-jax train --config {model / CONFIG}`"
        )
    if read_format(model)["format"] < FORMAT:
        raise GiJaxError(
            f"{model}: does not hold its networks, so nothing can be inherited; make a run whole with "
            f"`gi-jax package {model} DIR`, or convert an export of the model"
        )
    stated = stated_keys(overrides)
    replaced = [
        what
        for what, section in (("labels", "transforms"), ("split", "data.split"))
        if any(key == section or key.startswith(f"{section}.") for key in stated)
    ]
    for key in ("data.genes", "data.networks", "cell_dataset.graphs", "cell_dataset.absent"):
        if any(name == key or name.startswith(f"{key}.") for name in stated):
            raise GiJaxError(
                f"{key} is stated, but genes and networks are those of {model}, which its weights go by; "
                f"leave it out"
            )
    own = [
        override("data.model_folder", str(model.absolute())),
        override("model.checkpoint_path", str(model.absolute())),
        override("data.inherit", [what for what in ("labels", "split") if what not in replaced]),
    ]
    wanted = load_config(model / CONFIG if config is None else config, [*overrides, *own]).config
    was, now = flat(plain(before)), flat(plain(wanted))
    changes = [
        f"{key}: {now.get(key)}, in the folder {was.get(key)}"
        for key in was | now
        if was.get(key) != now.get(key) and key not in OWN
    ]
    return Start(wanted, tuple(changes))
