"""Paths and numbers on the command line, and the device that the environment names."""

from __future__ import annotations

from pathlib import Path

import jax
import pytest
import typer

from gi_jax import options
from gi_jax.errors import GiJaxError


def test_paths_start_at_home_where_they_say_so(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert options.path("~/run") == Path("/home/somebody/run")
    assert options.path("run") == Path("run")


def test_whole_numbers_are_as_people_write_them() -> None:
    read = options.whole_number(1)
    assert [read(value) for value in ("12", " 3 ", 7)] == [12, 3, 7]
    for text in ("1_0", "١", "1.5", "x", "", "0", "-2"):
        with pytest.raises(typer.BadParameter, match="is not a whole number of at least 1"):
            read(text)
    assert options.whole_number(None)("-2") == -2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Unable to initialize backend 'cuda'\nmore"), "Unable"),
        (AssertionError(), "it has none"),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(error: Exception, said: str, monkeypatch) -> None:
    def devices() -> list:
        raise error

    monkeypatch.setattr(jax, "devices", devices)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(
        GiJaxError, match=f"JAX_PLATFORMS is cuda, but JAX finds no such device.*{said}"
    ) as caught:
        options.check_devices()
    assert "\n" not in str(caught.value)
