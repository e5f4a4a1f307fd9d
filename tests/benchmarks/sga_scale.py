"""Import, reading back and the start of a training at the size of the full Costanzo 2016 data.

`python -m tests.benchmarks.sga_scale FOLDER` writes a file of 20.7 million rows in the format of
`SGA_NxN.txt` (strains as in the real screens, query and array copies of a deletion, alleles, repeats at two
temperatures, missing values), and measures each stage in a process of its own: seconds, seconds of the
processors, and the most memory that it held at once. Then it does so for a million rows of the plain table.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

from gi_jax.data.bundled import bundled_gene_list

ROWS = 20_700_000
HEADER = (
    "Query Strain ID\tQuery allele name\tArray Strain ID\tArray allele name\tArraytype/Temp\t"
    "Genetic interaction score (ε)\tP-value\tQuery single mutant fitness (SMF)\tArray SMF\t"
    "Double mutant fitness\tDouble mutant fitness standard deviation\n"
)


def strains(kinds: dict[str, int], rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Strain ids and allele names, so many of each kind; suppressors are few."""
    genes = bundled_gene_list()
    ids, alleles = [], []
    for kind, count in kinds.items():
        for number, gene in enumerate(rng.choice(len(genes), count, replace=False).tolist()):
            label = genes.labels[gene].lower()
            ids.append(f"{genes.ids[gene]}_{kind}{number + 1}")
            alleles.append({"tsq": f"{label}-1", "tsa": f"{label}-1", "S": f"{label}-supp1"}.get(kind, label))
    return ids, alleles


def write_file(path: Path, rows: int, seed: int = 0) -> None:
    """Writes the file, query by query."""
    rng = np.random.default_rng(seed)
    queries, query_alleles = strains({"sn": 4757, "tsq": 900, "S": 60}, rng)
    arrays, array_alleles = strains({"dma": 3900, "tsa": 760}, rng)
    names, allele_names = pa.array(arrays), pa.array(array_alleles)
    kinds = pa.array(["DMA30" if "_dma" in name else "TSA30" for name in arrays])
    options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    written = 0
    with path.open("wb") as file:
        file.write(HEADER.encode())
        while written < rows:
            for query, allele in zip(queries, query_alleles, strict=True):
                chosen = pa.array(rng.permutation(len(arrays))[: min(3640, rows - written)])
                count = len(chosen)
                if not count:
                    break
                score = np.round(rng.normal(0, 0.05, count), 4)
                p_value = np.round(rng.uniform(0, 0.5, count), 5)
                smf = np.where(
                    rng.uniform(size=count) < 0.05, np.nan, np.round(rng.uniform(0.4, 1.1, count), 4)
                )
                table = pa.table({
                    "q": pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [query]).cast(pa.string()),
                    "qa": pa.DictionaryArray.from_arrays(np.zeros(count, np.int32),
                    [allele]).cast(pa.string()), "a": names.take(chosen),
                    "aa": allele_names.take(chosen),
                    "t": kinds.take(chosen),
                    "e": pa.array(np.where(rng.uniform(size=count) < 0.001, np.nan, score)),
                    "p": pa.array(np.where(rng.uniform(size=count) < 0.001, np.nan, p_value)),
                    "qs": pa.array(smf, from_pandas=True),
                    "as": pa.array(smf),
                    "d": pa.array(score),
                    "s": pa.array(p_value),
                })  # fmt: skip
                csv.write_csv(table, file, options)
                written += count


def write_plain(path: Path, rows: int = 10**6) -> None:
    """Writes a plain table: genes, score, p-value."""
    genes, rng = bundled_gene_list(), np.random.default_rng(1)
    first = rng.integers(0, len(genes), rows)
    second = (first + rng.integers(1, len(genes), rows)) % len(genes)
    scores, p_values = rng.normal(0, 0.1, rows), rng.uniform(size=rows)
    with path.open("w", encoding="utf-8") as file:
        file.write("genes\tscore\tp_value\n")
        for a, b, score, p_value in zip(
            *(x.tolist() for x in (first, second, scores, p_values)), strict=True
        ):
            file.write(f"{genes.ids[a]},{genes.ids[b]}\t{score:.4f}\t{p_value:.3e}\n")


STAGES = {
    "import to Parquet": """
        out = FOLDER / "imported"
        gi_jax.import_files("sga", FOLDER / "SGA_scale.txt", out, table="parquet", alleles="all")
    """,
    "a million rows of the plain table": """
        from gi_jax.data import bundled_gene_list, load_genotypes
        genes = bundled_gene_list()
        load_genotypes(genes, "costanzo2016_subset")
        empty, began, busy = held(), time.perf_counter(), time.process_time()
        table, report = load_genotypes(genes, FOLDER / "million.tsv")
        took, worked = time.perf_counter() - began, time.process_time() - busy
        print(f"after the start {took:.2f} s ({worked:.2f} s of the processors)")
        print(f"{1024 * (held() - empty):.0f} MiB more, {len(table):,} genotypes")
    """,
    "read back from Parquet": """
        from gi_jax.data import bundled_gene_list, load_genotypes
        table, report = load_genotypes(bundled_gene_list(), FOLDER / "imported" / "genotypes.parquet")
        print(f"{len(table):,} genotypes")
    """,
    "split and first training step": """
        import numpy as np
        from gi_jax.config import load_config
        from gi_jax.data.arrays import on_host
        from gi_jax.experiment.experiment import load_experiment
        from gi_jax.runs.run import training_task
        from gi_jax.training.optimizer import make_optimizer
        from gi_jax.training.progress import Progress
        from gi_jax.training.start import fresh_state
        from gi_jax.training.step import StepInputs
        from gi_jax.training.stepper import Stepper
        source = FOLDER / "imported" / "genotypes.parquet"
        config = load_config("tiny", [f"data.genotypes=[{source}]"]).config
        experiment = load_experiment(config)
        print(experiment.split)
        task = training_task(experiment)
        state = fresh_state(task)
        stepper = Stepper(task, make_optimizer(config.regression_task, state.params), state, Progress())
        stepper.start_epoch(0)
        inputs = StepInputs(*map(on_host, (np.int32(0), np.int32(0), np.float32(1e-3), np.bool_(True))))
        state, report = stepper(state, inputs)
        print(f"loss of the first step {float(report.loss):.3f}")
    """,
}


def measure(name: str, folder: Path) -> None:
    """Runs one stage in a process of its own and prints what it took."""
    code = "import resource, time\nfrom pathlib import Path\nstart = time.perf_counter()\nimport gi_jax\n"
    code += "def held():\n    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20\n"
    code += f"FOLDER = Path({str(folder)!r})\n{textwrap.dedent(STAGES[name])}\n"
    code += "print(f'{time.perf_counter() - start:.1f} s, {time.process_time():.1f} s of the processors, '"
    code += "f'{held():.2f} GiB')\n"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    print(
        f"{name}: "
        f"{' | '.join(ended.stdout.split(chr(10))[:-1])}{ended.stderr[-2000:] if ended.returncode else ''}"
    )


def main() -> None:
    """Writes the file unless it is there, then measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / "SGA_scale.txt"
    if not path.exists():
        write_file(path, arguments.rows)
    if not (arguments.folder / "million.tsv").exists():
        write_plain(arguments.folder / "million.tsv")
    print(f"{path}: {path.stat().st_size / 2**30:.2f} GiB")
    for name in STAGES:
        measure(name, arguments.folder)


if __name__ == "__main__":
    main()
