"""`gi-jax screen`: which genotypes it is asked for, and what stands in its result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from gi_jax import Predictor, Screen
from gi_jax.cli import app
from gi_jax.config import RunConfig
from gi_jax.data.bundled import bundled_gene_list
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.gene_table import GeneTable, read_condition
from gi_jax.data.splits import load_split
from gi_jax.data.transforms import LabelTransform
from gi_jax.explain.parts import parts_of_predictions
from tests.untrained import untrained

CONFIG = Path(__file__).parents[1] / "configs" / "tiny.yaml"
COLUMNS = ["rank", "genes", "prediction", "names", "measured", "training_genotypes", "outside_training_range"]


@pytest.fixture(scope="module")
def run(small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A low-rank model, which takes no time to fit."""
    folder = tmp_path_factory.mktemp("screened") / "run"
    arguments = ["train", "--config", str(CONFIG), "--out", str(folder), *small_overrides]
    result = CliRunner().invoke(app, [*arguments, "model.kind=low_rank"])
    assert result.exit_code == 0, result.output
    return folder


def table(path: Path) -> dict[str, list[str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def test_the_result_says_what_helps_to_decide(run: Path, small_world: Path, tmp_path: Path, gi_jax) -> None:
    out = tmp_path / "pairs.tsv"
    code, _, err = gi_jax("screen", run, "--out", out, "--top", 40)
    assert code == 0, err
    found = table(out)
    assert list(found) == [*COLUMNS, "additive"]  # low_rank is the model itself
    assert found["rank"] == tuple(map(str, range(1, 81)))
    train = Predictor.load(run)
    lines = [line.split("\t") for line in (small_world / "scores.tsv").read_text().splitlines()[1:]]
    split = load_split(run / "split.npz")
    fitted = [lines[row] for row in split.train]
    counts = {gene: sum(gene in genes.split(",") for genes, _ in fitted) for gene in train.bundle.genes.ids}
    low, high = (function(float(score) for _, score in fitted) for function in (min, max))
    outside = 0
    shown = (found[name] for name in ("genes", "prediction", *COLUMNS[5:]))
    for genes, prediction, often, beyond in zip(*shown, strict=True):
        assert often == ",".join(str(counts[gene]) for gene in genes.split(","))
        assert beyond == ("no" if low <= float(prediction) <= high else "yes")
        outside += beyond == "yes"
    assert 0 < outside < 80
    code, _, err = gi_jax("screen", run, "--out", tmp_path / "pairs.parquet", "--top", 40)
    assert code == 0, err
    kept = pq.read_table(tmp_path / "pairs.parquet")
    assert kept.column_names == list(found)
    assert [f"{value:.6g}" for value in kept["prediction"].to_pylist()] == list(found["prediction"])
    beyond = [value == "yes" for value in found["outside_training_range"]]
    assert kept["outside_training_range"].to_pylist() == beyond
    assert kept["measured"].null_count == found["measured"].count("")


def test_genotypes_that_are_asked_for(run: Path, tmp_path: Path, gi_jax) -> None:
    files = {
        "list.tsv": "genes\tnote\nn03,G07\ta\nG01,G02,G03\tb\nG07,G03\tagain\nG12\tc\n",
        "queries.txt": "G01\nN02\n",
        "double.txt": "G01,G02\nG03,N01\n",
        "arrays.txt": "G01\nG02\nN05\n",
        "table.tsv": "gene\tplate\tfitness\nN05\t1\t0.9\nG01\t2\t0.5\nG02\t1\t\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    out = tmp_path / "out.tsv"

    def asked(*options: object) -> set[str]:
        given = [tmp_path / option if option in files else option for option in options]
        code, _, err = gi_jax("screen", run, "--out", out, *given)
        assert code == 0, err
        return set(table(out)["genes"])

    assert asked("--pairs", "list.tsv") == {"G03,G07", "G01,G02,G03", "G12"}
    crossed = ("--queries", "queries.txt", "--arrays", "arrays.txt")
    assert asked(*crossed) == {"G01,G02", "G01,G05", "G02,G05"}
    assert asked("--queries", "double.txt", "--arrays", "arrays.txt") == {
        "G01,G02,G05",
        "G01,G02,G03",
        "G01,G03,G05",
    }
    of_plate = ("--gene-table", "table.tsv", "--where", "plate=1")
    assert asked(*crossed, *of_plate) == {"G01,G02", "G01,G05", "G02,G05"}  # G01 as a query
    assert asked(*of_plate) == {"G02,G05"}
    fit = ("--gene-table", "table.tsv", "--where", "Fitness>=0.5")
    assert asked(*fit) == {"G01,G05"}
    assert asked(*of_plate, "--where", "fitness>=0.5", "--including", "G20") == {"G05,G20"}
    assert asked("--pairs", "list.tsv", "--where", "name!=N12") == {"G03,G07", "G01,G02,G03"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--queries", "x"), "--queries and --arrays go together"),
        (("--pairs", "x", "--size", 3), "--pairs and --genes, --measured-genes, --size or --including both"),
        (("--where", "status"), "`status` is no condition on a column of the gene table; write COLUMN=VALUE"),
        (("--where", "name>=x"), "compares with `x`, which is no number"),
        (("--where", "colour=red"), "the gene table has no column `colour`, but it has gene, name, status"),
        (("--essential",), "the gene table has no column `essential`"),
        (("--where", "name<=3"), "the gene table says `n00` for G00, which is no number"),
        (("--where", "name=nobody"), "some of 0 others"),
        (("--shard", "5/4"), "found the shard 5/4"),
        (("--shard", "two"), "'two' is no part of a whole such as 2/8"),
    ],
)
def test_what_cannot_be_asked(run: Path, tmp_path: Path, gi_jax, options: tuple, said: str) -> None:
    code, _, err = gi_jax("screen", run, "--out", tmp_path / "out.tsv", *options)
    assert code == 2
    assert said in " ".join(err.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_shards_are_merged_by_a_command(run: Path, tmp_path: Path, gi_jax) -> None:
    out = tmp_path / "pairs.tsv"
    assert gi_jax("screen", run, "--out", out)[0] == 0
    expected = out.read_bytes()
    shards = []
    for shard in ("1/2", "2/2"):
        code, _, err = gi_jax("screen", run, "--out", out, "--shard", shard)
        shards.append(tmp_path / f"pairs.tsv.shard-{shard.replace('/', '-of-')}")
        assert code == 0 and f"predictions of shard {shard} in {shards[-1]}" in err
    merged = tmp_path / "merged.tsv"
    code, _, err = gi_jax("screen-merge", run, *shards, "--out", merged)
    assert code == 0 and "435 of 435 predictions in" in err
    assert merged.read_bytes() == expected


def test_yeast_genes_are_essential_or_not() -> None:
    genes = GeneTable(bundled_gene_list())

    def those(text: str) -> set[str]:
        met = genes.where(read_condition(text))
        return {genes.genes.labels[gene] for gene in np.flatnonzero(met)}

    assert len(those("essential=yes")) == 1133 and len(those("essential=no")) == 5184
    assert {"CDC28", "ACT1", "SEC18"} < those("essential=yes")
    assert {"SWR1", "BIM1", "HO"} < those("essential=no")
    assert those("description~Kinase") > {"CDC28"}
    either = those("status=Verified") | those("status=Uncharacterized")
    assert those("status=verified, uncharacterized") == either


def test_parts_add_up_and_a_screen_says_what_predictions_are(small_config: RunConfig) -> None:
    transform = LabelTransform("standard", (0.5,), (2.0,))
    predictor = untrained(small_config, transform)
    screen = Screen(predictor, size=3, top=500)
    list(screen.run())
    found = screen.found()
    genes = predictor.bundle.genes
    table = genotypes_from_names(genes, [",".join(genes.names(row)) for row in found.genes])
    assert len(table) == 1000
    scores = predictor.predict_table(table)
    np.testing.assert_allclose(found.score, scores, rtol=1e-5, atol=1e-5)
    parts = parts_of_predictions(predictor, table)
    assert list(parts) == ["global", "local", "gate"]
    np.testing.assert_allclose(0.5 + parts["global"] + parts["local"], scores, rtol=1e-5, atol=1e-6)
    assert ((parts["gate"] > 0) & (parts["gate"] < 1)).all()
