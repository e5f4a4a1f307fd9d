"""What is written in a format comes back from its import, whatever it is."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_jax.data import GeneList, bundled_gene_list, load_genotypes
from gi_jax.data.formats.genotype_parquet import write_parquet
from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.data.importers.importing import import_files
from gi_jax.data.importers.write import write_genotypes
from tests.data.importers.foreign import SGA, lines, sga_row

GENES = bundled_gene_list()
COMMAS = GeneList(("ADE5,7", "DUR1,2", "X-A", "MF(ALPHA)1", "IMP2'", "AI5_ALPHA", *GENES.ids[:20]))
scores = st.floats(-10, 10, allow_nan=False).filter(lambda x: x != 0)
p_values = st.one_of(st.just(float("nan")), st.floats(0, 1, width=32))
few = settings(max_examples=25, deadline=None)


def tables(num_genes: int, most: int) -> st.SearchStrategy[GenotypeTable]:
    """Tables without repeats."""
    genotype = st.frozensets(st.integers(0, num_genes - 1), min_size=1, max_size=most)
    row = st.tuples(genotype, st.integers(0, 1), scores, p_values)
    rows = st.lists(row, min_size=1, max_size=12, unique_by=(lambda r: (r[0], r[1]), lambda r: r[2]))

    def made(found: list) -> GenotypeTable:
        sets, codes, score, p = zip(*found, strict=True)
        genes, sizes = padded([sorted(genes) for genes in sets], num_genes)
        names = tuple(dict.fromkeys(f"study {code}" for code in codes))
        code = np.array([names.index(f"study {code}") for code in codes], np.int16)
        return GenotypeTable(
            genes, sizes.astype(np.int8), np.array(score), np.float32(p), code, names, num_genes
        )

    return rows.map(made)


def same(found: GenotypeTable, expected: GenotypeTable) -> None:
    for field in ("genes", "sizes", "score", "p_value"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field))
    names = [[table.studies[code] for code in table.study] for table in (found, expected)]
    assert names[0] == names[1]


@few
@given(tables(len(COMMAS), 4))
def test_own_tables_give_back_every_bit(table: GenotypeTable) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_genotypes(table, COMMAS, Path(folder) / "own.tsv")
        same(load_genotypes(COMMAS, Path(folder) / "own.tsv")[0], table)
        write_parquet(table, COMMAS, Path(folder) / "own.parquet")
        same(load_genotypes(COMMAS, Path(folder) / "own.parquet")[0], table)


pairs = st.dictionaries(
    st.tuples(st.integers(0, 5999), st.integers(0, 5999)).filter(lambda p: p[0] < p[1]),
    st.tuples(scores, p_values, st.booleans()),
    min_size=1,
    max_size=12,
)


def imported(text: str, kind: str, **options: object) -> dict[tuple[str, ...], tuple[float, np.float32]]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file.txt").write_text(text, encoding="utf-8")
        table = import_files(kind, Path(folder) / "file.txt", Path(folder) / "out", **options).genotypes
    rows = zip(table.genes, table.score.tolist(), table.p_value.tolist(), strict=True)
    return {tuple(GENES.names(genes)): (score, p) for genes, score, p in rows}


def usable(measured: dict) -> dict:
    """Without the deletion of HO; and no score in all rows."""
    ho = GENES.index("YDL227C")
    found = {pair: row for pair, row in measured.items() if ho not in pair}
    alike = len({row[0] for row in found.values()}) == 1 and len(found) > 2
    return {} if alike else found


@few
@given(pairs, st.sampled_from(["\n", "\r\n", "\r"]))
def test_sga_files_come_back_whichever_strain_is_the_query(measured: dict, end: str) -> None:
    measured = usable(measured)
    if not measured:
        return
    rows = []
    for (a, b), (score, p, exchanged) in measured.items():
        first, second = (GENES.ids[gene] for gene in ((b, a) if exchanged else (a, b)))
        rows.append(sga_row(f"{first}_sn{a}", "x", f"{second}_dma{b}", "y", repr(score), repr(p)))
    found = imported(lines(SGA, *rows).replace("\n", end), "sga")
    expected = {tuple(GENES.names(pair)): (score, np.float32(p)) for pair, (score, p, _) in measured.items()}
    np.testing.assert_equal(found, {pair: (score, float(p)) for pair, (score, p) in expected.items()})


@few
@given(pairs)
def test_matrices_come_back(measured: dict) -> None:
    measured = usable(measured)
    if not measured:
        return
    rows = sorted({pair[0] for pair in measured})
    columns = sorted({pair[1] for pair in measured})
    text = ["\t".join(["Gene", *(GENES.ids[gene] for gene in columns)])]
    for row in rows:
        cells = [repr(measured[row, column][0]) if (row, column) in measured else "" for column in columns]
        text.append("\t".join([GENES.ids[row], *cells]))
    found = imported(lines(*text), "emap")
    assert {pair: score for pair, (score, _) in found.items()} == {
        tuple(GENES.names(pair)): row[0] for pair, row in measured.items()
    }


@few
@given(pairs, st.sampled_from(["\t", ",", ";", " "]), st.booleans())
def test_edge_lists_come_back(measured: dict, separator: str, directed: bool) -> None:
    rows = [separator.join((GENES.ids[a], GENES.labels[b], repr(row[0]))) for (a, b), row in measured.items()]
    if separator == "," and any("," in GENES.labels[b] for _, b in measured):
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "net.txt").write_text(lines(*rows))
        (network,) = import_files(
            "edges", Path(folder) / "net.txt", Path(folder) / "out", directed=directed
        ).networks
    found = {
        tuple(pair): weight for pair, weight in zip(network.edges.tolist(), network.weights, strict=True)
    }
    assert found == {pair: row[0] for pair, row in measured.items()} and network.directed == directed
