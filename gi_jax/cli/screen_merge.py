"""`gi-jax screen-merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import ERRORS
from gi_jax.errors import GiJaxError
from gi_jax.files import check_writable
from gi_jax.options import check_devices, path


def screen_merge(
    run: Annotated[
        Path, typer.Argument(help="The run or model that was screened.", metavar="RUN", parser=path)
    ],
    shards: Annotated[
        list[Path],
        typer.Argument(
            help="The files of all shards, such as pairs.tsv.shard-1-of-8.", metavar="SHARD", parser=path
        ),
    ],
    out: Annotated[Path, typer.Option(help="Table to write.", metavar="FILE", parser=path)],
    study: Annotated[
        str | None,
        typer.Option(
            help="On whose scale, for a model with one scale per study.", metavar="NAME", parser=str
        ),
    ] = None,
) -> None:
    """Put the shards of a screen together: the table that one screen of all genotypes would have written."""
    from gi_jax.config.paths import check_files
    from gi_jax.experiment.bundle import CONFIG, load_bundle
    from gi_jax.predict.predictor import Predictor
    from gi_jax.predict.screening.merge import MergedScreen
    from gi_jax.runs.compilation_cache import use_compilation_cache
    from gi_jax.runs.measured import RunData
    from gi_jax.runs.screen_table import screen_table, write_table

    check_writable(out)
    merged = MergedScreen(shards)
    check_devices()
    bundle = load_bundle(run)
    if bundle.graph is None:
        check_files(bundle.config, run / CONFIG, measured=False)
    use_compilation_cache(bundle.config)
    data = None
    try:
        data = RunData(run, bundle)
    except GiJaxError as error:
        ERRORS.print(f"note: the result will lack what was measured and what depends on it: {error}")
    predictor = Predictor(bundle)
    merged.check(predictor, study)
    found = merged.found()
    write_table(screen_table(predictor, found, data, study=study), out)
    ERRORS.print(f"{len(found.score):,} of {merged.num_genotypes:,} predictions in {out}")
