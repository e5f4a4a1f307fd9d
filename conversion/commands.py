"""`gi-jax convert` and `gi-jax verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gi_jax.checks import one_of
from gi_jax.errors import GiJaxError
from gi_jax.options import check_devices, path
from gi_jax.terminal import make_console

if TYPE_CHECKING:
    from conversion.golden import Weights
    from conversion.verify import ArrayResult

CONSOLE = make_console()
PRECISIONS = ("float64", "float32")


def convert(
    source: Annotated[
        Path,
        typer.Argument(help="State dict or checkpoint file, or model folder.", metavar="SRC", parser=path),
    ],
    target: Annotated[
        Path, typer.Argument(help="New model folder, or state dict file.", metavar="DST", parser=path)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="What the checkpoint does not tell, as model.activation=gelu.",
            parser=str,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="torchcell's configuration of the checkpoint (YAML).", metavar="FILE", parser=path),
    ] = None,
    genes: Annotated[
        Path | None,
        typer.Option(help="Gene names, one a line, in the checkpoint's order.", metavar="FILE", parser=path),
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(help="Folder of recorded outputs to compare with.", metavar="DIR", parser=path),
    ] = None,
) -> None:
    """Convert a torchcell checkpoint to a model folder, or a model or run folder to a PyTorch state dict.

    SRC decides the direction: a file (.safetensors, .pt, .pth, .ckpt) or a folder. What gi_jax_export.py
    wrote (see `gi-jax exporter`) becomes a whole model folder, once that predicts what was recorded.
    """
    from conversion.convert import convert as convert_model
    from conversion.golden import GoldenCase, read_meta
    from conversion.resolve import read_config

    check_devices()
    if source.is_dir():
        if overrides or config or genes:
            raise GiJaxError("a model folder has its own configuration and genes; leave these options out")
        options = {}
        if verify is not None:
            read_meta(verify)  # before anything is written
    else:
        options = {"genes": genes, "overrides": overrides or ()}
        if config is not None:
            options["written"] = read_config(config)
        elif verify is not None:  # a recorded case names the constructor's arguments
            options["written"] = GoldenCase.load(verify).written
    result = convert_model(source, target, **options)
    for note in result.notes:
        CONSOLE.print(note)
    CONSOLE.print(f"{source} -> {target}")
    if verify is not None and not _show_case(verify, "float64", brief=False, weights=result.weights):
        raise typer.Exit(1)


def record(
    model: Annotated[
        Path, typer.Argument(help="Folder of a model or of a run.", metavar="MODEL", parser=path)
    ],
    folder: Annotated[Path, typer.Argument(help="New folder of the case.", metavar="DIR", parser=path)],
    genotypes: Annotated[
        list[str] | None,
        typer.Argument(help="Deleted genes, as YAL001C,YBL002W.", metavar="GENOTYPE", parser=str),
    ] = None,
    gradients: Annotated[
        bool, typer.Option("--gradients/--no-gradients", help="Record gradients of a loss too.")
    ] = True,
) -> None:
    """Record what a model computes for some genotypes: a case that `gi-jax verify` compares with later."""
    from conversion.record import record as record_case

    check_devices()
    arrays = record_case(model, folder, genotypes or (), gradients=gradients)
    CONSOLE.print(f"{model} -> {folder}: {arrays} arrays")


def exporter() -> None:
    """Print gi_jax_export.py, which exports a model where torchcell runs: redirect it into a file."""
    import sys
    from importlib.resources import files

    sys.stdout.write(files("conversion").joinpath("gi_jax_export.py").read_text(encoding="utf-8"))


def verify(
    folders: Annotated[
        list[Path], typer.Argument(help="Recorded cases, or folders of them.", metavar="DIR...", parser=path)
    ],
    precision: Annotated[str, typer.Option(help="float64 or float32.", metavar="TYPE")] = "float64",
    brief: Annotated[
        bool, typer.Option("--brief", help="One line a case, and the arrays that fail.")
    ] = False,
) -> None:
    """Compare recorded PyTorch values with this implementation, array by array; exit code 1 unless equal."""
    one_of("--precision", precision, PRECISIONS)
    check_devices()
    cases = [case for folder in folders for case in _cases(folder)]
    if not cases:
        raise GiJaxError(f"{folders[0]}: holds no recorded case; expected a folder with case.json")
    passed = sum(_show_case(case, precision, brief=brief) for case in cases)
    if len(cases) > 1:
        CONSOLE.print(f"{passed} of {len(cases)} cases pass")
    if passed < len(cases):
        raise typer.Exit(1)


def _cases(folder: Path) -> list[Path]:
    if folder.is_file():  # a shell's `golden/*` brings the README along
        CONSOLE.print(f"{folder}: is not a folder, left out")
        return []
    from conversion.golden import read_meta

    inside = sorted(file.parent for file in folder.glob("*/case.json"))
    if inside and not (folder / "case.json").exists():
        return inside
    read_meta(folder)
    return [folder]


def _show_case(folder: Path, precision: str, *, brief: bool, weights: Weights | None = None) -> bool:
    import numpy as np

    from conversion.verify import first_difference, verify_case

    try:
        results = verify_case(folder, getattr(np, precision), weights=weights)
    except GiJaxError as error:
        if weights is not None:  # one case, chosen for this model: a wrong argument, not a failed comparison
            raise
        CONSOLE.print(f"FAIL {folder.name}: {error}", style="red")
        return False
    shown = [result for result in results if not (brief and result.passed)]
    if precision == "float32" and (how := _derived(folder)):
        CONSOLE.print(f"{folder.name}: {how}")
    if shown:
        CONSOLE.print(f"{folder.name} in {precision}: largest error, largest recorded entry, array")
    for result in shown:
        CONSOLE.print(_line(result), style=None if result.passed else "red")
    bad = first_difference(results)
    if bad is None:
        CONSOLE.print(f"PASS {folder.name}: {len(results)} arrays", style="green")
    else:
        failed = sum(not result.passed for result in results)
        CONSOLE.print(
            f"FAIL {folder.name}: {failed} of {len(results)} arrays; the first, in the order of computation, "
            f"is {bad.kind} {bad.name}",
            style="red",
        )
    return bad is None


def _derived(folder: Path) -> str:
    """Where the float32 tolerances of a case come from, if it does not say them itself."""
    from conversion.golden import read_meta

    meta = read_meta(folder)
    if meta["model"] == "loss" or "float32_max_abs_error" in meta:
        return ""
    if (folder / "outputs_f32.npz").exists() and not (folder / "grads.safetensors").exists():
        return "float32 tolerances from its outputs_f32.npz"
    return "float32 tolerances derived from how its values move when every parameter is rounded to float32"


def _line(result: ArrayResult) -> str:
    verdict = "PASS" if result.passed else "FAIL"
    return f"  {verdict}  {result.error:8.1e}  {result.scale:8.1e}  {result.kind} {result.name}"
