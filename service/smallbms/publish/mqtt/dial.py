"""A connected socket for a broker, without ever blocking the loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

DIAL_S = 10.0

Secure = Callable[[socket.socket, str], Awaitable[socket.socket]]  # a plain socket, and whose it is, made secure


async def dial(host: str, port: int, secure: Secure | None = None, *, seconds: float = DIAL_S) -> socket.socket:
    """Return a connected, non-blocking socket; raise OSError (TLS errors are some, too) whose text says why.

    Each address of the host has its `seconds`: one that swallows everything does not hide the next.
    """
    why = f"{host} has no address"
    for family, kind, protocol, _, address in await _addresses(host, port, seconds):
        try:
            async with asyncio.timeout(seconds):
                plain = await _connected(socket.socket(family, kind, protocol), address)
                return plain if secure is None else await secure(plain, host)
        except TimeoutError:
            why = f"port {port} of {address[0]} does not answer within {seconds:g} s"
        except OSError as error:
            why = f"port {port} of {address[0]}: {error.strerror or error}"
    raise OSError(why)


async def _addresses(host: str, port: int, seconds: float) -> list[Any]:
    """What the system says where the host is."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise OSError(f"no name server tells the address of {host} within {seconds:g} s") from None
    except ValueError as error:  # it cannot even be asked for: an empty label, one of more than 63 letters
        raise OSError(f"{host} is no host name: {error}") from None


async def _connected(connection: socket.socket, address: Any) -> socket.socket:
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, address)
        return connection
    except OSError as failed:
        connection.close()
        raise OSError(os.strerror(failed.errno or 0)) from None  # asyncio's own text names the address only
    except BaseException:
        connection.close()
        raise
