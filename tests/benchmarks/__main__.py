"""`python -m tests.benchmarks`: all tables, or those of the cases, batches, modes and engines named."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from tests.benchmarks import tables
from tests.benchmarks.runner import Row, Runner
from tests.benchmarks.workload import CASES, ENGINES, MODES, NUM_GENES, Workload

BATCHES = {"sum": (2, 8, 28, 128), "pairwise": (2, 8, 28, 128), "one_layer": (8, 64, 512)}
COMPARED = {"sum": 8, "pairwise": 2}  # where the local predictor and the operation classes are looked at
PROFILES = ("profile_v2", "profile_v3")
SCREENED = ("quickstart", "accuracy")  # three sparse networks and H 32; nine networks and H 64
# What each slope varies, beside 9 networks, all edges, 64 channels, 2 layers and 8 genotypes.
SLOPES = {
    "batch": (2, 4, 8, 16),
    "num_networks": (3, 6, 9),
    "edges": (0.25, 0.5, 1.0),
    "channels": (32, 64, 128),
    "layers": (1, 2, 3),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--case", nargs="+", choices=CASES, help="default: sum, pairwise and one_layer")
    parser.add_argument("--batch", nargs="+", type=int, help="genotypes per batch")
    parser.add_argument("--mode", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--engine", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--local", choices=("on", "off"), help="local predictor; default: on, once off")
    parser.add_argument("--genes", type=int, default=NUM_GENES, help="fewer for a trial of the harness")
    parser.add_argument("--json", type=Path, help="also write every measurement to this file")
    parser.add_argument("--patience", type=float, default=900, help="seconds before a measurement is ended")
    parser.add_argument("--classes", action="store_true", help="only the operation classes")
    parser.add_argument("--slopes", action="store_true", help="only how the time grows with B, G, E, H and L")
    parser.add_argument("--profiles", action="store_true", help="only profile_v2 beside profile_v3")
    parser.add_argument("--screens", action="store_true", help="only screens beside plain predictions")
    return parser.parse_args()


def workloads(options: argparse.Namespace) -> Iterator[tuple[Workload, str]]:
    """Workloads and modes, light ones first, so that what does not fit is known early."""
    everything = options.batch is None and options.local is None
    for case in options.case or BATCHES:
        for mode in options.mode:
            for batch in options.batch or BATCHES.get(case, (8,)):
                workload = Workload(case, batch, local=options.local != "off", num_genes=options.genes)
                yield workload, mode
                if everything and batch == COMPARED.get(case):
                    yield replace(workload, local=False), mode


def compare(options: argparse.Namespace, runner: Runner) -> list[Row]:
    rows: list[Row] = []
    for workload, mode in workloads(options):
        found = [runner.measure(workload, engine, mode) for engine in options.engine]
        _say(tables.comparison(found))
        rows += found
    one_layer = [row for row in rows if row["case"] == "one_layer"]
    if len({row["batch"] for row in one_layer}) > 1:
        _say(tables.marginal(one_layer))
    return rows


def classes(options: argparse.Namespace, runner: Runner) -> list[Row]:
    rows = []
    for case in options.case or COMPARED:
        for batch in options.batch or (COMPARED.get(case, 8),):
            local = options.local != "off"
            rows.append(runner.classes(Workload(case, batch, local=local, num_genes=options.genes)))
            _say(tables.operation_classes(rows[-1]))
    return rows


def slopes(options: argparse.Namespace, runner: Runner) -> list[Row]:
    base, rows, lines = Workload("sum", 8, num_genes=options.genes), [], []
    for name, values in SLOPES.items():
        found = [runner.measure(replace(base, **{name: value}), "gi_jax", "backward") for value in values]
        rows += found
        for old, new in pairwise(found):
            if "median" in old and "median" in new:
                growth, time = new[name] / old[name], new["median"] / old["median"]
                lines.append((name, f"{old[name]} to {new[name]}", growth, time))
    _say(tables.slopes(lines))
    return rows


def profiles(options: argparse.Namespace, runner: Runner) -> list[Row]:
    rows = [
        runner.measure(Workload(case, batch, num_genes=options.genes), "gi_jax", mode)
        for mode in options.mode
        for batch in options.batch or (8,)
        for case in PROFILES
    ]
    _say(tables.profiles(rows))
    return rows


def screens(_: argparse.Namespace, runner: Runner) -> list[Row]:
    rows = [runner.screen(config) for config in SCREENED]
    _say(tables.screens(rows))
    return rows


def main() -> None:
    options = arguments()
    sections = [s for s in (classes, slopes, profiles, screens) if getattr(options, s.__name__)]
    if not sections:
        narrowed = options.batch or options.local or tuple(options.engine) != ENGINES
        sections = [compare] if narrowed else [compare, classes]
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    _say(f"{processors} processors, load {load:.1f} when the run began.")
    if load > processors / 2:
        # PyTorch's threads wait for each other in a busy loop, which other work makes endless.
        _say("Other work is running: no ratio below can be trusted, least of all those of PyTorch.")
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(Path(folder), options.patience)
        rows = [row for section in sections for row in section(options, runner)]
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def _say(text: str) -> None:
    print(text + "\n", flush=True)


if __name__ == "__main__":
    main()
