"""Plain edge lists, two names and perhaps a weight on a line, and GraphML."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gi_jax.data.formats.tables import read_lines
from gi_jax.data.formats.text_blocks import first_bytes
from gi_jax.data.gene_list import GeneList
from gi_jax.data.importers.edge_rows import EdgeRows, use_lines
from gi_jax.data.importers.importer import Head, Imported, Importer, ImportOptions, not_this
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

_SEPARATORS = ("\t", ";", ",", " ")
_HEADERS = {
    "src",
    "dst",
    "source",
    "target",
    "from",
    "to",
    "gene1",
    "gene2",
    "node1",
    "node2",
    "a",
    "b",
    "tf",
}
_HEADERS |= {"gene_a", "gene_b", "protein1", "protein2", "interactor_a", "interactor_b", "regulator"}


def recognises(head: Head) -> bool:
    """Whether a file is GraphML or has two names, or two names and a weight, on each of its first lines."""
    if _is_xml(head):
        return any("<graphml" in line for line in head.lines)
    lines = [line for line in head.lines if not line.startswith("#")]
    separator = _separator(lines)
    if separator is None:
        return False
    rows = [line.split(separator) for line in lines[1:] or lines]
    return all(plain_number(row[0]) is None and plain_number(row[1]) is None for row in rows) and all(
        len(row) == 2 or plain_number(row[2]) is not None for row in rows
    )


def _is_xml(head: Head) -> bool:
    return head.lines[0].lstrip().startswith("<")


def _separator(lines: Sequence[str]) -> str | None:
    for separator in _SEPARATORS:
        counts = {line.count(separator) for line in lines}
        if counts in ({1}, {2}):
            return separator
    return None


def read(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads edge lists into a network for each file, undirected unless GraphML or the options say otherwise.

    Raises:
      GiJaxError: a file of another layout, a weight that is no number, or no edge between listed genes.
    """
    networks, reports = [], []
    for path in files:
        edges, directed = EdgeRows(options.genes), options.directed
        name = options.name if options.name and len(files) == 1 else path.name.split(".")[0]
        if first_bytes(path).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
            directed = _read_graphml(path, edges) or directed
        else:
            _read_list(path, edges)
        network, report = edges.network(name, path.name, directed)
        networks.append(network)
        reports.append(report)
    return Imported(tuple(reports), networks=tuple(networks), hints=use_lines(networks))


def _read_list(path: Path, edges: EdgeRows) -> None:
    lines = [
        (n, line) for n, line in enumerate(read_lines(path), 1) if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise GiJaxError(f"{path}: has no line but comments; expected two names of genes on each")
    separator = _separator([line for _, line in lines[:40]])
    if separator is None:
        raise not_this(path, "two names of genes and perhaps a weight on each line", lines[0][1])
    first = [text.strip().strip('"').lower() for text in lines[0][1].split(separator)]
    if first[0] in _HEADERS or first[1] in _HEADERS:
        lines = lines[1:]
    names, weights = [], []
    width = lines[0][1].count(separator) + 1 if lines else 0
    for number, line in lines:
        fields = [text.strip().strip('"') for text in line.split(separator)]
        if len(fields) != width:
            raise GiJaxError(
                f"{path}, line {number}: found {len(fields)} fields, expected {width} as in the lines "
                "before; correct this line"
            )
        weight = plain_number(fields[2]) if width == 3 else 1.0
        if weight is None or not np.isfinite(weight):
            raise GiJaxError(
                f"{path}, line {number}: the weight is `{fields[2][:40]}`, expected a number; correct this "
                "line"
            )
        names.append(fields[:2])
        weights.append(weight)
    src, dst = edges.ids([pair[0] for pair in names]), edges.ids([pair[1] for pair in names])
    edges.add(src, dst, np.array(weights, float), lambda row: " ".join(names[row]))


def _read_graphml(path: Path, edges: EdgeRows) -> bool:
    """Reads a graph, and whether it says that it is directed.

    Genes go by whichever attribute of the nodes names most of them.
    """
    text = "\n".join(read_lines(path))
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise GiJaxError(f"{path}: defines entities, which GraphML has no use for; write the graph anew")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise GiJaxError(f"{path}, line {line}: is no whole XML ({error}); export the graph anew") from None
    space = root.tag.removesuffix("graphml")
    if not root.tag.endswith("graphml"):
        raise GiJaxError(
            f"{path}, line 1: is XML but no GraphML, its root is `{root.tag}`; export it as GraphML"
        )
    nodes: dict[str, dict[str, str]] = {}
    for node in root.iter(f"{space}node"):
        held = {data.get("key", ""): (data.text or "").strip() for data in node.iter(f"{space}data")}
        nodes[node.get("id", "")] = {"id": node.get("id", ""), **held}
    key = _naming_key(edges.genes, list(nodes.values()))
    pairs, weights = [], []
    weight_keys = {k.get("id") for k in root.iter(f"{space}key") if k.get("attr.name") == "weight"}
    for edge in root.iter(f"{space}edge"):
        ends = [edge.get("source", ""), edge.get("target", "")]
        pairs.append([nodes.get(end, {}).get(key, end) for end in ends])
        held = [data.text or "" for data in edge.iter(f"{space}data") if data.get("key") in weight_keys]
        weights.append((plain_number(held[0]) if held else 1.0) or 0.0)
    if not pairs:
        raise GiJaxError(f"{path}: has no edge; export the graph with its edges")
    src, dst = edges.ids([pair[0] for pair in pairs]), edges.ids([pair[1] for pair in pairs])
    edges.notes.append(f"nodes go by their {'id' if key == 'id' else f'attribute {key}'}")
    edges.add(src, dst, np.array(weights, float), lambda row: " ".join(pairs[row]))
    return any(graph.get("edgedefault") == "directed" for graph in root.iter(f"{space}graph"))


def _naming_key(genes: GeneList, nodes: list[dict[str, str]]) -> str:
    keys = dict.fromkeys(key for node in nodes for key in node)
    named = {key: sum(genes.find(node.get(key, "")) is not None for node in nodes) for key in keys}
    return max(named, key=lambda key: named[key]) if named else "id"


IMPORTER = Importer("plain edge lists and GraphML", recognises, read)
