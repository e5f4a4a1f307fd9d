"""`gi-jax predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import ERRORS
from gi_jax.errors import GiJaxError
from gi_jax.files import check_writable, write_text
from gi_jax.options import check_devices, path
from gi_jax.terminal import Listener


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run or of a model.", metavar="RUN", parser=path)],
    genotypes: Annotated[
        list[str] | None,
        typer.Argument(
            help="Deleted genes, as YAL001C,YBL002W or SWR1,SAP30.", metavar="GENOTYPE", parser=str
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Table with a column `genes`, one genotype a row.", metavar="FILE", parser=path),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the table here, not to the terminal.", metavar="FILE", parser=path),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            help="On whose scale, for a model with one scale per study.", metavar="NAME", parser=str
        ),
    ] = None,
    norm_statistics: Annotated[
        str | None,
        typer.Option(help="batch, genotype or node; as the model wants it by default.", metavar="KIND"),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="32, or bf16: faster, to about three digits.", metavar="KIND")
    ] = "32",
) -> None:
    """Predict the interaction scores of genotypes.

    Genes go by systematic name, standard name or alias, in upper or lower case. The result is a table with
    the columns `genes`, `prediction` and `names`, what people call the genes; for an ensemble also
    `prediction_std`, the standard deviation over its members, for a pair_kernel model that of a measurement;
    and the ends `low` and `high` of the interval in which nine of ten measurements of the validation
    genotypes lie.
    """
    from dataclasses import replace

    from gi_jax.cli.score_table import score_table
    from gi_jax.config.paths import check_files
    from gi_jax.data.formats.genotype_files import genotypes_from_names, load_query_genotypes
    from gi_jax.experiment.bundle import CONFIG, load_bundle
    from gi_jax.predict.predictor import Predictor
    from gi_jax.runs.compilation_cache import use_compilation_cache

    if bool(genotypes) == (file is not None):
        raise GiJaxError(
            "give genotypes such as YAL001C,YBL002W, or a table of them with --file, one of the two"
        )
    if out is not None:
        check_writable(out)
    check_devices()
    bundle = load_bundle(run)
    if bundle.graph is None:
        check_files(bundle.config, run / CONFIG, measured=False)
    use_compilation_cache(bundle.config)
    predictor = Predictor(bundle, norm_statistics=norm_statistics, precision=precision)
    if file is not None:
        table, report = load_query_genotypes(bundle.genes, file)
        ERRORS.print(str(report))  # stdout is for the table
    else:
        table = genotypes_from_names(bundle.genes, genotypes or ())
        for note in bundle.genes.notes(name for text in genotypes or () for name in bundle.genes.split(text)):
            ERRORS.print(f"note: {note}")
    for note in predictor.notes:
        ERRORS.print(note)
    scores = predictor.score_table(table if study is None else replace(table, studies=(study,)))
    text = score_table(bundle.genes, table.genes, scores.mean, scores.std, bundle.confidence)
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        if isinstance(sys.stdout, Listener) and sys.stdout.gone:
            raise GiJaxError("the standard output did not take the table; write it to a file with --out FILE")
    else:
        write_text(out, text)
        ERRORS.print(f"{len(table):,} predictions in {out}")
