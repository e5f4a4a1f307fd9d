"""`gi-jax screen`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import ERRORS, exit_after
from gi_jax.errors import GiJaxError
from gi_jax.files import check_writable, write_text
from gi_jax.options import any_number, check_devices, path, whole_number


def screen(
    run: Annotated[Path, typer.Argument(help="Folder of a run or of a model.", metavar="RUN", parser=path)],
    out: Annotated[Path, typer.Option(help="Table to write.", metavar="FILE", parser=path)],
    genes: Annotated[
        Path | None,
        typer.Option(
            help="Genes to combine, one a line; all of the model by default.", metavar="FILE", parser=path
        ),
    ] = None,
    measured_genes: Annotated[
        bool, typer.Option("--measured-genes", help="Combine only genes that the run's data delete.")
    ] = False,
    size: Annotated[
        int,
        typer.Option(help="Deleted genes per genotype.", metavar="INTEGER", parser=whole_number(None)),
    ] = 2,
    including: Annotated[
        str,
        typer.Option(help="Genes that every genotype has, as YAL001C,YBL002W.", metavar="GENES", parser=str),
    ] = "",
    top: Annotated[
        int,
        typer.Option(
            help="How many of the lowest and of the highest scores to keep.",
            metavar="INTEGER",
            parser=whole_number(None),
        ),
    ] = 1000,
    measured: Annotated[
        bool, typer.Option("--measured", help="Add what the run's data measured of these genotypes.")
    ] = False,
    unmeasured: Annotated[
        bool, typer.Option("--unmeasured", help="Leave out what the run's data measured.")
    ] = False,
    below: Annotated[
        float | None, typer.Option(help="Keep scores of this or less.", metavar="NUMBER", parser=any_number)
    ] = None,
    above: Annotated[
        float | None, typer.Option(help="Keep scores of this or more.", metavar="NUMBER", parser=any_number)
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            help="On whose scale, for a model with one scale per study.", metavar="NAME", parser=str
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="32, or bf16: faster, to about three digits.", metavar="KIND")
    ] = "32",
) -> None:
    """Predict all genotypes of some genes and keep the most extreme scores.

    Of genes that no training genotype deletes a model knows their networks alone, and predicts them far
    less well: --measured-genes leaves them out.

    The result is a table with the columns `genes`, `prediction` and `names`, lowest first; for a model with
    standard deviations also `prediction_std`, `low` and `high`, as `predict` has them; with --measured
    `measured`, the mean of the measured scores, empty where there is none. With --unmeasured, --below and
    --above the list holds such genotypes only; with both ends, those beyond either. Ctrl-C or SIGTERM ends
    early with what has been found so far, and exit code 130 or 143.
    """
    import numpy as np

    from gi_jax.cli.score_table import score_table
    from gi_jax.cli.screening import gene_set, measured_scores, run_shown, sigterm_as_interrupt
    from gi_jax.config.paths import check_files
    from gi_jax.data.gene_list import load_gene_list
    from gi_jax.experiment.bundle import CONFIG, load_bundle
    from gi_jax.experiment.experiment import load_measured
    from gi_jax.predict.predictor import Predictor
    from gi_jax.predict.screen import Screen
    from gi_jax.runs.compilation_cache import use_compilation_cache
    from gi_jax.runs.resume import check_same_scores

    check_writable(out)  # before hours of work
    check_devices()
    bundle = load_bundle(run)
    if bundle.graph is None:
        check_files(bundle.config, run / CONFIG, measured=False)
    use_compilation_cache(bundle.config)
    if genes is not None and measured_genes:
        raise GiJaxError("--genes and --measured-genes both say which genes to combine; give one of the two")
    names, known, table = None if genes is None else load_gene_list(genes).ids, {}, None
    if measured or measured_genes or unmeasured:
        check_files(bundle.config, run / CONFIG)
        table, _, _ = load_measured(bundle.config, bundle.genes)
        check_same_scores(run, table)
        if measured:
            own = study in table.studies
            shown = table.take(table.study == table.studies.index(study)) if own else table
            known = measured_scores(shown)
        if measured_genes:
            names = bundle.genes.names(np.unique(table.genes))
    fixed = bundle.genes.split(including) if including.strip(" ,") else []
    for note in bundle.genes.notes((*fixed, *(names or ()))):
        ERRORS.print(f"note: {note}")
    predictor = Predictor(bundle, precision=precision)
    for note in predictor.notes:
        ERRORS.print(note)
    work = Screen(
        predictor,
        names,
        size=size,
        including=fixed,
        top=top,
        study=study,
        leave_out=table if unmeasured else None,
        below=below,
        above=above,
    )
    ERRORS.print(f"{work.num_genotypes:,} genotypes of {size} genes to predict")
    with sigterm_as_interrupt() as received:
        done = run_shown(work, ERRORS)
    found = work.found()
    more = {}
    if measured:
        more["measured"] = [known.get(gene_set(genotype, len(bundle.genes))) for genotype in found.genes]
    write_text(out, score_table(bundle.genes, found.genes, found.score, found.std, bundle.confidence, more))
    if done < work.num_genotypes:
        ERRORS.print(f"stopped after {done:,} genotypes; the extremes of these are in {out}")
        raise exit_after(received[0] if received else signal.SIGINT)
    ERRORS.print(f"{len(found.score):,} of {done:,} predictions in {out}")
