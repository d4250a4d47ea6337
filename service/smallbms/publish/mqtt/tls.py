"""TLS to a broker: whom we trust, and the handshake, without blocking the loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from smallbms.config_tables import MqttTable
from smallbms.errors import ConfigError


class Tls:
    """Makes the sockets of one broker secure. Raises ConfigError for certificates that cannot be used.

    A pinned certificate is trusted whatever name and issuer it bears, and no other is: so a GX is known, whose
    certificate is its own work for the name venus.local.
    """

    def __init__(self, table: MqttTable) -> None:
        try:
            self._context = _context(table)
        except OSError as error:
            raise ConfigError(f"[[mqtt]] {table.host}: a certificate or key cannot be used: {error}") from error

    async def __call__(self, plain: socket.socket, host: str) -> socket.socket:
        """Return the socket after the handshake; raise OSError."""
        loop = asyncio.get_running_loop()
        secure: socket.socket = plain
        try:
            host.encode("idna")  # wrap_socket would leave the socket open over it
            wrapped = self._context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
            secure = wrapped
            while True:
                try:
                    wrapped.do_handshake()
                    return wrapped
                except ssl.SSLWantReadError:
                    await _ready(wrapped.fileno(), loop.add_reader, loop.remove_reader)
                except ssl.SSLWantWriteError:
                    await _ready(wrapped.fileno(), loop.add_writer, loop.remove_writer)
        except ssl.SSLCertVerificationError as error:
            secure.close()
            raise ConnectionError(f"its certificate is not the trusted one: {error.verify_message}") from error
        except ValueError as error:  # OpenSSL takes fewer names than name servers do
            secure.close()
            raise ConnectionError(f"{host} is no name in a certificate: {error}") from error
        except BaseException:
            secure.close()
            raise


def _context(table: MqttTable) -> ssl.SSLContext:
    if table.pinned_certificate is None:
        context = ssl.create_default_context(cafile=table.ca_file)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(table.pinned_certificate)
    if table.client_certificate is not None:
        context.load_cert_chain(table.client_certificate, table.client_key)
    return context


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
