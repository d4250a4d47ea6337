"""Values of another service on the D-Bus, asked for again and again: what answers is alive, and so are its values."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from smallbms.backoff import BACK_OFF_S, BackOff
from smallbms.trouble import TroubleLog
from velib_python import Connection, DbusError, connect
from velib_python.items import find_value

PERIOD_S = 1.0
ANSWER_S = 1.0

Values = Mapping[str, Any]

_log = logging.getLogger(__name__)


class BusValues:
    """Hands `take` the values of the paths, None for an invalid or a missing one, and when they were asked for."""

    def __init__(self, bus: str, service: str, paths: Collection[str], take: Callable[[Values, float], None]) -> None:
        self._bus = bus
        self._service = service
        self._paths = tuple(paths)
        self._take = take
        self._trouble = TroubleLog(_log)

    async def run(self) -> NoReturn:
        """Ask until cancelled; comes back when the bus or the service does."""
        back_off = BackOff(*BACK_OFF_S)
        while True:
            try:
                connection = await connect(self._bus)
                back_off.worked()
                try:
                    await self._follow(connection)
                finally:
                    await connection.close()
            except (ConnectionError, ValueError) as error:
                self._trouble.failure(self._service, str(error))
            await back_off.wait()

    async def _follow(self, connection: Connection) -> NoReturn:
        while True:
            asked_at_s = asyncio.get_running_loop().time()
            try:
                values = {p: await find_value(connection, self._service, p, timeout_s=ANSWER_S) for p in self._paths}
            except (DbusError, TimeoutError) as error:
                self._trouble.failure(self._service, str(error) or "no answer")
            else:
                self._trouble.recovery(self._service)
                self._take(values, asked_at_s)
            await asyncio.sleep(PERIOD_S)
