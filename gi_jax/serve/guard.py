"""What stands before the application: who may ask, under which name, and how much may be sent."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

# The page loads its own files and asks its own server; nothing else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guard:
    """An ASGI application around another one.

    A page of somebody else that a browser shows may send requests to this server: under a name of its own
    that it points to the server's address (DNS rebinding), or with its own origin. Both are refused. Names
    of hosts are compared; an address in figures cannot be rebound, and is refused only where it is not a
    loopback address and the server is for this machine alone.

    Args:
      app: the application.
      names: of this server, beside `localhost`.
      remote: whether it may be asked under addresses that are not those of this machine alone.
      most_bytes: of a body.
    """

    def __init__(self, app: Any, names: Iterable[str] = (), remote: bool = False, *, most_bytes: int) -> None:
        self.app, self.remote, self.most_bytes = app, remote, most_bytes
        self.names = {"localhost", *(name.lower().rstrip(".") for name in names)}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answers one connection of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {key.lower(): value.decode("latin-1") for key, value in scope["headers"]}
        host = headers.get(b"host", "")
        origin = headers.get(b"origin")
        length = headers.get(b"content-length", "0")
        if not self._is_own(host):
            await _refuse(
                send,
                421,
                f"the request is for the host `{host[:80]}`, which is no name of this server; use its "
                "address, or start it with --name",
            )
        elif origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            await _refuse(
                send, 403, f"the request comes from a page of `{origin[:80]}`; only this server's own may ask"
            )
        elif length.isdigit() and int(length) > self.most_bytes:
            await _refuse(send, 413, self._too_long())
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        received = 0

        async def counted() -> Any:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most_bytes:
                raise HTTPException(413, self._too_long(), {"connection": "close"})
            return message

        async def with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        await self.app(scope, counted, with_headers)

    def _too_long(self) -> str:
        limit = f"{self.most_bytes:,} bytes"
        return f"the body of the request is longer than {limit}; send fewer genotypes at a time"

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        name = name.rstrip(".")
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self.names
        return self.remote or address.is_loopback or name in self.names


async def _refuse(send: Any, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # what the client still sends is not read
        *_HEADERS,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
