"""How a configuration of torchcell was understood, as one list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gi_jax.config.hydra_defaults import Composed
from gi_jax.config.load import composed, flat, merged, parse_config, resolved_sections, stated_keys
from gi_jax.config.run import RunConfig
from gi_jax.config.torchcell import Taken, as_torchcell, is_torchcell, remarks


class Reading(NamedTuple):
    """How a configuration of torchcell was understood."""

    read: tuple[str, ...]  # keys that mean here what they mean there
    unused: tuple[str, ...]  # without meaning here
    taken: tuple[Taken, ...]  # left out or put otherwise there, and taken as torchcell takes it
    remarks: tuple[str, ...]  # what there changes results and is not done here
    composed: Composed  # of the files of its `defaults`

    def lines(self) -> list[str]:
        """The list for its user."""
        found = [f"read: {', '.join(self.read)}"] if self.read else []
        if self.unused:
            found.append(f"without meaning here: {', '.join(self.unused)}")
        found += [f"taken as torchcell takes it: {choice}" for choice in self.taken]
        found += [f"not as there: {remark}" for remark in self.remarks]
        found += [f"defaults: {file} was merged" for file in self.composed.files]
        return found + [
            f"defaults: {file} is not there; nothing of it was read, put it beside the file"
            for file in self.composed.missing
        ]


def reading(path: str | Path, overrides: Sequence[str] = ()) -> Reading | None:
    """How a configuration of torchcell is understood; None for one of this project.

    Raises:
      GiJaxError: as `load_config`.
    """
    whole, source = composed(path), str(path)
    found = reading_of(whole.text, overrides, source)
    return found and found._replace(composed=whole)


def reading_of(text: str, overrides: Sequence[str], source: str) -> Reading | None:
    """Like `reading`, from the YAML text."""
    if not is_torchcell(merged(text, (), source)):
        return None
    resolved = resolved_sections(RunConfig, text, overrides, source)
    values, taken = as_torchcell(resolved, stated_keys(overrides))
    unused = parse_config(text, overrides, source).unused
    replaced = {choice.key for choice in taken}
    keys = [
        key
        for key in flat(resolved)
        if key not in replaced and not any(key == name or key.startswith(f"{name}.") for name in unused)
    ]
    return Reading(tuple(keys), unused, taken, tuple(remarks(values)), Composed(text, (), ()))
