"""Compiled programs shared by all tests of a session, and a small world of data that trains in seconds."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from importlib.metadata import version

# Tests spend their time compiling, not computing; the compiler reads this when JAX starts.
QUICKLY = ["--xla_backend_optimization_level=0", "--xla_cpu_parallel_codegen_split_count=1"]
if tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11):  # without this option since
    QUICKLY.append("--xla_cpu_use_fusion_emitters=false")
# Each once, though workers are given them already: they are a part of a compiled program's key in the cache.
os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys([*QUICKLY, *os.environ.get("XLA_FLAGS", "").split()]))
# Tracing makes hundreds of thousands of objects that live on, and notes for each the lines it came from.
gc.set_threshold(200_000, 50, 100)
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

from pathlib import Path

import jax
import numpy as np
import pytest

from gi_jax.config import RunConfig, load_config

CONFIGS = Path(__file__).parents[1] / "configs"
NUM_GENES, NUM_GENOTYPES = 30, 100
MOST_MAPPINGS = 25_000
COMPILED = Path("~/.cache/gi_jax/tests").expanduser()


@pytest.fixture(scope="session", autouse=True)
def compiled_programs() -> None:
    """Keeps compiled programs for all tests, the processes that they start, and the next session.

    JAX locks the folder where it bounds its size, so that nobody reads what another has half written. Below
    a tenth of a second compiling again is faster than looking through the folder at every program written.
    """
    for name, value in {
        "jax_compilation_cache_dir": str(COMPILED),
        "jax_compilation_cache_max_size": 2**30,
        "jax_persistent_cache_min_compile_time_secs": 0.1,
    }.items():
        os.environ[name.upper()] = str(value)
        jax.config.update(name, value)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Removes what a session that was killed left half written: a program without its time of use."""
    if not hasattr(session.config, "workerinput"):
        for program in COMPILED.glob("*-cache"):
            if not program.with_name(program.name.removesuffix("cache") + "atime").exists():
                program.unlink()


def pytest_runtest_teardown() -> None:
    """Forgets compiled programs before they are too many for the system, which then ends the process.

    Each takes some memory mappings, of which Linux allows 65,530 to a process; tests that run models
    without `jit` compile thousands of small ones.
    """
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPPINGS:
        jax.clear_caches()


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `genes.txt`, two networks and `scores.tsv`: additive scores plus an effect of edges."""
    folder, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(0)
    genes = [f"G{i:02}" for i in range(NUM_GENES)]
    (folder / "genes.txt").write_text("".join(f"{gene}\tN{gene[1:]}\n" for gene in genes))
    pairs = [(a, b) for a in range(NUM_GENES) for b in range(a)]
    for name, edges in (("sparse", 20), ("dense", 60)):
        chosen = rng.choice(len(pairs), edges, replace=False)
        rows = "".join(f"{genes[pairs[i][0]]}\t{genes[pairs[i][1]]}\n" for i in chosen)
        (folder / f"{name}.tsv").write_text("src\tdst\n" + rows)
    effects, rows = rng.normal(size=NUM_GENES), []
    for i in rng.choice(len(pairs), NUM_GENOTYPES, replace=False):
        a, b = pairs[i]
        score = effects[a] + effects[b] + 0.1 * rng.normal()
        rows.append(f"{genes[a]},{genes[b]}\t{score:.4f}\n")
    (folder / "scores.tsv").write_text("genes\tscore\n" + "".join(rows))
    return folder


@pytest.fixture(scope="session")
def small_overrides(small_world: Path) -> list[str]:
    """Command-line overrides that put `configs/tiny.yaml` on the small world: 5 steps an epoch, 3 epochs."""
    return [
        f"data.genes={small_world / 'genes.txt'}",
        f"data.genotypes=[{small_world / 'scores.tsv'}]",
        f"data.networks.sparse.path={small_world / 'sparse.tsv'}",
        f"data.networks.dense={{path: {small_world / 'dense.tsv'}, directed: true}}",
        "cell_dataset.graphs=[sparse,dense]",
        "data_module.batch_size=16",
        "trainer.checkpoint_every_n_steps=3",
        "trainer.log_every_n_steps=2",
    ]


@pytest.fixture(scope="session")
def small_config(small_overrides: list[str]) -> RunConfig:
    """`configs/tiny.yaml` on the small world."""
    return load_config(CONFIGS / "tiny.yaml", small_overrides).config


@pytest.fixture
def gi_jax(capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple]:
    """Exit code, stdout and stderr of `gi-jax ARGUMENTS`, run in this process."""
    from gi_jax.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gi-jax", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
            sys.exit(0)
        out, err = capfd.readouterr()
        return caught.value.code or 0, out, err

    return call
