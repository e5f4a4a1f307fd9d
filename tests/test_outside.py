"""What the package shows to those who only use it: names, quick starts, exit codes, caches, messages."""

from __future__ import annotations

import inspect
import logging
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

import gi_jax
from gi_jax.cli import main
from gi_jax.config import RunConfig, load_config, parse_config
from gi_jax.config.named import config_file, packaged_configs
from gi_jax.config.paths import cache_folder, with_absolute_paths
from gi_jax.config.study import load_study
from gi_jax.errors import GiJaxError
from gi_jax.runs.run import RunResult

ROOT = Path(__file__).parents[1]
TINY = str(ROOT / "configs" / "tiny.yaml")
SLOW = (
    "jax",
    "numpy",
    "scipy",
    "sklearn",
    "matplotlib",
    "flax",
    "optax",
    "orbax",
    "tensorstore",
    "omegaconf",
    "fastapi",
    "uvicorn",
)
COMMANDS = (
    "train",
    "evaluate",
    "predict",
    "screen",
    "study",
    "inspect",
    "genes",
    "import",
    "convert",
    "verify",
    "package",
    "exporter",
    "record",
    "export",
    "tune",
    "serve",
    "explain",
)


def python(code: str, **surroundings: str) -> subprocess.CompletedProcess:
    env = {**os.environ, **surroundings}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)


def loaded_by(code: str) -> set[str]:
    """Which of the slow packages are loaded after some code."""
    ended = python(f"import sys\n{code}\nprint(*(name for name in {SLOW} if name in sys.modules))")
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.splitlines()[-1].split())


class Trained(NamedTuple):
    folder: Path
    result: RunResult
    said: list[str]


@pytest.fixture(scope="module")
def trained(small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run of one epoch by the function, and the messages of its logger."""
    folder, said, logger = tmp_path_factory.mktemp("outside") / "run", [], logging.getLogger("gi_jax")
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        result = gi_jax.train("tiny", folder, [*small_overrides, "trainer.max_epochs=1"])
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    return Trained(folder, result, said)


@pytest.fixture
def run_here(capfd, monkeypatch):
    """Exit code, stdout and stderr of `gi-jax ARGUMENTS`, run in this process."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gi-jax", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
            sys.exit(0)
        return (caught.value.code or 0, *capfd.readouterr())

    return call


def test_the_package_and_every_help_text_come_without_the_slow_packages() -> None:
    assert loaded_by("import gi_jax\ngi_jax.__version__, gi_jax.GiJaxError, dir(gi_jax)") == set()
    ask = "import sys\ntry:\n    main()\nexcept SystemExit:\n    pass"
    asked = [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)]
    calls = "\n".join(f"sys.argv[1:] = {arguments}\n{ask}" for arguments in asked)
    assert loaded_by(f"from gi_jax.cli import main\n{calls}") == set()


def test_data_and_predictions_come_without_plots_and_scikit_learn() -> None:
    data = loaded_by("import gi_jax\ngi_jax.load_dataset")
    assert "jax" in data  # something was loaded
    assert not data & {"sklearn", "matplotlib", "orbax", "tensorstore"}
    assert not loaded_by("import gi_jax\ngi_jax.load_model, gi_jax.Screen") & {"sklearn", "matplotlib"}


def test_public_names_are_documented_and_load_from_anywhere() -> None:
    for name in gi_jax.__all__:
        assert getattr(gi_jax, name) is not None
        assert name in dir(gi_jax)
        assert name == "__version__" or f"`{name}" in gi_jax.__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        gi_jax.nonsense  # noqa: B018
    for first in ("import gi_jax.training", "gi_jax.train", "from gi_jax import train"):
        code = f"import gi_jax\n{first}\nassert callable(gi_jax.train)"
        assert python(code).returncode == 0


def test_train_and_evaluate_show_the_arguments_of_the_functions() -> None:
    assert list(inspect.signature(gi_jax.train).parameters) == [
        "config",
        "folder",
        "overrides",
        "resume",
        "console",
    ]
    assert list(inspect.signature(gi_jax.evaluate).parameters) == ["folder", "genotypes", "console"]


def test_a_run_from_python(trained: Trained, small_world: Path, tmp_path: Path, monkeypatch) -> None:
    assert trained.result.ended == "all 1 epochs done"
    assert any(line.startswith("training ended: all 1 epochs done") for line in trained.said)
    assert any("Pearson" in line for line in trained.said)  # of the table
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained.folder, "run")
    evaluation = gi_jax.evaluate("run")
    assert evaluation.metrics["model"].pearson == trained.result.evaluation.metrics["model"].pearson
    measured = gi_jax.evaluate("run", small_world / "scores.tsv")
    assert len(measured.table) == 100
    assert gi_jax.load_model("run").predict(["G01,G02"]).shape == (1,)

    config = load_config("run/config.yaml").config
    with pytest.raises(GiJaxError, match="holds a run already; continue it with --resume"):
        gi_jax.train(config, "run")
    result = gi_jax.train(config, "run", {"trainer.max_epochs": 2, "trainer.loggers": []}, resume=True)
    assert result.ended == "all 2 epochs done"
    with pytest.raises(
        GiJaxError, match="configuration: data.genotypes.0. is .*gone.tsv, which is not there"
    ):
        gi_jax.train(config, "run", {"data.genotypes": ["gone.tsv"]}, resume=True)


def test_a_cache_that_the_program_chose_stays(monkeypatch, tmp_path: Path) -> None:
    from gi_jax import api

    chosen = []
    monkeypatch.setattr(api, "use_compilation_cache", chosen.append)
    api._keep_compiled_programs(RunConfig())
    assert chosen == []  # these tests have a cache of their own
    without = SimpleNamespace(config=SimpleNamespace(jax_compilation_cache_dir=None))
    monkeypatch.setattr(api, "jax", without)
    api._keep_compiled_programs(RunConfig())
    assert chosen == [RunConfig()]


def test_version_is_that_of_the_citation(run_here) -> None:
    assert run_here("--version") == (0, f"gi-jax {gi_jax.__version__}\n", "")
    ended = subprocess.run([sys.executable, "-m", "gi_jax", "--version"], capture_output=True, text=True)
    assert ended.stdout == f"gi-jax {gi_jax.__version__}\n"
    assert f"\nversion: {gi_jax.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["version"]["path"] == "gi_jax/__init__.py"


def test_shells_complete_commands_and_options() -> None:
    for words, expected in (
        ("gi-jax ev", {"evaluate"}),
        ("gi-jax screen --me", {"--measured-genes", "--measured"}),
    ):
        surroundings = {
            "_GI_JAX_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        ended = python(
            "import sys; sys.argv = ['gi-jax']; from gi_jax.cli import main; main()", **surroundings
        )
        assert set(ended.stdout.split()) == expected


def test_configurations_go_by_their_names_and_paths_go_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(packaged_configs()) >= {"quickstart", "tiny", "study"}
    assert load_config("tiny") == load_config(TINY)
    assert load_study("study_small").config.endswith("configs/tiny.yaml")
    (tmp_path / "tiny").write_text("seed: 7\n")
    assert load_config("tiny").config.seed == 7
    assert config_file("tiny.yaml") == Path("tiny.yaml")  # a path, though no file is there
    with pytest.raises(
        GiJaxError, match="^quickstrat: no such configuration file; did you mean `quickstart`"
    ):
        load_config("quickstrat")
    with pytest.raises(GiJaxError, match="^tiny.yaml: no such configuration file; configs/ holds examples"):
        load_config("tiny.yaml")


def test_what_is_kept_between_runs_lies_where_the_system_or_the_variable_says(
    tmp_path: Path, monkeypatch
) -> None:
    config = RunConfig()
    monkeypatch.setenv("HOME", "/home/somebody")
    for variable in ("GI_JAX_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    if sys.platform == "linux":
        assert cache_folder(config) == Path("/home/somebody/.cache/gi_jax/compiled")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache_folder(config) == tmp_path / "xdg" / "gi_jax" / "compiled"
    monkeypatch.setenv("GI_JAX_CACHE_DIR", "~/kept")
    assert cache_folder(config) == Path("/home/somebody/kept/compiled")
    assert with_absolute_paths(config) == config  # run folders name nobody's own folder
    own = parse_config("trainer: {compilation_cache: /elsewhere}").config
    assert cache_folder(own) == Path("/elsewhere")


def test_v_says_which_file_a_name_means(run_here, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    listing = ("study", "--config", "study_small", "--list")
    assert run_here(*listing)[2] == ""
    assert run_here("-v", *listing)[2].startswith(f"study_small is {packaged_configs()['study_small']}\n")


def test_q_leaves_the_warnings_of_the_library_out(trained: Trained, run_here, monkeypatch) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/proc/[red]")
    monkeypatch.setattr("jax.config.update", lambda name, value: None)
    code, table, err = run_here("predict", trained.folder, "G01")
    assert code == 0
    assert err.startswith("compiled programs are not kept: /proc/[red]: files cannot be written there")
    assert run_here("-q", "predict", trained.folder, "G01") == (0, table, "")


def test_a_traceback_is_shown_to_those_who_ask_for_it(run_here, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("predict", "nowhere", "YAL001C")
    assert run_here(*arguments)[2].startswith("error: nowhere: no such folder")
    monkeypatch.setenv("GI_JAX_DEBUG", "1")
    code, _, err = run_here(*arguments)
    assert code == 2
    assert err.startswith("Traceback (most recent call last)")
    assert err.splitlines()[-1].startswith("error: nowhere: no such folder")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_screen_says_which_signal_ended_it(
    number: int, code: int, trained: Trained, tmp_path: Path, run_here, monkeypatch
) -> None:
    from gi_jax.predict.screen import Screen

    def stopped(self: Screen):
        yield 1
        os.kill(os.getpid(), number)
        yield 2

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Screen, "run", stopped)
    ended, _, err = run_here("screen", trained.folder, "--out", tmp_path / "screen.tsv")
    assert ended == code
    assert "stopped after 1 genotypes" in err
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_study_says_which_signal_ended_it(number: int, code: int, run_here, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gi_jax.study.run_study", lambda *arguments: signal.Signals(number))
    ended, out, _ = run_here("study", "--config", "study_small")
    assert ended == code
    assert f"stopped by {signal.Signals(number).name}; the same command continues" in out


def test_ctrl_c_anywhere_is_130(run_here, monkeypatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["gi_jax.cli.evaluate"], "check_devices", interrupted)
    assert run_here("evaluate", "run") == (130, "", "")


WITHOUT_TORCH = """
import importlib, pkgutil, sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torch_geometric"):
            raise ImportError(name)
sys.meta_path.insert(0, NoTorch())
import conversion, gi_jax
for package in (gi_jax, conversion):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        # gi_jax_export is printed, not imported: it runs where torch and torchcell are.
        if not module.name.endswith(("__main__", ".gi_jax_export")):
            importlib.import_module(module.name)
assert "gi_jax.training.loop" in sys.modules and "conversion.convert" in sys.modules
assert "torch" not in sys.modules
"""


def test_every_module_loads_without_torch() -> None:
    ended = python(WITHOUT_TORCH)
    assert ended.returncode == 0, ended.stderr
