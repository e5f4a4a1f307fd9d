"""Tiles share programs where that costs less than compiling one more."""

from __future__ import annotations

import pytest

from gi_jax.models.neural import tile_groups
from gi_jax.models.neural.tile_groups import Need, program_of_tiles


def test_tiles_of_like_need_share_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_groups, "COMPILED", 10_000)
    small, like, large = Need(16, (100, 50)), Need(16, (110, 40)), Need(64, (90_000, 20))
    assert program_of_tiles([]) == []
    few = program_of_tiles([small, like, large, small])
    assert few[0] == few[1] == few[3] != few[2]
    # What a small tile wastes in the large one's program is less than a compilation, once only.
    monkeypatch.setattr(tile_groups, "COMPILED", 100_000)
    assert len(set(program_of_tiles([small, large]))) == 1
    assert len(set(program_of_tiles([small, small, large]))) == 2


def test_room_is_counted_network_by_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles with as many rows in all, but in different networks, need twice the room together."""
    monkeypatch.setattr(tile_groups, "COMPILED", 1_500)
    first, second = Need(16, (1_000, 0)), Need(16, (0, 1_000))
    assert len(set(program_of_tiles([first, second]))) == 2
    assert len(set(program_of_tiles([first, first]))) == 1
