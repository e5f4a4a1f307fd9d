"""Builds a frozen dataclass from nested mappings, with every complaint naming its key."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from gi_jax.config.upstream import UNUSED
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_integer

_TOO_LARGE = 2**63  # for any integer that is computed with
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def build(cls: type, values: Any, path: str, root: type, unused: list[str]) -> Any:
    """An instance of the dataclass `cls` from a mapping; keys left out keep their
    defaults, as do those that are null where null is no value.

    Args:
      path: dotted key of this section, empty for the whole configuration.
      root: the dataclass of the whole configuration, searched for the key nearest to an unknown one.
      unused: receives the torchcell keys met that have no meaning here.

    Raises:
      GiJaxError: an unknown key, a value of the wrong type, or one that the dataclass itself refuses.
    """
    if not isinstance(values, Mapping):
        raise GiJaxError(f"{path or 'the configuration'} is {values!r}, expected a section with keys")
    hints, arguments = get_type_hints(cls), {}
    for key, value in values.items():
        dotted = f"{path}.{key}" if path else str(key)
        if key in UNUSED.get(path, ()):
            unused.append(dotted)
        elif key not in hints:
            raise GiJaxError(f"{dotted} is not a key of this configuration; {_suggestion(dotted, root)}")
        elif value is not None or type(None) in get_args(hints[key]):
            arguments[key] = _convert(hints[key], value, dotted, root, unused)
    made = cls(**arguments)  # with its own complaints, which say more
    for key, value in arguments.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise GiJaxError(f"{f'{path}.{key}' if path else key} is {value}, expected a finite number")
    return made


def _convert(hint: Any, value: Any, path: str, root: type, unused: list[str]) -> Any:
    if value is None or hint is Any:
        return value
    if get_origin(hint) in (Union, UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        if len(options) > 1 and all(map(is_dataclass, options)):
            return _build_kind(options, value, path, root, unused)
        # bool before int before float before str, so that each value keeps its own type.
        fitting = [option for option in options if type(value) is option] or options[-1:]
        return _convert(fitting[0], value, path, root, unused)
    if isinstance(hint, type) and is_dataclass(hint):
        return build(hint, value, path, root, unused)
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise GiJaxError(f"{path} is {value!r}, expected a list like [a, b]")
        item = get_args(hint)[0]
        return tuple(_convert(item, entry, f"{path}[{i}]", root, unused) for i, entry in enumerate(value))
    if get_origin(hint) is Mapping:
        if not isinstance(value, Mapping):
            raise GiJaxError(f"{path} is {value!r}, expected a section with keys")
        key_type, item = get_args(hint)
        return {
            _scalar(key_type, key, f"a key of {path}"): _convert(item, entry, f"{path}.{key}", root, unused)
            for key, entry in value.items()
        }
    return _scalar(hint, value, path)


def _build_kind(options: list[type], values: Any, path: str, root: type, unused: list[str]) -> Any:
    """An instance of the one dataclass whose `kinds` has the `kind` of a section; the first one without any.

    What only others of them know is not used: so a kind can be chosen on the command line.
    """
    if not isinstance(values, Mapping):
        raise GiJaxError(f"{path} is {values!r}, expected a section with keys")
    values = _with_kind(values, path)
    known = {kind: option for option in options for kind in option.kinds}
    kind = values.get("kind") or options[0].kinds[0]
    if kind not in known:
        raise GiJaxError(f"{path}.kind is '{kind}', expected one of {', '.join(known)}")
    own, others = get_type_hints(known[kind]), set().union(*map(get_type_hints, options))
    for key in values:
        if key not in own and key in others:
            unused.append(f"{path}.{key}")
    values = {key: value for key, value in values.items() if key in own or key not in others}
    return build(known[kind], values, path, root, unused)


def _with_kind(values: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The section with its kind under `kind`, which was called `name` in earlier versions."""
    if "name" not in values:
        return values
    rest = {key: value for key, value in values.items() if key != "name"}
    if rest.setdefault("kind", values["name"]) != values["name"]:
        raise GiJaxError(
            f"{path}.name is '{values['name']}' and {path}.kind is '{rest['kind']}', which mean the same; "
            "give kind alone"
        )
    return rest


def _scalar(hint: type, value: Any, path: str) -> bool | int | float | str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        whole = plain_integer(value) if isinstance(value, str) else _whole(value) if number else None
        if whole is not None and abs(whole) < _TOO_LARGE:
            return whole
    if hint is float and number:
        return float(value)
    if hint is bool and isinstance(value, bool):
        return value
    if hint is str and (number or isinstance(value, str)):
        if "\0" in str(value):
            raise GiJaxError(f"{path} is {value!r}, but no name holds a NUL character; take it out")
        return str(value)
    raise GiJaxError(f"{path} is {value!r}, expected {_NAMES[hint]}")


def _whole(value: float) -> int | None:
    """The number as an integer, if it is one."""
    return int(value) if math.isfinite(value) and value == int(value) else None


def _keys(cls: type, path: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(cls).items():
        dotted = f"{path}.{name}" if path else name
        yield dotted
        for option in (hint, *get_args(hint)):
            if isinstance(option, type) and is_dataclass(option) and get_origin(hint) is not Mapping:
                yield from _keys(option, dotted)


def foreign_keys(values: Mapping[str, Any], root: type) -> list[str]:
    """Dotted keys that neither the dataclass `root` nor torchcell's list of unused keys has.

    One that is nearly the name of a key beside it is not among them: `build` then says what was meant.
    """
    known, found = set(_keys(root)), []

    def look(section: Mapping[str, Any], path: str) -> None:
        for key, value in section.items():
            dotted = f"{path}.{key}" if path else str(key)
            if key in UNUSED.get(path, ()):
                continue
            if dotted in known:
                if isinstance(value, Mapping) and any(name.startswith(f"{dotted}.") for name in known):
                    look(value, dotted)
                continue
            siblings = [name for name in known if name.rpartition(".")[0] == path]
            if not difflib.get_close_matches(
                dotted, siblings, n=1, cutoff=1 - 0.15 * len(str(key)) / len(dotted)
            ):
                found.append(dotted)

    look(values, "")
    return found


def _suggestion(dotted: str, root: type) -> str:
    section, _, leaf = dotted.rpartition(".")
    known = list(_keys(root))
    siblings = [key for key in known if key.rpartition(".")[0] == section]
    elsewhere = [key for key in known if key.rpartition(".")[2] == leaf]
    close = difflib.get_close_matches(
        dotted, siblings, n=1, cutoff=0.6 + 0.4 * len(section) / (len(dotted) + 1)
    )
    nearest = (close or elsewhere or difflib.get_close_matches(dotted, siblings or known, n=1, cutoff=0.0))[0]
    return f"the nearest valid key is {nearest}"


def plain(config: Any) -> Any:
    """The nested dictionaries and lists behind a dataclass, as YAML and JSON know them."""
    if is_dataclass(config):
        return {f.name: plain(getattr(config, f.name)) for f in fields(config)}
    if isinstance(config, Mapping):
        return {key: plain(value) for key, value in config.items()}
    return [plain(value) for value in config] if isinstance(config, tuple) else config
