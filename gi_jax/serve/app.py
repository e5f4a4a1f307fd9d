"""The addresses of the server: what each takes and answers."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

import gi_jax
from gi_jax.errors import GiJaxError
from gi_jax.serve import messages as m
from gi_jax.serve.reference import reference_page
from gi_jax.serve.service import Service
from gi_jax.serve.worker import MOST_GENES, TooBusyError

LOGGER = logging.getLogger(__name__)
PAGE = {"/": ("index.html", "text/html"), "/page.css": ("page.css", "text/css")}
PAGE["/page.js"] = ("page.js", "text/javascript")
_FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": m.Failure, "description": "What is asked for is wrong"},
    503: {"model": m.Failure, "description": "Too much is waiting"},
}
_ABOUT = """Predictions of one trained gene-interaction model. Genes go by any of their names, in any case.
Errors are one sentence under `error`."""
_SENTENCES = {
    400: "the body of the request cannot be read as JSON; /docs says what is expected",
    404: "there is nothing at this address; /docs says what there is",
    405: "this address is asked in another way; /docs says how",
}
_KIND = re.compile(r"^constrained-|\[")
Genotype = Annotated[
    str,
    Query(min_length=1, max_length=80 * MOST_GENES, description="Deleted genes, as `SWR1,SAP30`."),
]
Study = Annotated[str | None, Query(max_length=80, description="On whose scale.")]


def make_app(service: Service) -> FastAPI:
    """The application around a service, whose model it starts and ends."""

    @asynccontextmanager
    async def whole_life(app: FastAPI) -> AsyncIterator[None]:
        service.worker.start()
        yield
        service.close()

    app = FastAPI(
        title=f"gi-jax: a model of kind {service.predictor.fitted.kind}",
        version=gi_jax.__version__,
        description=_ABOUT,
        lifespan=whole_life,
        docs_url=None,
        redoc_url=None,
    )
    _add_answers(app, service)
    _add_pages(app)
    _add_failures(app)
    return app


def _add_answers(app: FastAPI, service: Service) -> None:
    @app.post("/predict", responses=_FAILURES)
    async def predict(asked: m.Asked) -> m.Predictions:
        """Predict the scores of genotypes, in their order."""
        return await service.predict(asked)

    @app.get("/genotype", responses=_FAILURES)
    async def genotype(genes: Genotype, study: Study = None) -> m.AboutGenotype:
        """Predict one genotype, and tell what was measured of it."""
        return await service.genotype(genes, study)

    @app.get("/explain", responses=_FAILURES)
    async def explain(
        genes: Genotype,
        study: Study = None,
        most: Annotated[int, Query(ge=1, le=100, description="Of everything.")] = 10,
    ) -> m.Explanation:
        """Say what carries the prediction of one genotype: sums that are the prediction, and removals."""
        return await service.explain(genes, study, most)

    @app.get("/profile", responses=_FAILURES)
    async def profile(
        gene: Annotated[str, Query(min_length=1, max_length=80, description="Any name of it.")],
        top: Annotated[int, Query(ge=1, le=1000, description="Partners at either end.")] = 15,
        study: Study = None,
    ) -> m.Profile:
        """Predict a gene beside every other one."""
        return await service.profile(gene, top, study)

    @app.get("/genes", responses=_FAILURES)
    async def genes(
        query: Annotated[
            str, Query(min_length=1, max_length=80, description="A name's beginning, or words.")
        ],
        limit: Annotated[int, Query(ge=1, le=200)] = 12,
    ) -> m.Genes:
        """Find genes by the beginning of any name, or by words of their description."""
        return service.find_genes(query, limit)

    @app.get("/model")
    async def model() -> m.About:
        """What the model is, and how far it is to be trusted."""
        return service.about()

    @app.get("/health", responses={503: {"model": m.Health}})
    async def health(response: Response) -> m.Health:
        """Whether the model answers."""
        found = service.health()
        response.status_code = 200 if found.status == "ok" else 503
        return found


def _add_pages(app: FastAPI) -> None:
    """The page for people and the page on these addresses; files are read now, never for a request."""

    def serve(path: str, content: bytes, kind: str) -> None:
        async def page() -> Response:
            return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

        app.get(path, include_in_schema=False)(page)

    folder = files("gi_jax.serve") / "page"
    for path, (name, kind) in PAGE.items():
        serve(path, (folder / name).read_bytes(), kind)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))


def _add_failures(app: FastAPI) -> None:
    """Errors as one sentence of JSON."""

    def answer(status: int, sentence: str, **headers: str) -> JSONResponse:
        return JSONResponse({"error": sentence}, status, headers=headers)

    @app.exception_handler(GiJaxError)
    async def of_input(request: Request, error: GiJaxError) -> JSONResponse:
        return answer(400, str(error))

    @app.exception_handler(TooBusyError)
    async def busy(request: Request, error: TooBusyError) -> JSONResponse:
        return answer(503, str(error), **{"retry-after": "2"})

    @app.exception_handler(RequestValidationError)
    async def of_form(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(422, _sentence(error.errors()))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        sentence = _SENTENCES.get(error.status_code, str(error.detail))
        return answer(error.status_code, sentence, **dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def of_server(request: Request, error: Exception) -> JSONResponse:
        LOGGER.error("a request to %s failed: %s: %s", request.url.path, type(error).__name__, error)
        return answer(500, "the server failed at this request, and its log says how; others are not affected")


def _sentence(errors: Any) -> str:
    """The first thing that is wrong with the form of a request."""
    first = errors[0]
    if first["type"] == "json_invalid":
        where, why = first["loc"][-1], first["ctx"]["error"]
        return f"the body of the request is no JSON: {why} at character {where}; /docs says what is expected"
    # Where a text or a list may stand, the place says which of the two was tried.
    place = [str(part) for part in first["loc"] if part != "body" and not _KIND.search(str(part))]
    where = f"`{'.'.join(place)[:80]}`" if place else "the body of the request"
    more = f"; {len(errors) - 1} more like that" if len(errors) > 1 else ""
    return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:200]}{more}; /docs says what is expected"
