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
from gi_jax.config.hydra_defaults import Composed, compose
from gi_jax.config.named import config_file
from gi_jax.config.run import RunConfig
from gi_jax.config.schema import build, foreign_keys, plain
from gi_jax.config.torchcell import as_torchcell, is_torchcell
from gi_jax.config.yaml_text import read_yaml, write_yaml
from gi_jax.errors import GiJaxError

_REFERENCE = re.compile(r"\$\{\s*(\w+)")


class LoadedConfig(NamedTuple):
    """A configuration and the torchcell keys of its file that have no meaning here."""

    config: RunConfig
    unused: tuple[str, ...]


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Reads a YAML file, with `${section.key}` references, and applies `section.key=value` overrides.

    torchcell's files load as they are, with what their `defaults` name beside them; what they leave out is
    taken as torchcell takes it (see `reading`). Top-level names that exist only to be referred to
    (`heads: 8`, used as `${heads}`) are variables and need no declaration.

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
    return composed(path).text


def composed(path: str | Path) -> Composed:
    """The configuration file with the files of its `defaults`; raises as `read_text`."""
    path = config_file(path)
    try:
        return compose(path, files.read_text(path))
    except FileNotFoundError:
        raise GiJaxError(f"{path}: no such configuration file; configs/ holds examples") from None
    except (OSError, UnicodeDecodeError) as error:
        raise GiJaxError(f"{path}: cannot be read as a text file ({error})") from None


def build_from_yaml(
    root: type, text: str, overrides: Sequence[str], source: str
) -> tuple[Any, tuple[str, ...]]:
    """An instance of the dataclass `root` from YAML text, and the keys of it that have no meaning here."""
    resolved = resolved_sections(root, text, overrides, source)
    unused: list[str] = []
    if root is RunConfig and is_torchcell(merged(text, (), source)):
        resolved, _ = as_torchcell(resolved, stated_keys(overrides))
        unused += _without_foreign(resolved)
    try:
        return build(root, resolved, "", root, unused), tuple(unused)
    except GiJaxError as error:
        raise GiJaxError(f"{source}: {error}") from None


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as one mapping of dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def resolved_sections(root: type, text: str, overrides: Sequence[str], source: str) -> dict[str, Any]:
    """Sections with every reference replaced, without the names that are only there to be referred to."""
    values = merged(text, overrides, source)
    variables = set(_references(OmegaConf.to_container(values, resolve=False)))
    known = root.__dataclass_fields__
    return {
        key: value for key, value in resolve(values, source).items() if key in known or key not in variables
    }


def stated_keys(overrides: Sequence[str]) -> set[str]:
    """The dotted keys of `key=value` overrides."""
    return {override.partition("=")[0] for override in as_sequence(overrides)}


def _without_foreign(values: dict[str, Any]) -> list[str]:
    """Takes out what torchcell's classes and scripts may hold and nobody here knows; returns its keys."""
    foreign = foreign_keys(values, RunConfig)
    for dotted in foreign:
        *sections, leaf = dotted.split(".")
        place: Any = values
        for key in sections:
            place = place[key]
        place.pop(leaf)
    return foreign


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
