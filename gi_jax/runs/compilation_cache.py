"""Compiled programs kept on disk, so that a second run starts at once."""

from __future__ import annotations

import logging
import os

import jax

from gi_jax.config import RunConfig
from gi_jax.config.paths import compiled_folder, is_address
from gi_jax.errors import GiJaxError
from gi_jax.files import PlainPath, check_folder, is_letters, user_path

LOGGER = logging.getLogger(__name__)
_LINKS: list[PlainPath] = []  # to folders that are in use until the process ends


def use_compilation_cache(config: RunConfig) -> None:
    """Keeps compiled programs in the folder of a configuration; JAX's own environment variable goes first.

    Where that is not possible it warns, and every program is compiled anew.
    """
    try:
        named = os.environ.get("JAX_COMPILATION_CACHE_DIR")
        folder = compiled_folder(config) if named is None else named
        if folder and not is_address(folder):
            folder = str(user_path(folder))
            check_folder(folder, create=True)
            LOGGER.info("compiled programs are kept in %s", folder)
            if not is_letters(folder):  # which the compiler takes for no path
                _LINKS.append(PlainPath(folder))
                folder = str(_LINKS[-1].path)
    except GiJaxError as error:
        LOGGER.warning("compiled programs are not kept: %s", error)
        folder = None
    jax.config.update("jax_compilation_cache_dir", folder or None)
