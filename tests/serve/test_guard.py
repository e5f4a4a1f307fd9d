"""Under which names a server may be asked."""

from __future__ import annotations

import asyncio

import pytest

from gi_jax.serve.guard import Guard
from gi_jax.serve.listen import is_loopback, names_of


def status_of(guard: Guard, host: str) -> int:
    """What the guard, or the application behind it, answers."""
    sent = []

    async def receive() -> dict:
        return {"type": "http.request", "body": b""}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"host", host.encode())], "path": "/"}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"]


async def behind(scope: dict, receive: object, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("host", "here", "remote"),
    [
        ("127.0.0.1:8765", 200, 200),
        ("[::1]:8765", 200, 200),
        ("localhost", 200, 200),
        ("LOCALHOST.:80", 200, 200),
        ("10.1.2.3:8765", 421, 200),
        ("[fe80::1]", 421, 200),
        ("lab.example:8765", 421, 200),
        ("other.example", 421, 421),
        ("lab.example.evil.example", 421, 421),
        ("", 421, 421),
    ],
)
def test_only_its_own_names_and_addresses(host: str, here: int, remote: int) -> None:
    assert status_of(Guard(behind, names_of("127.0.0.1", ()), most_bytes=9), host) == here
    named = names_of("0.0.0.0", ["lab.example"])
    assert status_of(Guard(behind, named, remote=True, most_bytes=9), host) == remote


def test_which_addresses_are_those_of_this_machine() -> None:
    assert is_loopback("127.0.0.5") and is_loopback("::1")
    assert not is_loopback("0.0.0.0") and not is_loopback("::") and not is_loopback("fe80::1%eth0")
