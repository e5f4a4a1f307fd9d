"""Two hundred combinations of what can be unusual about a command's room, each drawn from its own number."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

# How often each command is drawn; those that train or write a report take seconds, the others tenths.
COMMANDS = {
    "train": 6,
    "train --resume": 6,
    "evaluate": 16,
    "evaluate --genotypes": 18,
    "predict": 35,
    "predict --file": 40,
    "screen": 38,
    "inspect": 4,
    "convert to torch": 16,
    "convert to folder": 12,
    "study --list": 9,
}
NUMBERS = range(sum(COMMANDS.values()))

NAMES = [
    "plain", "[1]", "[!b]", "[lr=0.01]", "graphs=[sparse,dense]", "[", "a\\b", "\\", "*", "?", "#",
    "%s", "$HOME", "&", "{}", "{a}", "${x}", "\\${x}", "a\nb", " a ", " ", "~", "~root", "null", "1.0",
    "1_0", "yes", "Müller", "M\udcfcller", "😀", "x" * 200, "ü" * 127, "-", "--out", "-x", ":x:",
    "[red]", "[bold", "'", '"', "a: b", "- a", "a#b", "!x", "@", "`id`", "=", "a=b", ",", "\x1b[31m",
    "\u202e", "\u2028", "\x7f", ".new-x", ".lock", "...",
]  # fmt: skip
PLACES = ("run", "data", "output", "configuration", "parent")

# How a file of text is written, and whether it is one that has to be read.
TEXTS = {
    "UTF-8": True,
    "byte order mark": True,
    "CRLF": True,
    "CR": True,
    "mixed line ends": True,
    "no last line end": True,
    "UTF-16": False,
    "Latin-1": False,
    "trailing NULs": False,
}
# What is missing or broken around the command, and whether it can do its work nevertheless.
SURROUNDINGS = {
    "as usual": True,
    "no HOME": True,
    "HOME not writable": True,
    "cache folder is a file": True,
    "no locks, errno 37": True,
    "no locks, errno 95": True,
    "no locks, errno 524": True,
    "20 columns": True,
    "standard error closed": True,
    "standard output closed": None,  # a table has to go somewhere
    "standard output broken": None,
    "standard output full": None,
}
OUTPUTS = {
    "new": True,
    "existing": True,
    "folder": False,
    "in a missing folder": False,
    "/proc": False,
    "/dev/full": False,
}
DAMAGES = ("cut", "NULs at the end", "NULs", "empty", "gone", "folder", "letters")
RUN_FILES = (
    "config.yaml", "genes.txt", "labels.json", "networks.json", "split.npz", "metrics.jsonl",
    "evaluation.tsv", "predictions.tsv", "report.html", "report.png", "calibration.json", ".lock",
)  # fmt: skip
MODEL_FILES = ("config.yaml", "genes.txt", "labels.json", "networks.json", "model.safetensors")
DATA_FILES = ("genes.txt", "scores.tsv", "sparse.tsv", "ask.tsv", "weights.safetensors")


@dataclass(frozen=True)
class Example:
    """One combination; `str` says it in full."""

    number: int
    command: str
    name: str
    places: tuple[str, ...]
    relative: bool  # the run is called by its bare name, from the folder it is in
    source: str  # what predicts: a run or a model folder
    text: str  # of the data files
    config_text: str
    surroundings: str
    output: str
    damage: str | None
    damaged: str | None  # `checkpoints/N` is the N-th file under there

    def __str__(self) -> str:
        return ", ".join(f"{field.name}: {getattr(self, field.name)!r}" for field in fields(self))

    @property
    def prints_a_table(self) -> bool:
        return self.command == "predict"

    @property
    def must_work(self) -> bool:
        """Whether nothing that was drawn is a reason to fail."""
        around = SURROUNDINGS[self.surroundings]
        return (
            self.damage is None
            and TEXTS[self.text]
            and TEXTS[self.config_text]
            and (not self.prints_a_table if around is None else around)
            and (OUTPUTS[self.output] or self.command not in ("predict --file", "screen", "convert to torch"))
        )


def draw(number: int) -> Example:
    """The combination of a number, always the same; there are more than the two hundred that are tested."""
    rng = np.random.default_rng([14, number])

    def usually(usual: str, others: object, share: float) -> str:
        return usual if rng.random() < share else str(rng.choice(list(others)))

    commands = [command for command, count in COMMANDS.items() for _ in range(count)]
    command = commands[number % len(commands)]
    new = command in ("train", "inspect", "study --list", "convert to folder")
    source = "run" if command.startswith(("train", "evaluate")) else str(rng.choice(["run", "model"]))
    damage = damaged = None
    if rng.random() < 0.4:
        damage = str(rng.choice(DAMAGES))
        own = {"run": RUN_FILES, "model": MODEL_FILES}[source]
        kind = rng.choice(["data"] if new else ["data", "own", "own", "checkpoints"])
        if kind == "data":
            damaged = f"data/{rng.choice([*DATA_FILES, 'config.yaml'])}"
        elif kind == "own" or source == "model":
            damaged = f"{source}/{rng.choice(own)}"
        else:
            damaged = f"checkpoints/{rng.integers(1000)}"
    example = Example(
        number=number,
        command=command,
        name=NAMES[rng.integers(len(NAMES))],
        places=tuple(place for place in PLACES if rng.random() < 0.5),
        relative=bool(rng.random() < 0.3),
        source=source,
        text=usually("UTF-8", TEXTS, 0.4),
        config_text=usually("UTF-8", TEXTS, 0.5),
        surroundings=usually("as usual", SURROUNDINGS, 0.3),
        output=usually("new", OUTPUTS, 0.4),
        damage=damage,
        damaged=damaged,
    )
    if command != "train" or number % 2:
        return example
    # Others mostly end before the first step; these train, and compare with a training in a plain folder.
    places = tuple(dict.fromkeys((*example.places, "run")))
    return replace(example, places=places, config_text="CRLF", damage=None, damaged=None)
