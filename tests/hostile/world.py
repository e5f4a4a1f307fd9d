"""A folder for one combination: a run, a model and their data, as it wants them named and spoilt."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from gi_jax.config import load_config, to_yaml
from gi_jax.config.data import NetworkFileConfig
from gi_jax.config.yaml_text import write_yaml
from tests.hostile.draws import Example

ASKED = ("G03,G07", "G12", "G01,G02,G28")


@dataclass(frozen=True)
class World:
    """Where everything of a combination is."""

    root: Path
    run: Path
    model: Path
    data: Path
    config: Path
    study: Path
    output: Path

    def damaged(self, example: Example) -> Path | None:
        """The file that the combination spoils."""
        if example.damaged is None:
            return None
        where, _, name = example.damaged.partition("/")
        if where == "checkpoints":
            files = sorted(path for path in (self.run / "checkpoints").rglob("*") if path.is_file())
            return files[int(name) % len(files)]
        if (where, name) == ("data", "config.yaml"):
            return self.config
        return {"run": self.run, "model": self.model, "data": self.data}[where] / name


def make_world(base: Path, root: Path, example: Example) -> World:
    """Copies `base`, which has the folders run, model and data."""

    def place(kind: str, plain: str) -> Path:
        return root / kind[0] / (example.name if kind in example.places else plain)

    root = root / example.name if "parent" in example.places else root / "plain"
    settings = place("configuration", "settings")
    output = {
        "/proc": Path("/proc/version"),
        "/dev/full": Path("/dev/full"),
        "in a missing folder": root / "nowhere" / "output.tsv",
    }.get(example.output, place("output", "output.tsv"))
    if example.command.startswith("convert to torch") and output.is_relative_to(root):
        output = output.with_name(f"{output.name[:180]}.safetensors")
    run, data = place("run", "run"), place("data", "data")
    world = World(
        root, run, root / "m" / run.name, data, settings / "config.yaml", settings / "study.yaml", output
    )
    for folder in (run.parent, world.model.parent, root / "o", root / "home", settings):
        folder.mkdir(parents=True)
    if example.command != "train":
        shutil.copytree(base / "run", run)
        shutil.copytree(base / "model", world.model)
    shutil.copytree(base / "data", data)
    for file in data.glob("*.t*"):
        file.write_bytes(written(file.read_text(encoding="utf-8"), example.text))
    config = of_data(base / "run" / "config.yaml", data)
    world.config.write_bytes(written("# Müller\n" + config, example.config_text))
    names = {"name": "own", "genotypes": [str(data / "scores.tsv")], "baselines": ["mean"]}
    outputs = {key: str(root / "study" / key) for key in ("out", "document", "picture")}
    study = {"config": "config.yaml", **outputs, "datasets": [names], "rows": [{"name": "one"}]}
    world.study.write_bytes(written("# Müller\n" + write_yaml(study), example.config_text))
    for folder in (run, world.model):
        if folder.exists():
            (folder / "config.yaml").write_text(config, encoding="utf-8")
    if output.is_relative_to(root):
        if example.output == "existing":
            output.write_text("old\n")
        elif example.output == "folder":
            output.mkdir()
    spoil(world.damaged(example), example)
    return world


def of_data(config: Path, data: Path) -> str:
    """The text of a configuration with its data files in another folder."""
    before = load_config(config).config
    networks = {"sparse": NetworkFileConfig(path=str(data / "sparse.tsv"))}
    files = {"genes": str(data / "genes.txt"), "genotypes": (str(data / "scores.tsv"),)}
    return to_yaml(replace(before, data=replace(before.data, networks=networks, **files)))


def written(text: str, how: str) -> bytes:
    """The bytes of a text file, see `TEXTS`."""
    lines = text.splitlines()
    mixed = "".join(line + ("\n", "\r\n", "\r")[i % 3] for i, line in enumerate(lines))
    return {
        "UTF-8": text.encode(),
        "byte order mark": text.encode("utf-8-sig"),
        "CRLF": text.replace("\n", "\r\n").encode(),
        "CR": text.replace("\n", "\r").encode(),
        "mixed line ends": mixed.encode(),
        "no last line end": text.rstrip("\n").encode(),
        "UTF-16": text.encode("utf-16"),
        "Latin-1": text.encode("latin-1", "replace"),
        "trailing NULs": text.encode() + bytes(40),
    }[how]


def spoil(file: Path | None, example: Example) -> None:
    """Does the damage of a combination to a file; one that is not there may become a folder."""
    if file is None or not (file.exists() or (example.damage == "folder" and file.parent.is_dir())):
        return
    content = file.read_bytes() if file.exists() else b""
    if example.damage in ("gone", "folder"):
        file.unlink(missing_ok=True)
        if example.damage == "folder":
            file.mkdir()
        return
    half = len(content) * (example.number % 7) // 7
    file.write_bytes(
        {
            "cut": content[:half],
            "NULs at the end": content[:half] + bytes(len(content) - half),
            "NULs": bytes(len(content)),
            "empty": b"",
            "letters": content[:half] + b"\xff{[letters" + content[half:],
        }[example.damage]
    )


def arguments(world: World, example: Example) -> list[str]:
    """What follows `gi-jax` on the command line."""
    run = world.run
    source = os.fspath(world.run if example.source == "run" else world.model)
    if example.relative:
        source, run = (
            f"./{os.path.basename(path)}" if "~" in path else os.path.basename(path)
            for path in (source, os.fspath(run))
        )
    config = f"--config={world.config}"
    overrides = ["model.activation=gelu", "model.gene_encoder_config.graph_aggregation_method=sum"]
    overrides += ["model.local_predictor_config.num_heads=2", f"--genes={world.data / 'genes.txt'}"]
    return {
        "train": ["train", config, f"--out={run}"],
        "train --resume": ["train", "--resume", config, f"--out={run}", "trainer.max_epochs=2"],
        "evaluate": ["evaluate", "--", source],
        "evaluate --genotypes": ["evaluate", f"--genotypes={world.data / 'scores.tsv'}", "--", source],
        "predict": ["predict", "--", source, *ASKED],
        "predict --file": [
            "predict",
            f"--file={world.data / 'ask.tsv'}",
            f"--out={world.output}",
            "--",
            source,
        ],
        "screen": ["screen", f"--out={world.output}", "--top=5", "--", source],
        "inspect": ["inspect", "--", str(world.config)],
        "convert to torch": ["convert", "--", source, str(world.output)],
        "convert to folder": [
            "convert",
            str(world.data / "weights.safetensors"),
            str(world.root / "o" / "model"),
            "model.kind=gene_interaction_dango",  # which no checkpoint tells
            *overrides,
        ],
        "study --list": ["study", f"--config={world.study}", "--list"],
    }[example.command]
