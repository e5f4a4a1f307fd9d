"""Completion by name, and a memory of names that has an end."""

from __future__ import annotations

import pytest

from gi_jax.data import gene_list
from gi_jax.data.bundled import bundled_gene_list
from gi_jax.data.gene_search import starting_with


def names(text: str) -> list[str]:
    genes = bundled_gene_list()
    return [genes.labels[gene] for gene in starting_with(genes, text)]


def test_what_people_call_a_gene_goes_before_its_other_names() -> None:
    found = names("swc")
    assert found[:4] == ["SWC3", "SWC4", "SWC5", "SWC7"]
    assert set(found[4:]) == {"ALR1", "VPS71", "VPS72"}  # also called SWC3, SWC6 and SWC2
    assert names("ydr334")[0] == "SWR1" and names("SWR1") == ["SWR1"] and names(" ") == []


def test_names_that_strangers_ask_for_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gene_list, "MOST_REMEMBERED", 10)
    genes = gene_list.GeneList(("G1", "G2"))
    for number in range(100):
        assert genes.look_up(f"X{number}").gene is None
    assert len(genes._looked_up) <= 10 and genes.look_up("g2").gene == 1
