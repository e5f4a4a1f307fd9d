"""Hydra's `defaults:` list of a configuration, resolved with the files that lie beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from omegaconf import DictConfig, OmegaConf

from gi_jax import files
from gi_jax.config.yaml_text import read_yaml
from gi_jax.errors import GiJaxError

LIST = "defaults"
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*")  # of a file beside it, or in a folder beside it
_MOST = 64  # files that one configuration may be made of


class Composed(NamedTuple):
    """A configuration with what its `defaults` name merged into it."""

    text: str  # YAML, references not yet resolved
    files: tuple[str, ...]  # that were merged, the file itself aside
    missing: tuple[str, ...]  # that its list names and that are not there


def compose(path: Path, text: str) -> Composed:
    """Merges the files of a `defaults` list in their order; the file itself stands where `_self_` does, or
    last.

    `name` is the file `name.yaml` beside it; `group: name` is `group/name.yaml`, whose keys go under `group`.
    What Hydra itself is configured by (`hydra/...`, `override ...`) is left out. A file that is not there is
    named in `missing` and left out too.

    Args:
      path: of the file.
      text: its content.

    Raises:
      GiJaxError: a file that cannot be read, is outside the folder, or is part of itself.
    """
    if not re.search(rf"^{LIST}\s*:", text, re.MULTILINE):
        return Composed(text, (), ())
    used: list[str] = []
    missing: list[str] = []
    merged = _composed(path, text, path.parent, (), used, missing)
    plain = OmegaConf.to_container(merged, resolve=False)
    dumped = yaml.safe_dump(plain, default_flow_style=False, allow_unicode=True, sort_keys=False)
    return Composed(dumped if used else text, tuple(used), tuple(missing))


def _composed(
    path: Path, text: str, root: Path, above: tuple[Path, ...], used: list[str], missing: list[str]
) -> DictConfig:
    if path in above:
        raise GiJaxError(f"{above[-1]}: its {LIST} lead back to {path}; take it out of one of the lists")
    try:
        own = read_yaml(text)
    except Exception as error:  # YAML and OmegaConf each raise their own
        raise GiJaxError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from None
    entries = own.pop(LIST, None)
    entries = OmegaConf.to_container(entries) if OmegaConf.is_list(entries) else []
    merged, placed = OmegaConf.create({}), False
    for entry in entries if isinstance(entries, list) else []:
        if entry == "_self_":
            merged, placed = OmegaConf.merge(merged, own), True
            continue
        for name, package in _names(entry):
            if not _NAME.fullmatch(name) or ".." in name.split("/"):
                raise GiJaxError(f"{path}: its {LIST} name '{name}', expected the name of a file beside it")
            file = root / f"{name.removesuffix('.yaml')}.yaml"
            if not file.is_file():
                missing.append(str(file))
                continue
            used.append(str(file))
            if len(used) > _MOST:
                raise GiJaxError(f"{path}: its {LIST} lead to more than {_MOST} files; write them into one")
            try:
                content = files.read_text(file)
            except (OSError, UnicodeDecodeError) as error:
                raise GiJaxError(f"{file}: cannot be read as a text file ({error})") from None
            part = _composed(file, content, root, (*above, path), used, missing)
            for level in reversed(package):
                part = OmegaConf.create({level: part})
            merged = OmegaConf.merge(merged, part)
    result = merged if placed else OmegaConf.merge(merged, own)
    assert isinstance(result, DictConfig)
    return result


def _names(entry: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Files of an entry, without their ending, and under which keys their content goes."""
    if isinstance(entry, str):
        return [] if entry.startswith(("hydra/", "override ")) else [(entry.lstrip("/"), ())]
    found = []
    for key, value in entry.items() if isinstance(entry, Mapping) else ():
        group, _, package = str(key).removeprefix("optional ").partition("@")
        if group.startswith(("hydra/", "override ")) or group == "hydra" or value is None:
            continue
        group = group.lstrip("/")
        place = () if package == "_global_" else tuple((package or group.replace("/", ".")).split("."))
        for name in value if isinstance(value, list) else [value]:
            found.append((f"{group}/{name}", place))
    return found
