"""`gi-jax explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import ERRORS
from gi_jax.files import check_writable, write_text
from gi_jax.options import check_devices, path, whole_number


def explain(
    run: Annotated[Path, typer.Argument(help="Folder of a run or of a model.", metavar="RUN", parser=path)],
    genotype: Annotated[
        str,
        typer.Argument(
            help="Deleted genes, as YAL001C,YBL002W or SWR1,SAP30.", metavar="GENOTYPE", parser=str
        ),
    ],
    most: Annotated[
        int,
        typer.Option(help="How many of everything to list.", metavar="INTEGER", parser=whole_number(1)),
    ] = 10,
    study: Annotated[
        str | None,
        typer.Option(
            help="On whose scale, for a model with one scale per study.", metavar="NAME", parser=str
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write it here as JSON.", metavar="FILE", parser=path)
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw it here, .png, .svg or .pdf.", metavar="FILE", parser=path),
    ] = None,
) -> None:
    """Say what carries the prediction of one genotype.

    Sums that add up to it exactly: of a pair_kernel model over networks and features, over training
    genotypes and over their genes; of a neural model over its paths; of others over their terms. And what a
    neural model's prediction loses without a network, an edge, a neighbour or features, predicted again.
    """
    from json import dumps

    from gi_jax.config.paths import check_files
    from gi_jax.errors import GiJaxError
    from gi_jax.experiment.bundle import CONFIG, load_bundle
    from gi_jax.explain.genotype import Explainer
    from gi_jax.explain.words import lines_of
    from gi_jax.predict.predictor import Predictor
    from gi_jax.runs.compilation_cache import use_compilation_cache
    from gi_jax.runs.known_scores import known_scores

    for out in (json, picture):
        if out is not None:
            check_writable(out)
    endings = (".png", ".svg", ".pdf")
    if picture is not None and picture.suffix.lower() not in endings:
        raise GiJaxError(f"--picture {picture}: expected a name that ends in {', '.join(endings)}")
    check_devices()
    bundle = load_bundle(run)
    if bundle.graph is None:
        check_files(bundle.config, run / CONFIG, measured=False)
    use_compilation_cache(bundle.config)
    for note in bundle.genes.notes(bundle.genes.split(genotype)):
        ERRORS.print(f"note: {note}")
    found = Explainer(Predictor(bundle), known_scores(run, bundle)).explain(genotype, study, most)
    sys.stdout.write("\n".join(lines_of(found)) + "\n")
    sys.stdout.flush()
    if json is not None:
        write_text(json, dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")
        ERRORS.print(f"in numbers: {json}")
    if picture is not None:
        from gi_jax.report.neighbourhood import draw_explanation

        draw_explanation(found, picture)
        ERRORS.print(f"as a picture: {picture}")
