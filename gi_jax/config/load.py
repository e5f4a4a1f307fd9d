"""From YAML text and command-line overrides to a checked configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from gi_jax import files
from gi_jax.arguments import as_sequence
from gi_jax.config.named import config_file
from gi_jax.config.run import RunConfig
from gi_jax.config.schema import build, plain
from gi_jax.config.yaml_text import read_yaml, write_yaml
from gi_jax.errors import GiJaxError

_REFERENCE = re.compile(r"\$\{\s*(\w+)")


class LoadedConfig(NamedTuple):
    """A configuration and the torchcell keys of its file that have no meaning here."""

    config: RunConfig
    unused: tuple[str, ...]


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Reads a YAML file, with `${section.key}` references, and applies `section.key=value` overrides.

    torchcell's `model:` and `regression_task:` blocks load unchanged. Top-level names that exist
    only to be referred to (`heads: 8`, used as `${heads}`) are variables and need no declaration.

    Raises:
      GiJaxError: no such file, invalid YAML, an unknown key, a wrong value, an unresolved reference.
    """
    return parse_config(read_text(path), overrides, source=str(path))


def parse_config(text: str, overrides: Sequence[str] = (), source: str = "configuration") -> LoadedConfig:
    """Like `load_config`, from the YAML text itself; `source` stands in front of every complaint."""
    return LoadedConfig(*build_from_yaml(RunConfig, text, overrides, source))


def read_text(path: str | Path) -> str:
    """The text of a configuration file, by its path or by the name of one that comes with the package.

    Raises:
      GiJaxError: no such file, or none with text in it.
    """
    path = config_file(path)
    try:
        return files.read_text(path)
    except FileNotFoundError:
        raise GiJaxError(f"{path}: no such configuration file; configs/ holds examples") from None
    except (OSError, UnicodeDecodeError) as error:
        raise GiJaxError(f"{path}: cannot be read as a text file ({error})") from None


def build_from_yaml(
    root: type, text: str, overrides: Sequence[str], source: str
) -> tuple[Any, tuple[str, ...]]:
    """An instance of the dataclass `root` from YAML text, and the keys of it that have no meaning here."""
    values = merged(text, overrides, source)
    variables = set(_references(OmegaConf.to_container(values, resolve=False)))
    resolved = resolve(values, source)
    known = root.__dataclass_fields__
    resolved = {key: value for key, value in resolved.items() if key in known or key not in variables}
    unused: list[str] = []
    try:
        return build(root, resolved, "", root, unused), tuple(unused)
    except GiJaxError as error:
        raise GiJaxError(f"{source}: {error}") from None


def merged(text: str, overrides: Sequence[str], source: str) -> DictConfig:
    """The values of a YAML text with overrides over them, references not yet resolved."""
    overrides = as_sequence(overrides)
    for override in overrides:
        if not re.match(r"[\w.]+=", override):
            raise GiJaxError(f"the override '{override}' is not of the form section.key=value")
    try:
        return read_yaml(text, overrides)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise GiJaxError(f"{source}{where}: not valid YAML ({problem})") from None
    except (OmegaConfBaseException, GiJaxError) as error:
        raise GiJaxError(f"{source}: {str(error).splitlines()[0]}") from None


def resolve(values: DictConfig, source: str) -> dict[str, Any]:
    """The values as plain dictionaries and lists, every reference replaced by what it refers to."""
    try:
        return cast(dict[str, Any], OmegaConf.to_container(values, resolve=True))
    except OmegaConfBaseException as error:
        raise GiJaxError(f"{source}: {str(error).splitlines()[0]}") from None


def to_yaml(config: RunConfig) -> str:
    """The YAML text of a configuration, every default written out; `parse_config` reads it back equal."""
    return write_yaml(plain(config))


def _references(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield from _REFERENCE.findall(values)
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _references(value)
    elif isinstance(values, list):
        for value in values:
            yield from _references(value)
