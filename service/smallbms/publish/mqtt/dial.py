"""A connected socket for a broker, without ever blocking the loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

DIAL_S = 10.0

Secure = Callable[[socket.socket, str], Awaitable[socket.socket]]  # a plain socket, and whose it is, made secure


async def dial(host: str, port: int, secure: Secure | None = None, *, seconds: float = DIAL_S) -> socket.socket:
    """Return a connected, non-blocking socket; raise OSError (TLS errors are some, too) whose text says why."""
    try:
        async with asyncio.timeout(seconds):
            plain = await _connected(host, port)
            return plain if secure is None else await secure(plain, host)
    except TimeoutError:
        raise TimeoutError(f"{host} port {port} does not answer within {seconds:g} s") from None


async def _connected(host: str, port: int) -> socket.socket:
    """Try each address of the host in turn."""
    loop = asyncio.get_running_loop()
    number, why = 0, f"{host} has no address"
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(connection, address)
            return connection
        except OSError as failed:
            connection.close()
            number = failed.errno or 0
            why = f"port {port} of {address[0]}: {os.strerror(number)}"
        except asyncio.CancelledError:
            connection.close()
            raise
    raise OSError(number, why)
