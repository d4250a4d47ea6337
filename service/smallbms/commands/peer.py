"""The running service, as the other commands see it: a client on the bus."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from smallbms.errors import ConfigError, LinkError
from smallbms.frozen import frozen
from smallbms.places import BUS_FILE, SERVICE_PREFIX, runtime_candidates
from velib_python.connection import Connection, connect
from velib_python.errors import DbusError
from velib_python.items import BUS_ITEM, get_value, set_value
from velib_python.ve_utils import unwrap_dbus_value


@frozen
class Item:
    """One path as its service shows it; value None = not read."""

    value: Any
    text: str
    minimum: Any = None
    maximum: Any = None
    default: Any = None


class Peer:
    """A service on the bus."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name

    def beside(self, name: str) -> Peer:
        """Another service on the same bus."""
        return Peer(self._connection, name)

    async def value(self, path: str) -> Any:
        """What one path shows. Raises LinkError."""
        try:
            return await get_value(self._connection, self.name, path)
        except (DbusError, ConnectionError, TimeoutError) as error:
            raise LinkError(f"{self.name}{path} cannot be read: {error}") from error

    async def items(self) -> Mapping[str, Item]:
        """Everything it shows, in one call. Raises LinkError."""
        try:
            (found,) = await self._connection.call(self.name, "/", BUS_ITEM, "GetItems")
        except (DbusError, ConnectionError, TimeoutError) as error:
            raise LinkError(f"{self.name} does not answer: {error}") from error
        return {path: _item(properties) for path, properties in found.items()}

    async def set(self, path: str, value: object) -> bool:
        """Write a value; whether it was taken. Raises LinkError."""
        try:
            return await set_value(self._connection, self.name, path, value)
        except (DbusError, ConnectionError, TimeoutError) as error:
            raise LinkError(f"{self.name}{path} cannot be written: {error}") from error


@asynccontextmanager
async def running(bus: str | None = None) -> AsyncIterator[Peer]:
    """The service that runs on this machine, or on the bus that is named. Raises LinkError if there is none."""
    connection, address, name = await _connected([(bus, None)] if bus else _noted())
    try:
        yield Peer(connection, name if name in await _names(connection) else await _only(connection, address))
    finally:
        await connection.close()


async def _connected(places: Iterable[tuple[str, str | None]]) -> tuple[Connection, str, str | None]:
    """The first bus that answers: a note of a process that was killed leads nowhere."""
    refusal: Exception | None = None
    for address, name in places:
        try:
            return await connect(address), address, name
        except (ConnectionError, ValueError) as error:
            refusal = refusal or error
    raise LinkError(f"{refusal}; is the service running? (smallbms run, or smallbms demo)") from refusal


def _noted() -> Iterator[tuple[str, str | None]]:
    """Where `run` said it is, then the system bus."""
    for directory in runtime_candidates(os.environ):
        try:
            lines = Path(directory, BUS_FILE).read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        if lines:
            yield lines[0], lines[1] if len(lines) > 1 else None
    yield "system", None


async def _names(connection: Connection) -> list[str]:
    (names,) = await connection.call_daemon("ListNames")
    return [name for name in names if name.startswith(SERVICE_PREFIX)]


async def _only(connection: Connection, address: str) -> str:
    names = await _names(connection)
    if not names:
        raise LinkError(f"no smallbms on the bus {address}: is the service running? (smallbms run, or smallbms demo)")
    if len(names) > 1:
        raise ConfigError(f"several on the bus {address}: {', '.join(names)}; stop all but one")
    return names[0]


def _item(properties: Mapping[str, Any]) -> Item:
    plain = {key: unwrap_dbus_value(value) for key, value in properties.items()}
    return Item(
        value=plain.get("Value"),
        text=str(plain.get("Text") or ""),
        minimum=plain.get("Min"),
        maximum=plain.get("Max"),
        default=plain.get("Default"),
    )
