"""Imports run one way through the rooms of `docs/architecture.md`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# From the bottom up; rooms of one line do not import each other.
ROOMS = (
    ("errors",),
    ("files", "heap", "numbers", "arguments", "checks", "schedules"),
    ("options", "terminal"),
    ("data",),
    ("ops",),
    ("nn", "losses"),
    ("models",),
    ("config",),
    ("experiment",),
    ("predict",),
    ("evaluation",),
    ("training",),
    ("explain",),
    ("report",),
    ("runs",),
    ("study",),
    ("serve",),
    ("api",),
    ("cli",),
)
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def imports(path: Path) -> set[str]:
    """The rooms that a module imports from, also inside its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "gi_jax":
                names = [f"gi_jax.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("gi_jax.")}
    return found & LEVEL.keys()


def modules() -> list[tuple[str, Path]]:
    paths = (ROOT / "gi_jax").rglob("*.py")
    found = [(path.relative_to(ROOT / "gi_jax").with_suffix("").parts[0], path) for path in paths]
    return [(room, path) for room, path in found if room not in ("__init__", "__main__")]


def test_every_room_has_a_place() -> None:
    assert {room for room, _ in modules()} == set(LEVEL)


def test_no_arrow_runs_back_up() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports gi_jax.{room}"
        for own, path in modules()
        for room in imports(path) - {own}
        if LEVEL[room] >= LEVEL[own]
    ]
    assert not wrong
    assert "training" in imports(ROOT / "gi_jax/runs/run.py")  # or nothing is looked at


def test_the_page_names_the_rooms_in_this_order() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    folders = [room for rooms in ROOMS for room in rooms if (ROOT / "gi_jax" / room).is_dir()]
    places = [re.search(rf"^.*\b{room}/ ", page, re.MULTILINE).start() for room in folders]
    assert places == sorted(places)
