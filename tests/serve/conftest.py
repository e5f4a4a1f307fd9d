"""A server of a small model, as its own process, for all tests of this folder."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from gi_jax.config import RunConfig
from gi_jax.experiment.bundle import ModelBundle, save_bundle
from gi_jax.experiment.experiment import load_experiment
from gi_jax.models.closed_form import PairKernelOptions, fit_pair_kernel
from gi_jax.predict import Predictor

OPTIONS = PairKernelOptions(tuning_steps=1, covariance_rounds=0, num_samples=2)


class Served(NamedTuple):
    url: str
    predictor: Predictor  # the same model in this process
    folder: Path
    process: subprocess.Popen

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)


def start(folder: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "gi_jax", "serve", str(folder), "--port", "0", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def address(process: subprocess.Popen) -> str:
    """Where a server listens, once it does."""
    assert process.stdout is not None and process.stderr is not None
    ready, _, _ = select.select([process.stdout], [], [], 120)
    line = process.stdout.readline() if ready else ""
    assert "listening at" in line, (line, process.poll())
    return line.split()[-1]


def end(process: subprocess.Popen, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    """Exit code and stderr of a server that is told to end."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


@pytest.fixture(scope="session")
def model(small_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Predictor]:
    """A folder of a small model with deviations, intervals and measured scores, and the model."""
    experiment = load_experiment(small_config)
    train, val = (part.with_labels_as_scores() for part in (experiment.training, experiment.validation))
    fitted = fit_pair_kernel(train, val, experiment.cell, OPTIONS)
    config = replace(small_config, model=OPTIONS)
    bundle = ModelBundle(config, experiment.genes, experiment.transform, {}, dict(fitted.arrays()))
    predictor = Predictor(bundle, experiment.graph, fitted=fitted)
    predictor.trust(experiment.val)
    folder = tmp_path_factory.mktemp("served") / "model"
    save_bundle(predictor.bundle, folder)
    return folder, predictor


@pytest.fixture(scope="session")
def served(model: tuple[Path, Predictor]) -> Iterator[Served]:
    folder, predictor = model
    process = start(folder)
    began = time.monotonic()
    yield Served(address(process), predictor, folder, process)
    code, errors = end(process)
    assert code == 0 and "ended by SIGTERM" in errors, (code, errors, time.monotonic() - began)
