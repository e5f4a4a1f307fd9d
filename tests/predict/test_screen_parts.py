"""A screen that is ended, or dealt to shards or devices, finds to the bit what one that runs through does."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gi_jax import GiJaxError, Predictor, Screen
from gi_jax.config import RunConfig
from gi_jax.experiment.bundle import ModelBundle, save_bundle
from gi_jax.experiment.experiment import load_experiment
from gi_jax.models.closed_form import PairKernelOptions, solved
from gi_jax.models.registry import KINDS
from gi_jax.predict import MergedScreen
from gi_jax.predict.screening import division
from gi_jax.predict.screening.division import Piece
from gi_jax.predict.screening.extremes import Extremes, Found
from gi_jax.predict.screening.state import read_progress
from tests.untrained import IDENTITY, untrained

TOP = 20


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tiles, and blocks of some of them."""
    monkeypatch.setattr("gi_jax.models.neural.screening.SIDE", 4)
    monkeypatch.setattr("gi_jax.models.neural.screening.PAIRS_SIDE", 1)
    monkeypatch.setattr(division, "LARGEST_BLOCK", 40)
    monkeypatch.setattr(division, "FEWEST_BLOCKS", 4)


@pytest.fixture
def predictor(small_config: RunConfig) -> Predictor:
    return untrained(small_config, IDENTITY)


def run(predictor: Predictor, **options: object) -> Screen:
    screen = Screen(predictor, **{"top": TOP, **options})
    list(screen.run())
    return screen


def assert_same(one: Screen | MergedScreen, other: Screen | MergedScreen) -> None:
    for a, b in zip((*one.found(), *one.histogram()), (*other.found(), *other.histogram()), strict=True):
        np.testing.assert_array_equal(a, b)


def part_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_extremes_do_not_depend_on_the_order_in_which_they_come() -> None:
    rng = np.random.default_rng(0)
    genes = np.array(list(itertools.combinations(range(30), 2)), np.int32)
    score = np.round(rng.normal(size=len(genes)))  # most are equal to many others

    def kept(order: np.ndarray, parts: int) -> Found:
        extremes = Extremes(TOP, 2)
        for rows in np.array_split(order, parts):
            extremes.add(Found(genes[rows], score[rows], None))
        return extremes.found()

    every = np.lexsort((genes[:, 1], genes[:, 0], score))
    expected = np.concatenate([every[:TOP], every[-TOP:]])
    for seed, parts in enumerate((1, 7, len(genes))):
        found = kept(np.random.default_rng(seed).permutation(len(genes)), parts)
        np.testing.assert_array_equal(found.genes, genes[expected])
        np.testing.assert_array_equal(found.score, score[expected])


def test_shards_make_the_screen(small: None, predictor: Predictor, tmp_path: Path) -> None:
    whole = run(predictor, all_to=tmp_path / "whole")
    shards = []
    for number in (2, 3, 1):
        screen = Screen(predictor, top=TOP, shard=(number, 3), all_to=tmp_path / "shared")
        shards.append(tmp_path / str(number))
        screen.keep_state(shards[-1])
        assert list(screen.run())[-1] == screen.num_genotypes < whole.num_genotypes
    merged = MergedScreen(shards)
    assert merged.num_genotypes == whole.num_genotypes == 435
    assert_same(whole, merged)
    assert part_files(tmp_path / "whole") == part_files(tmp_path / "shared")
    merged.check(predictor)
    for wrong, said in (
        (shards[:2], "the shards 1/3 are missing"),
        ([*shards, shards[0]], "name each shard once"),
    ):
        with pytest.raises(GiJaxError, match=said):
            MergedScreen(wrong)
    other = Screen(predictor, top=TOP + 1, shard=(1, 3))
    other.keep_state(tmp_path / "other")
    list(other.run())
    with pytest.raises(GiJaxError, match="is the state of another screen: its top was 21, now it is 20"):
        MergedScreen([*shards[:2], tmp_path / "other"])


def test_part_files_hold_every_genotype(small: None, predictor: Predictor, tmp_path: Path) -> None:
    screen = run(predictor, top=1000, all_to=tmp_path / "all")
    files = sorted((tmp_path / "all").glob("*.parquet"))
    assert len(files) > 4
    table = pq.read_table(files)
    assert table.column_names == ["gene_1", "gene_2", "prediction"]
    found, names = screen.found(), predictor.bundle.genes
    expected = {tuple(names.names(row)): score for row, score in zip(found.genes, found.score, strict=True)}
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    held = {(one, two): score for one, two, score in rows}
    assert len(held) == table.num_rows == 435 and held.keys() == expected.keys()
    np.testing.assert_array_equal([held[key] for key in expected], np.float32(list(expected.values())))
    with pytest.raises(GiJaxError, match="holds the genotypes of another screen"):
        Screen(predictor, top=3, all_to=tmp_path / "all")
    (tmp_path / "all" / "screen.json").unlink()
    with pytest.raises(GiJaxError, match="is not an empty folder"):
        Screen(predictor, all_to=tmp_path / "all")


def test_a_screen_goes_on_where_it_was(
    small: None, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gi_jax.predict.screen.SAVE_EVERY", 0.0)
    whole = run(predictor, all_to=tmp_path / "whole")
    tiles = len(list(Screen(predictor).run()))
    for stop in (1, tiles // 2, tiles - 1, tiles):
        state, folder = tmp_path / f"state{stop}", tmp_path / f"all{stop}"
        begun = Screen(predictor, top=TOP, all_to=folder)
        begun.keep_state(state)
        for _ in itertools.islice(begun.run(), stop):
            pass
        again = Screen(predictor, top=TOP, all_to=folder)
        again.keep_state(state, resume=True)
        done = list(again.run())
        assert len(done) == tiles - stop  # none is done again
        assert again.num_done == 435
        assert_same(whole, again)
        assert part_files(tmp_path / "whole") == part_files(folder)
    with pytest.raises(GiJaxError, match=r"state of a screen that was begun; go on with --resume"):
        Screen(predictor, top=TOP, all_to=folder).keep_state(state)
    with pytest.raises(GiJaxError, match=r"its top was 20, now it is 21"):
        Screen(predictor, top=TOP + 1).keep_state(state, resume=True)
    next(folder.glob("part*")).unlink()
    with pytest.raises(GiJaxError, match="is not there, although its genotypes are done"):
        Screen(predictor, top=TOP, all_to=folder).keep_state(state, resume=True)
    state.write_bytes(state.read_bytes()[:-50])
    with pytest.raises(GiJaxError, match="is no state of a screen that can be read"):
        Screen(predictor, top=TOP, all_to=folder).keep_state(state, resume=True)


def test_the_screen_of_a_solved_model_has_the_same_bits_in_every_part(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_config: RunConfig
) -> None:
    monkeypatch.setattr(solved, "SIDE", 5)
    monkeypatch.setattr("gi_jax.models.closed_form.pair_posterior.MATRIX_PAYS", 300)
    predictor = solved_predictor(small_config)
    whole = run(predictor)
    assert whole.found().std is not None
    paths = [tmp_path / str(k) for k in (1, 2)]
    for number, path in enumerate(paths, 1):
        # Of a model of its own, which has made no matrix for another shard.
        screen = Screen(solved_predictor(small_config), top=TOP, shard=(number, 2))
        screen.keep_state(path)
        list(screen.run())
    assert_same(whole, MergedScreen(paths))


def solved_predictor(config: RunConfig) -> Predictor:
    options = PairKernelOptions()
    experiment = load_experiment(replace(config, model=options))
    fit = KINDS["pair_kernel"].fit
    assert fit is not None, "it is solved for"
    fitted = fit(options, experiment.training, experiment.validation, experiment.cell)
    bundle = ModelBundle(experiment.config, experiment.genes, experiment.transform, {}, {})
    return Predictor(bundle, experiment.graph, fitted=fitted)


SLOW = """
import time
import jax
assert len(jax.local_devices()) == 2
from gi_jax.predict import screen
from gi_jax.predict.screening import division
from gi_jax.predict.screening.division import Piece
from gi_jax.models.neural import screening
screening.PAIRS_SIDE = 1
screening.SIDE, division.LARGEST_BLOCK, division.FEWEST_BLOCKS, screen.SAVE_EVERY = 4, 40, 4, 0.0
take = screen.Screen._take
def slowly(self, *arguments):
    take(self, *arguments)
    time.sleep(0.05)
screen.Screen._take = slowly
from gi_jax.cli import main
main()
"""


def test_a_killed_screen_loses_and_repeats_nothing(
    small: None, predictor: Predictor, tmp_path: Path, gi_jax, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On two devices until it is killed, then on one."""
    save_bundle(predictor.bundle, tmp_path / "model")
    options = ("screen", tmp_path / "model", "--top", TOP)
    out, folder = tmp_path / "pairs.tsv", tmp_path / "all"
    code, _, err = gi_jax(*options, "--out", tmp_path / "whole.tsv", "--all", tmp_path / "whole")
    assert code == 0, err
    command = [sys.executable, "-c", SLOW, *map(str, options), "--out", str(out), "--all", str(folder)]
    devices = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "XLA_FLAGS": devices}
    )
    deadline = time.monotonic() + 120
    while not (folder / "part-00002.parquet").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not out.exists()
    state = tmp_path / "pairs.tsv.state"
    before = read_progress(state)
    assert 0 < before.genotypes < 435

    predicted: list[int] = []
    take = Screen._take

    def counted(self: Screen, piece: Piece, found: Found) -> None:
        predicted.append(len(found.score))
        take(self, piece, found)

    monkeypatch.setattr(Screen, "_take", counted)
    code, _, err = gi_jax(*options, "--out", out, "--all", folder, "--resume")
    assert code == 0, err
    assert f"435 genotypes of 2 genes to predict, {before.genotypes} of them done" in err
    assert sum(predicted) == 435 - before.genotypes
    assert out.read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert part_files(folder) == part_files(tmp_path / "whole")
    assert not state.exists()
