"""`gi-jax serve` as its own process, asked by a client of HTTP."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from gi_jax.errors import GiJaxError
from gi_jax.explain.genotype import Explainer
from gi_jax.serve.listen import listening_socket
from tests.serve.conftest import Served, address, end, start

PAIRS = [f"G{i:02},G{j:02}" for i, j in itertools.combinations(range(30), 2)]


def test_predictions_are_those_of_the_model(served: Served) -> None:
    genotypes = [*PAIRS[:50], ["N01", "g02", "G03"], "G04"]
    expected = served.predictor.predict_with_spread(genotypes)
    with served.client() as client:
        found = client.post("/predict", json={"genotypes": genotypes}).json()["predictions"]
    np.testing.assert_allclose([one["prediction"] for one in found], expected.mean, rtol=1e-9)
    np.testing.assert_allclose([one["prediction_std"] for one in found], expected.std, rtol=1e-5)
    assert found[50]["genes"] == ["G01", "G02", "G03"] and found[50]["names"] == ["N01", "N02", "N03"]
    low, high = served.predictor.bundle.confidence.interval(expected.mean, expected.std)
    np.testing.assert_allclose([one["low"] for one in found], low, rtol=1e-5)
    np.testing.assert_allclose([one["high"] for one in found], high, rtol=1e-5)


def test_nothing_is_lost_or_mixed_up_between_many_clients(served: Served) -> None:
    expected = dict(zip(PAIRS, served.predictor.predict(PAIRS).tolist(), strict=True))

    async def one_client(number: int) -> int:
        rng, right = np.random.default_rng(number), 0
        async with httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=60) as client:
            for _ in range(10):
                mine = [PAIRS[k] for k in rng.integers(0, len(PAIRS), rng.integers(1, 6))]
                answer = await client.post("/predict", json={"genotypes": mine})
                found = answer.json()["predictions"]
                assert [",".join(one["genes"]) for one in found] == mine
                wanted = [expected[genotype] for genotype in mine]
                np.testing.assert_allclose([one["prediction"] for one in found], wanted, rtol=1e-9)
                right += 1
        return right

    async def all_clients() -> list[int]:
        return await asyncio.gather(*(one_client(number) for number in range(50)))

    assert asyncio.run(all_clients()) == [10] * 50


def test_a_genotype_comes_with_what_was_measured(served: Served, small_world: Path) -> None:
    lines = (small_world / "scores.tsv").read_text().splitlines()[1:]
    genes, score = lines[7].split("\t")
    with served.client() as client:
        found = client.get("/genotype", params={"genes": genes}).json()
    assert found["measured"] == [{"study": "scores", "score": pytest.approx(float(score))}]
    measured = {frozenset(line.split("\t")[0].split(",")) for line in lines}
    unmeasured = next(pair for pair in PAIRS if frozenset(pair.split(",")) not in measured)
    with served.client() as client:
        assert client.get("/genotype", params={"genes": unmeasured}).json()["measured"] == []


def test_an_explanation_adds_up_to_the_prediction(served: Served) -> None:
    with served.client() as client:
        found = client.get("/explain", params={"genes": "n03,G04", "most": 2}).json()
        wrong = client.get("/explain", params={"genes": "G03,XX"})
    expected = Explainer(served.predictor).explain("G03,G04", most=2).to_dict()
    for one, other in zip(found["sums"], expected["sums"], strict=True):
        assert sum(term["value"] for term in one["terms"]) == pytest.approx(found["prediction"], rel=1e-6)
        assert [term["name"] for term in one["terms"]] == [term["name"] for term in other["terms"]]
    training = [term for term in found["sums"][1]["terms"] if term["kind"] == "genotype"]
    assert len(training) == 2 and all(term["measured"] is not None for term in training)
    for one, other in zip(found["similar"], expected["similar"], strict=True):
        assert (one["gene"], one["other"]) == (other["gene"], other["other"])
        assert one["shares"] == pytest.approx(other["shares"])
    assert wrong.status_code == 400 and "`XX`" in wrong.json()["error"]


def test_a_profile_is_that_of_all_pairs(served: Served, small_world: Path) -> None:
    others = [f"G{i:02}" for i in range(30) if i != 5]
    expected = dict(zip(others, served.predictor.predict([["G05", other] for other in others]), strict=True))
    with served.client() as client:
        found = client.get("/profile", params={"gene": "n05", "top": 4}).json()
    ranked = sorted(expected, key=expected.__getitem__)
    assert [one["gene"] for one in found["lowest"]] == ranked[:4]
    assert [one["gene"] for one in found["highest"]] == ranked[::-1][:4]
    assert sum(found["counts"]) == found["partners"] == 29
    scores = dict(line.split("\t") for line in (small_world / "scores.tsv").read_text().splitlines()[1:])
    for one in (*found["lowest"], *found["highest"]):
        assert one["prediction"] == pytest.approx(expected[one["gene"]])
        known = [scores[key] for key in (f"G05,{one['gene']}", f"{one['gene']},G05") if key in scores]
        assert one["measured"] == (pytest.approx(float(known[0])) if known else None)


def test_what_the_model_is(served: Served) -> None:
    with served.client() as client:
        about, health = client.get("/model").json(), client.get("/health")
        names = client.get("/genes", params={"query": "n1", "limit": 3}).json()
        pages = {path: client.get(path) for path in ("/", "/docs", "/page.js", "/page.css")}
        described = client.get("/openapi.json").json()
    assert about["kind"] == "pair_kernel" and about["genes"] == 30 and about["measured"] == 100
    assert about["interval"]["factor"] == pytest.approx(served.predictor.bundle.confidence.factor)
    assert health.status_code == 200 and health.json()["status"] == "ok"
    assert [one["name"] for one in names["genes"]] == ["N10", "N11", "N12"] and names["found"] == 10
    for page in pages.values():
        assert page.status_code == 200 and "script-src 'self'" in page.headers["content-security-policy"]
        assert "http://" not in page.text.replace("http://www.w3.org/2000/svg", "").replace(
            "http://localhost:PORT", ""
        )
        assert "https://" not in page.text
    for path in described["paths"]:
        assert f" {path}</code>" in pages["/docs"].text
    assert {"/predict", "/genes", "/model", "/health"} <= set(described["paths"])


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"genotypes": ["G00,XX"]}, 400, "gene `XX` is not among the 30 genes"),
        ({"genotypes": ["G00,G00"]}, 400, "stands twice"),
        ({"genotypes": [",".join(f"G{i:02}" for i in range(11))]}, 400, "has 11 genes, expected at most 10"),
        ({"genotypes": ["G00,G01"] * 10_001}, 400, "10,001 genotypes, expected at most 10,000"),
        ({"genotypes": []}, 422, "`genotypes`: list should have at least 1 item"),
        ({"genotypes": [["G00", 3]]}, 422, "`genotypes.0"),
        ({"genotypes": ["G00"], "path": "/etc/passwd"}, 422, "`path`: extra inputs are not permitted"),
        ({}, 422, "`genotypes`: field required"),
        (b"{", 422, "no JSON"),
        (b"[" * 100_000, 400, "cannot be read as JSON"),
        (b"\x80\x04N.", 400, "cannot be read as JSON"),
        (b"\0" * (2**20 + 1), 413, "longer than 1,048,576 bytes"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    served: Served, body: dict | bytes, status: int, sentence: str
) -> None:
    with served.client() as client:
        if isinstance(body, bytes):
            answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
        else:
            answer = client.post("/predict", json=body)
        assert (answer.status_code, *answer.json()) == (status, "error")
        said = answer.json()["error"]
        assert sentence in said and "\n" not in said and len(said) < 400
        assert client.get("/health").json() == {"status": "ok", "waiting": 0}


def test_a_body_without_a_length_is_counted(served: Served) -> None:
    with served.client() as client:
        chunks = (b" " * 2**16 for _ in range(20))
        answer = client.post("/predict", content=chunks, headers={"content-type": "application/json"})
    assert answer.status_code == 413 and "longer than" in answer.json()["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:1"}, 200),
        ({"host": "[::1]:99"}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": "192.168.1.5"}, 421),
        ({"host": "["}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_pages_of_others_may_not_ask(served: Served, headers: dict[str, str], status: int) -> None:
    with served.client() as client:
        assert client.get("/health", headers=headers).status_code == status
        own = {"origin": served.url}
        assert client.get("/health", headers=own).status_code == 200


def test_other_addresses_hold_nothing(served: Served) -> None:
    with served.client() as client:
        for path in ("/config.yaml", "/page/../guard.py", "/%2e%2e/config.yaml", "//etc/passwd", "/redoc"):
            answer = client.get(path)
            assert answer.status_code == 404 and "/docs" in answer.json()["error"], path
        assert client.get("/predict").status_code == 405


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_other_machines_reach_it_only_if_told_so(host: str) -> None:
    if not host:
        with listening_socket(host, 0, allow_remote=False) as place:
            assert place.getsockname()[0] == "127.0.0.1"
        return
    with pytest.raises(GiJaxError, match="add --allow-remote"):
        listening_socket(host, 0, allow_remote=False)
    try:
        place = listening_socket(host, 0, allow_remote=True)
    except GiJaxError as error:
        assert host == "::", error  # a machine without IPv6
        return
    place.close()


def test_an_address_that_is_not_to_be_had_is_named(
    gi_jax: Callable[..., tuple], served: Served, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, said = gi_jax("serve", served.folder, "--port", taken.getsockname()[1])
    assert code == 2 and "cannot listen at 127.0.0.1 port" in said
    code, _, said = gi_jax("serve", served.folder, "--host", "no.such.host.invalid")
    assert code == 2 and "no such address" in said
    code, _, said = gi_jax("serve", served.folder, "--port", 70_000)
    assert code == 2 and "--port 70000: no such port" in said
    code, _, said = gi_jax("serve", tmp_path, "--port", 0)
    assert code == 2 and "holds no config.yaml" in said


def test_without_its_extra_it_says_how_to_get_it(
    gi_jax: Callable[..., tuple], served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    code, _, said = gi_jax("serve", served.folder, "--port", 0)
    assert code == 2 and "pip install 'gi-jax[serve]'" in " ".join(said.split())


def test_it_ends_when_told_to_and_answers_first(served: Served) -> None:
    process = start(served.folder, "--genotypes-per-request", "435")
    try:
        url = address(process)
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            answer = client.post("/predict", json={"genotypes": PAIRS})
            assert len(answer.json()["predictions"]) == len(PAIRS) == 435
            assert client.post("/predict", json={"genotypes": [*PAIRS, "G00"]}).status_code == 400
            began = time.monotonic()
            code, errors = end(process, signal.SIGINT)
        assert code == 0 and "ended by SIGINT" in errors and "Traceback" not in errors
        assert time.monotonic() - began < 10
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
