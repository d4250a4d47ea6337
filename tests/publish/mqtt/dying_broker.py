"""A broker that keeps what it has acknowledged, and dies at any byte of what it hears or says."""

from __future__ import annotations

import asyncio
import json
from random import Random

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12
EVENTS_A_LIFE = 12  # at most


class DyingBroker:
    """One server that is as good as many: each connection ends with a death, until there were enough of them.

    `events`: the numbers of those that were acknowledged or might have been, oldest first; `acknowledged`: of those
    whose acknowledgement was sent.
    """

    def __init__(self, deaths: int, random: Random) -> None:
        self.deaths_left = deaths
        self.events: list[int] = []
        self.acknowledged: set[int] = set()
        self._random = random
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        events_left = self._random.randrange(EVENTS_A_LIFE)
        try:
            while not (self.deaths_left and events_left < 0):
                kind, flags, body = await _packet(reader)
                if kind == PUBLISH and flags & 0b0110:
                    events_left -= self._publish(body, writer, dying=self.deaths_left > 0 and events_left == 0)
                elif kind in (CONNECT, SUBSCRIBE, PINGREQ):
                    writer.write(_answer(kind, body))
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.transport.abort()
        self.deaths_left -= 1

    def _publish(self, body: bytes, writer: asyncio.StreamWriter, *, dying: bool) -> bool:
        """Whether it was an event. Dying, it may have kept it, and its word of that may be cut short."""
        length = int.from_bytes(body[:2], "big")
        topic, number, payload = body[2 : 2 + length], body[2 + length : 4 + length], body[5 + length :]
        acknowledgement = bytes((0x40, 2)) + number
        if not topic.endswith(b"/event"):
            writer.write(acknowledgement)
            return False
        heard, kept = self._random.choice(((False, False), (True, False), (True, True))) if dying else (True, True)
        event = int(json.loads(payload)["id"].rpartition("-")[2])
        if heard:
            self.events.append(event)
        if kept:
            self.acknowledged.add(event)
            writer.write(acknowledgement)
        elif heard:
            writer.write(acknowledgement[: self._random.randrange(4)])
        return True


async def _packet(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    (head,) = await reader.readexactly(1)
    length, shift = 0, 0
    while True:
        (byte,) = await reader.readexactly(1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return head >> 4, head & 0x0F, await reader.readexactly(length)


def _answer(kind: int, body: bytes) -> bytes:
    """Yes, in MQTT 5, without properties."""
    if kind == CONNECT:
        return bytes((0x20, 3, 0, 0, 0))
    if kind == PINGREQ:
        return bytes((0xD0, 0))
    return bytes((0x90, 4)) + body[:2] + bytes((0, 1))
