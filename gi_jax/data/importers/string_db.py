"""STRING downloads: links, detailed links, physical links and actions.

Links are separated by blanks, `protein1 protein2` and a column for each channel, whole numbers from 0 to
1000; every channel becomes a network of the edges above 0, with the weight divided by 1000. Proteins are
`4932.YAL001C`: the number of the organism is taken off. Actions (to version 11.0) have a network for each
mode; the modes that act in a direction keep the rows that say which of the two acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gi_jax.data.formats.columns import CATEGORY, NUMBER, Layout, read_parts
from gi_jax.data.importers.edge_rows import EdgeRows, use_lines
from gi_jax.data.importers.importer import Head, Imported, Importer, ImportOptions, not_this, read_head
from gi_jax.data.importers.sga import numbers_of
from gi_jax.data.load_report import LeftOut

TOTAL = "combined_score"
DIRECTED = ("activation", "inhibition", "expression", "ptmod", "catalysis")
_ACTIONS = ["item_id_a", "item_id_b", "mode", "action", "is_directional", "a_is_acting", "score"]


def recognises(head: Head) -> bool:
    """Whether a file is a download of STRING."""
    return head.fields(delimiter=" ")[:2] == ["protein1", "protein2"] or head.fields() == _ACTIONS


def read(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads downloads into a network for each channel or mode.

    Raises:
      GiJaxError: a file of another layout, a score that is no number, or no edge between listed genes.
    """
    found: dict[str, EdgeRows] = {}
    lost: dict[str, LeftOut] = {}
    for path in files:
        head = read_head(path)
        if head.fields() == _ACTIONS:
            _read_actions(path, options, found, lost)
        elif recognises(head):
            _read_links(path, head, options, found, lost)
        else:
            raise not_this(path, "a download of STRING (protein1 protein2 ..., or actions)", head.lines[0])
    source, prefix = ", ".join(path.name for path in files), options.name or "string"
    networks, reports = [], []
    for channel, rows in found.items():
        left = (lost[channel],) if channel in lost and lost[channel].count else ()
        total = rows.read + sum(part.count for part in left)
        network, report = rows.network(
            f"{prefix}_{channel}", f"{source}, {channel}", channel in DIRECTED, left_out=left, read=total
        )
        networks.append(network)
        reports.append(report)
    return Imported(tuple(reports), networks=tuple(networks), hints=use_lines(networks))


def _read_links(
    path: Path, head: Head, options: ImportOptions, found: dict[str, EdgeRows], lost: dict[str, LeftOut]
) -> None:
    names = head.fields(delimiter=" ")
    channels = [name for name in names[2:] if name != TOTAL] or [TOTAL]
    position = {name: names.index(name) for name in channels}
    layout = Layout(tuple(names), {0: CATEGORY, 1: CATEGORY} | dict.fromkeys(position.values(), NUMBER), " ")
    for part in read_parts(path, layout, skip=head.numbers[0]):
        columns = [part.categories(k) for k in (0, 1)]
        for channel, k in position.items():
            rows = found.setdefault(channel, EdgeRows(options.genes))
            ids = [rows.ids(meant, _without_organism)[codes] for codes, meant in columns]
            weights = numbers_of(part, k, channel) / 1000
            there = weights > 0
            shown = [(codes[there], meant) for codes, meant in columns]
            rows.add(ids[0][there], ids[1][there], weights[there], lambda row, s=shown: _pair(s, row))
            before = lost[channel].count if channel in lost else 0
            lost[channel] = LeftOut(before + int((~there).sum()), "with the score 0 in this channel")


def _read_actions(
    path: Path, options: ImportOptions, found: dict[str, EdgeRows], lost: dict[str, LeftOut]
) -> None:
    types = dict.fromkeys((0, 1, 2, 4, 5), CATEGORY) | {6: NUMBER}
    for part in read_parts(path, Layout(tuple(_ACTIONS), types), skip=1):
        columns = [part.categories(k) for k in (0, 1)]
        codes, modes = part.categories(2)
        flags, meant = part.categories(5)
        acting = np.array([text.lower() in ("t", "true", "1") for text in meant], bool)[flags]
        weights = numbers_of(part, 6, "score") / 1000
        for code, mode in enumerate(modes):
            rows = found.setdefault(mode, EdgeRows(options.genes))
            of = codes == code
            there = of & acting if mode in DIRECTED else of
            ids = [rows.ids(names, _without_organism)[own[there]] for own, names in columns]
            shown = [(own[there], names) for own, names in columns]
            rows.add(ids[0], ids[1], weights[there], lambda row, s=shown: _pair(s, row))
            before = lost[mode].count if mode in lost else 0
            lost[mode] = LeftOut(
                before + int((of & ~there).sum()), "that do not say that the first gene acts"
            )


def _without_organism(name: str) -> str:
    begin, _, rest = name.strip().partition(".")
    return rest if begin.isdigit() and rest else name.strip()


def _pair(columns: list, row: int) -> str:
    return " ".join(meant[codes[row]] for codes, meant in columns)


IMPORTER = Importer("STRING: links, detailed, physical, actions", recognises, read)
