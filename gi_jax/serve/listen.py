"""Where the server listens, and how it begins and ends."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from gi_jax.errors import GiJaxError

LOGGER = logging.getLogger(__name__)
LAST_PORT = 65_535
GRACE = 10  # seconds that requests have to end in when the server does


def listening_socket(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """A socket that listens at an address; port 0 takes a free one.

    Raises:
      GiJaxError: no such host, the port is taken or not to be had, or others than this machine could reach
        it and nobody said that they may.
    """
    if not 0 <= port <= LAST_PORT:  # a larger one would be taken for what is left of it after division
        raise GiJaxError(f"--port {port}: no such port; expected a number from 0 to {LAST_PORT:,}")
    try:
        found = socket.getaddrinfo(
            host or "127.0.0.1", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError, OverflowError) as error:
        raise GiJaxError(f"--host {host} --port {port}: no such address ({error}); try 127.0.0.1") from None
    family, _, _, _, address = found[0]
    outside = [place[4][0] for place in found if not is_loopback(str(place[4][0]))]
    if outside and not allow_remote:
        raise GiJaxError(
            f"--host {host} is {outside[0]}, where other machines reach the server, which asks nobody for a "
            "password; add --allow-remote if they may, or leave --host out"
        )
    try:
        return socket.create_server(address[:2], family=family, backlog=512)
    except (OSError, OverflowError) as error:
        raise GiJaxError(
            f"the server cannot listen at {host} port {port} ({error}); name another port, or --port 0 for "
            "any that is free"
        ) from None


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address in figures."""
    return ipaddress.ip_address(address.split("%")[0]).is_loopback


def run_server(app: Any, place: socket.socket, started: Callable[[str], None]) -> signal.Signals | None:
    """Answers until SIGTERM or Ctrl-C, then ends what has begun, for at most `GRACE` seconds.

    Args:
      app: an ASGI application.
      place: where it listens.
      started: is told the address once the server answers.

    Returns:
      The signal that ended it.

    Raises:
      GiJaxError: it did not start.
    """
    import uvicorn

    received: list[signal.Signals] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                started(url_of(place))

    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
    )
    # The server raises its signals once more when it has ended; these handlers take them then.
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    server = Server(settings)
    try:
        server.run(sockets=[place])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not server.started:
        raise GiJaxError("the server did not start, and its messages say why; mend that and start it again")
    return received[0] if received else None


def url_of(place: socket.socket) -> str:
    """The address that a browser takes."""
    host, port = place.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


def names_of(host: str, names: Sequence[str]) -> tuple[str, ...]:
    """Names under which requests may come: the host itself, and those that were given."""
    return tuple(name for name in (host, *names) if name)
