"""`gi-jax screen`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import ERRORS, exit_after
from gi_jax.errors import GiJaxError
from gi_jax.files import check_writable
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
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Predict these genotypes only: a table with a column `genes`.", metavar="FILE", parser=path
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            help="Cross these query strains, one a line, one gene or more each, to --arrays.",
            metavar="FILE",
            parser=path,
        ),
    ] = None,
    arrays: Annotated[
        Path | None,
        typer.Option(help="Genes to cross the --queries to, one a line.", metavar="FILE", parser=path),
    ] = None,
    essential: Annotated[
        bool | None,
        typer.Option(
            "--essential/--nonessential",
            help="Combine only genes that no deletion strain can lack, or only others.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Combine only genes that the gene table says this of: status=Verified, description~kinase.",
            metavar="CONDITION",
            parser=str,
        ),
    ] = None,
    gene_table: Annotated[
        list[Path] | None,
        typer.Option(
            help="Further columns for --where: a table with a column `gene`.", metavar="FILE", parser=path
        ),
    ] = None,
    measured_genes: Annotated[
        bool, typer.Option("--measured-genes", help="Combine only genes that the run's data delete.")
    ] = False,
    size: Annotated[
        int | None,
        typer.Option(
            help="Deleted genes per genotype, 2 by default.", metavar="INTEGER", parser=whole_number(None)
        ),
    ] = None,
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
        bool, typer.Option("--measured", help="Insist on what the run's data measured of these genotypes.")
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
    every: Annotated[
        Path | None,
        typer.Option(
            "--all", help="Write all predictions too, as Parquet files.", metavar="FOLDER", parser=path
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a screen that was ended, killed included.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Do one of several parts, such as 2/8, which `screen-merge` puts together.",
            metavar="I/N",
            parser=str,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write screen.html, gene sets, plates and files for Cytoscape and TreeView there too.",
            metavar="FOLDER",
            parser=path,
        ),
    ] = None,
    gene_sets: Annotated[
        list[str] | None,
        typer.Option(
            help="Of the page: sets of genes as GMT, GAF or a table; go_process by default.",
            metavar="FILE",
            parser=str,
        ),
    ] = None,
    wells: Annotated[
        int | None,
        typer.Option(
            help="Of the page: wells of a plate, 96 or 384.", metavar="INTEGER", parser=whole_number(None)
        ),
    ] = None,
    crosses: Annotated[
        int | None,
        typer.Option(
            help="Of the page: how many crosses to lay out, 192 by default.",
            metavar="INTEGER",
            parser=whole_number(1),
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="32, or bf16: faster, to about three digits.", metavar="KIND")
    ] = "32",
) -> None:
    """Predict all genotypes of some genes and keep the most extreme scores.

    Of genes that no training genotype deletes a model knows their networks alone, and predicts them far
    less well: --measured-genes leaves them out.

    The result is a table, lowest scores first, as text with tabs or, for a name that ends in .parquet, as
    Parquet; docs/screens.md lists its columns. With --unmeasured, --below and --above it holds such genotypes
    only; with both ends, those beyond either. --essential, --where and their like choose among the genes to
    combine, the array genes, or the genotypes of --pairs.

    Every few seconds the screen writes down how far it is, in FILE.state. Ctrl-C or SIGTERM ends early with
    what has been found so far, and exit code 130 or 143; --resume goes on, after kill -9 too.
    """
    from gi_jax.cli.screen_page import check_countable, order_page, write_page
    from gi_jax.cli.screening import (
        Asked,
        check_one_source,
        conditions,
        described,
        genotypes_asked_for,
        run_shown,
        shard_of,
        sigterm_as_interrupt,
        state_file,
    )
    from gi_jax.config.paths import check_files
    from gi_jax.experiment.bundle import CONFIG, load_bundle
    from gi_jax.predict.predictor import Predictor
    from gi_jax.predict.screen import Screen
    from gi_jax.runs.compilation_cache import use_compilation_cache
    from gi_jax.runs.measured import RunData
    from gi_jax.runs.screen_table import screen_table, write_table

    part = None if shard is None else shard_of(shard)
    state = state_file(out, part)
    for file in (out, state):
        if file is not None:
            check_writable(file)  # before hours of work
    check_devices()
    bundle = load_bundle(run)
    if bundle.graph is None:
        check_files(bundle.config, run / CONFIG, measured=False)
    use_compilation_cache(bundle.config)
    page = order_page(report, run, bundle.genes, gene_sets, wells, crosses, ERRORS, shard=part is not None)
    met = conditions(where or (), essential)
    asked = Asked(genes, None, including, pairs, queries, arrays, met, gene_table or ())
    check_one_source(asked, measured_genes, size)
    data = None
    try:
        data = RunData(run, bundle)
    except GiJaxError as error:
        if measured or measured_genes or unmeasured:
            raise
        ERRORS.print(f"note: the result will lack what was measured and what depends on it: {error}")
    if measured_genes and data is not None:
        asked = asked._replace(measured=data.genes)
    genotypes = genotypes_asked_for(asked, bundle.genes, size, ERRORS)
    predictor = Predictor(bundle, precision=precision)
    for note in predictor.notes:
        ERRORS.print(note)
    work = Screen(
        predictor,
        **genotypes,
        top=top,
        study=study,
        leave_out=data.table if unmeasured and data is not None else None,
        below=below,
        above=above,
        shard=part or (1, 1),
        all_to=every,
    )
    if page is not None:
        check_countable(work)
    if state is not None:
        work.keep_state(state, resume=resume)
    ERRORS.print(described(work))
    with sigterm_as_interrupt() as received:
        done = run_shown(work, ERRORS)
    found = work.found()
    if part is None:
        table = screen_table(predictor, found, data, study=study)
        write_table(table, out)
        if page is not None and done == work.num_genotypes:
            write_page(page, work, table, run, data, study, unmeasured=unmeasured, console=ERRORS)
    if done < work.num_genotypes:
        kept = f"the extremes of these are in {out}; " if part is None else ""
        ERRORS.print(f"stopped after {done:,} genotypes; {kept}--resume goes on")
        if page is not None:
            ERRORS.print("the page is made when the screen comes to its end")
        raise exit_after(received[0] if received else signal.SIGINT)
    if part is not None:
        ERRORS.print(f"{done:,} predictions of shard {shard} in {state}")
    else:
        ERRORS.print(f"{len(found.score):,} of {done:,} predictions in {out}")
        if state is not None:
            state.unlink(missing_ok=True)
