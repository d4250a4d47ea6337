"""A connected socket for a broker, TLS included, without ever blocking the loop."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable

DIAL_S = 10.0


async def dial(host: str, port: int, tls: ssl.SSLContext | None, *, seconds: float = DIAL_S) -> socket.socket:
    """Return a connected, non-blocking socket; raise OSError (TLS errors are some, too) whose text says why."""
    try:
        async with asyncio.timeout(seconds):
            plain = await _connected(host, port)
            return plain if tls is None else await _secured(plain, tls, host)
    except TimeoutError:
        raise TimeoutError(f"{host} port {port} does not answer within {seconds:g} s") from None


async def _connected(host: str, port: int) -> socket.socket:
    """Try each address of the host in turn."""
    loop = asyncio.get_running_loop()
    error: OSError = ConnectionError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(connection, address)
            return connection
        except OSError as failed:
            connection.close()
            error = OSError(failed.errno, f"port {port} of {address[0]}: {os.strerror(failed.errno or 0)}")
        except asyncio.CancelledError:
            connection.close()
            raise
    raise error


async def _secured(plain: socket.socket, tls: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    loop = asyncio.get_running_loop()
    try:
        secure = tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise
    try:
        while True:
            try:
                secure.do_handshake()
                return secure
            except ssl.SSLWantReadError:
                await _ready(secure.fileno(), loop.add_reader, loop.remove_reader)
            except ssl.SSLWantWriteError:
                await _ready(secure.fileno(), loop.add_writer, loop.remove_writer)
    except BaseException:
        secure.close()
        raise


async def _ready(descriptor: int, add: Callable[..., None], remove: Callable[[int], bool]) -> None:
    """Wait until the socket can go on."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ready() -> None:
        if not done.done():
            done.set_result(None)

    add(descriptor, ready)
    try:
        await done
    finally:
        remove(descriptor)
