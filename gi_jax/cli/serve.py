"""`gi-jax serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gi_jax.cli.setting import CONSOLE, ERRORS
from gi_jax.errors import GiJaxError
from gi_jax.options import check_devices, path, whole_number


def serve(
    run: Annotated[Path, typer.Argument(help="Folder of a run or of a model.", metavar="RUN", parser=path)],
    host: Annotated[
        str, typer.Option(help="Address to listen at; this machine alone by default.", parser=str)
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="0 takes a free one.", metavar="INTEGER", parser=whole_number(0))
    ] = 8765,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines ask, nobody needs a password.")
    ] = False,
    name: Annotated[
        list[str] | None,
        typer.Option(help="A name under which others call this machine; may be repeated.", parser=str),
    ] = None,
    genotypes_per_request: Annotated[
        int, typer.Option(help="The most of them.", metavar="INTEGER", parser=whole_number(1))
    ] = 10_000,
    bytes_per_request: Annotated[
        int, typer.Option(help="The most of them.", metavar="INTEGER", parser=whole_number(1))
    ] = 2**20,
) -> None:
    """Answer over HTTP with a model: a page for people at /, the addresses for programs at /docs.

    It listens on this machine alone unless told otherwise, and writes nothing. SIGTERM or Ctrl-C ends it
    once what has begun is answered.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise GiJaxError(
            "`gi-jax serve` needs FastAPI and Uvicorn, which are not installed; run "
            "`pip install 'gi-jax[serve]'`"
        ) from None
    from gi_jax.config.paths import check_files
    from gi_jax.experiment.bundle import CONFIG, load_bundle
    from gi_jax.predict.predictor import Predictor
    from gi_jax.runs.compilation_cache import use_compilation_cache
    from gi_jax.serve.app import make_app
    from gi_jax.serve.facts import read_facts
    from gi_jax.serve.guard import Guard
    from gi_jax.serve.listen import listening_socket, names_of, run_server
    from gi_jax.serve.service import RequestLimits, Service

    place = listening_socket(host, port, allow_remote=allow_remote)  # before seconds of loading
    with place:
        check_devices()
        bundle = load_bundle(run)
        if bundle.graph is None:
            check_files(bundle.config, run / CONFIG, measured=False)
        use_compilation_cache(bundle.config)
        predictor = Predictor(bundle)
        for note in predictor.notes:
            ERRORS.print(note)
        limits = RequestLimits(bytes_per_request, genotypes_per_request)
        service = Service(predictor, read_facts(run, bundle), limits)
        guarded = Guard(
            make_app(service), names_of(host, name or ()), allow_remote, most_bytes=bytes_per_request
        )
        ended_by = run_server(
            guarded, place, lambda url: CONSOLE.print(f"listening at {url}", soft_wrap=True)
        )
    if ended_by is not None:
        ERRORS.print(f"ended by {ended_by.name}")
