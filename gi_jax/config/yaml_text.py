"""YAML as people mean it: numbers only where digits stand, and every text written so that it reads back.

OmegaConf does references and merging. Its own reader takes `1_0` for 10 and `1:30` for 90, and its
writer leaves a `${x}` in a file name to be taken for a reference, so both are here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, cast

import yaml
from omegaconf import DictConfig, OmegaConf

from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,299})")  # longer ones, Python does not read at all
_FLOAT = re.compile(
    r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_NUMBERS = {"tag:yaml.org,2002:int": _INT, "tag:yaml.org,2002:float": _FLOAT}
_OTHERWISE = {*_NUMBERS, "tag:yaml.org,2002:timestamp"}  # as they are understood elsewhere
_MOST_VALUES = 100_000  # of a configuration, aliases followed
_ESCAPED = re.compile(r"(\\*)\$\{")


class _Loader(yaml.SafeLoader):
    """Reads YAML with plain numbers, without dates, and with every key once."""

    # Bytes of a file name that are no UTF-8 come as surrogates, from the command line.
    NON_PRINTABLE = re.compile(
        "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff\udc80-\udcff]"
    )
    yaml_implicit_resolvers: dict = {  # noqa: RUF012 - the class attribute that PyYAML looks for
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OTHERWISE]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    "while constructing a mapping", node.start_mark, f"found duplicate key {key.value}",
                    key.start_mark,
                )  # fmt: skip
            seen.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern in _NUMBERS.items():
    # The whole text must match; PyYAML only looks at its beginning.
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern.pattern})\Z"), list("-+0123456789."))


class _Dumper(yaml.SafeDumper):
    """Writes texts in quotes wherever a reader could take them for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # Line ends of every kind are kept by double quotes only, where they are written as escapes.
    style = '"' if not text.isprintable() else None if plain_number(text) is None else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


def read_yaml(text: str, overrides: Sequence[str] = ()) -> DictConfig:
    """The values of a YAML text with `key=value` overrides over them, references not yet resolved.

    Raises:
      YAMLError: it is not YAML.
      OmegaConfBaseException: a reference cannot be read.
      GiJaxError: the text is a list or a single value.
    """
    try:
        if "*" in text:
            _check_size(yaml.compose(text, Loader=_Loader))
        values = yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise GiJaxError("is nested too deeply; write it with a few levels of sections") from None
    values = {} if values is None else {values: None} if isinstance(values, str) else values
    if not isinstance(values, dict):
        raise GiJaxError("expected sections with keys, found a list or a single value")
    over = OmegaConf.create({})
    for override in overrides:
        key, _, value = override.partition("=")
        OmegaConf.update(over, key, yaml.load(value, Loader=_Loader))
    return cast(DictConfig, OmegaConf.merge(OmegaConf.create(values), over))


def _check_size(root: yaml.Node | None) -> None:
    """Refuses a text whose aliases of aliases (`*a`) stand for far more than is written."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 0  # of a node within itself
            inner = node.value if isinstance(node, yaml.SequenceNode | yaml.MappingNode) else ()
            pairs = (part for entry in inner for part in (entry if isinstance(entry, tuple) else (entry,)))
            sizes[id(node)] = 1 + sum(map(size, pairs))
        return sizes[id(node)]

    if root is not None and size(root) > _MOST_VALUES:
        raise GiJaxError(f"grows to more than {_MOST_VALUES:,} values by its aliases; write it without them")


def write_yaml(values: Any) -> str:
    """The YAML text of plain values; `read_yaml`, references resolved, gives them back equal."""
    return yaml.dump(
        _escaped(values), Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )


def override(key: str, value: Any) -> str:
    """`key=value` as on the command line, for any value: one of texts with brackets, quotes or `$` too."""
    # As the only entry of a list, since a scalar by itself may end in a line of dots.
    listed = yaml.dump([_escaped(value)], Dumper=_Dumper, default_flow_style=True, width=math.inf)
    return f"{key}={listed.strip()[1:-1]}"


def _escaped(values: Any) -> Any:
    """Texts with a backslash before every `${`, which is no reference then, and twice those already there."""
    if isinstance(values, str):
        return _ESCAPED.sub(lambda found: rf"{found[1] * 2}\${{", values)
    if isinstance(values, dict):
        return {key: _escaped(value) for key, value in values.items()}
    return [_escaped(value) for value in values] if isinstance(values, (list, tuple)) else values
