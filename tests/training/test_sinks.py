"""Metrics handed to TensorBoard and W&B, which stand-ins record here."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock, call

import pytest

from gi_jax.errors import GiJaxError
from gi_jax.training.sinks import make_sinks

RECORD = {"kind": "epoch", "step": 7, "epoch": 1, "val_pearson": 0.5, "genotypes": ["A,B"]}


def test_both_get_the_numbers_by_kind_and_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    writer, run, started = MagicMock(), MagicMock(), {}
    board = SimpleNamespace(SummaryWriter=lambda folder: started.update(board=folder) or writer)
    wandb = SimpleNamespace(init=lambda **values: started.update(values) or run)
    monkeypatch.setitem(sys.modules, "tensorboardX", board)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    sinks = make_sinks(("tensorboard", "wandb"), tmp_path / "demo", {"seed": 3})
    for sink in sinks:
        sink.write(RECORD)
        sink.close()
    assert writer.mock_calls == [
        call.add_scalar("epoch/epoch", 1, 7),
        call.add_scalar("epoch/val_pearson", 0.5, 7),
        call.close(),
    ]
    assert run.mock_calls == [call.log({"epoch/epoch": 1, "epoch/val_pearson": 0.5}, step=7), call.finish()]
    assert started["board"] == str(tmp_path / "demo" / "tensorboard")
    assert (started["name"], started["config"]) == ("demo", {"seed": 3})


def test_a_logger_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(
        GiJaxError, match=r"tensorboardX is not installed; pip install 'gi-jax\[tensorboard\]'"
    ):
        make_sinks(("tensorboard",), tmp_path, {})
