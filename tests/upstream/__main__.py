"""`make upstream`: random options of the three classes, then the journey, from torchcell's unpacked wheel."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from tests.upstream.oracle import install

CASES = {"lazy": 12, "eager": 12, "dango": 4}  # models of random options


def main(folder: Path) -> int:
    """Unpacks the wheel in `folder` and compares; returns how many comparisons failed."""
    (wheel,) = folder.glob("torchcell-1.8.4-*.whl")
    if not (folder / "torchcell").is_dir():
        with zipfile.ZipFile(wheel) as file:
            file.extractall(folder)
    install(folder)
    from tests.upstream.journey import make_world, travel
    from tests.upstream.random_models import compare_random

    failed = 0
    for kind, count in CASES.items():
        for seed in range(count):
            bad = compare_random(kind, seed)
            failed += bad is not None
            print(f"{kind} {seed}: {bad or 'equal'}", flush=True)
    world = make_world()
    for kind, boundaries in (
        ("lazy", True),
        ("lazy", False),
        ("eager", True),
        ("eager", False),
        ("dango", True),
    ):
        print(f"journey of {kind}, boundaries {'given' if boundaries else 'absent'}", flush=True)
        print(travel(kind, world, boundaries=boundaries), flush=True)
    print(f"{failed} of {sum(CASES.values())} random models differ; the journeys are equal")
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
