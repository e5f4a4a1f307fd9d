"""Networks from edge lists: directions, repeats, unknown genes."""

from __future__ import annotations

import numpy as np
import pytest

from gi_jax.data import GeneList, NetworkSource, load_networks
from gi_jax.errors import GiJaxError

GENES = GeneList(("A", "B", "C", "D"))


def load(tmp_path, text: str, *, directed: bool):
    path = tmp_path / "edges.tsv"
    path.write_text(text)
    graph, report = load_networks(GENES, [NetworkSource("mine", path, directed)])
    network = graph["mine"]
    edges = sorted(zip(network.senders.tolist(), network.receivers.tolist(), strict=True))
    return edges, str(report)


def test_an_undirected_edge_goes_both_ways_once(tmp_path):
    edges, report = load(tmp_path, "src\tdst\nA\tB\nB\tA\nC\tB\nC\tC\nA\tB\n", directed=False)
    assert edges == [(0, 1), (1, 0), (1, 2), (2, 1), (2, 2)]
    assert "kept 3 of 5 edges" in report and "left out: 2 that repeat an edge" in report
    assert "undirected, 5 with both directions; 1 self loops" in report


def test_a_directed_edge_goes_from_src_to_dst(tmp_path):
    edges, report = load(
        tmp_path, "src\tdst\tweight\tpmid\nA\tB\t0.5\t1\nB\tA\t0.5\t2\nC\tC\t1\t3\n", directed=True
    )
    assert edges == [(0, 1), (1, 0), (2, 2)]
    assert "kept 3 edges" in report and "columns not read: pmid" in report


def test_edges_of_unknown_genes_are_left_out_and_reported(tmp_path):
    edges, report = load(tmp_path, "src\tdst\nA\tX\na\tb\nX\tY\n", directed=True)
    assert edges == [(0, 1)]
    assert "left out: 2 with a gene that is not in the gene list (such as X on line 2, X on line 4" in report


def test_a_network_over_unknown_genes_is_refused(tmp_path):
    with pytest.raises(GiJaxError, match=r"edges.tsv, line 2: gene `X` is not among.*none of the 2 edges"):
        load(tmp_path, "src\tdst\nX\tA\nB\tY\n", directed=True)


def test_several_networks_keep_their_order_and_may_not_share_a_name(tmp_path):
    path = tmp_path / "edges.tsv"
    path.write_text("src\tdst\nA\tB\n")
    one, two = NetworkSource("z", path, True), NetworkSource("a", path, False)
    graph, _ = load_networks(GENES, [one, two])
    assert graph.names == ("z", "a") and [network.num_edges for network in graph.networks] == [1, 2]
    assert graph["z"].senders.dtype == np.int32
    with pytest.raises(GiJaxError, match="`z` is listed twice"):
        load_networks(GENES, [one, one])


def test_an_unknown_network_name_is_answered_with_the_nearest():
    with pytest.raises(
        GiJaxError, match="`string9_1_fussion` is not a bundled network; did you mean `string9_1_fusion`"
    ):
        load_networks(GENES, ["string9_1_fussion"])
