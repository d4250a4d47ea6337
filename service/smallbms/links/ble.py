"""A battery that speaks Bluetooth: one connection, kept open, and asked about once a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, Protocol

from smallbms.backoff import BackOff
from smallbms.drivers.ble import ble_reading
from smallbms.errors import FrameError, LinkError
from smallbms.links.base import Unasked
from smallbms.links.tally import Tally
from smallbms.links.waiter import Waiter
from smallbms.model import BatteryReading, Identity, LinkHealth
from smallbms.trouble import TroubleLog
from smallbms.words import LinkFault

POLL_S = 1.0
BACK_OFF_S = (1.0, 30.0)  # to look for a battery disturbs the connections that there are
BAD_SAMPLES = 3  # in a row, before it is connected anew

_log = logging.getLogger(__name__)


class Connected(Protocol):
    """A battery that is connected."""

    @property
    def identity(self) -> Identity: ...

    async def sample(self) -> Mapping[str, Any]:
        """Read it; raises LinkError for a lost connection, FrameError for an answer that cannot be understood."""


class Radio(Protocol):
    """Finds batteries and connects them; raises LinkError or FrameError."""

    def connected(
        self, kind: str, *, address: str | None, name: str | None
    ) -> AbstractAsyncContextManager[Connected]: ...


class BleLink(Unasked):
    """Reads one battery; `kind` is aiobmsble's word for its protocol."""

    def __init__(
        self,
        radio: Radio,
        number: int,
        kind: str,
        *,
        address: str | None = None,
        name: str | None = None,
        board_sensors: frozenset[int] = frozenset(),
        on_reading: Callable[[int, BatteryReading], None],
    ) -> None:
        self._radio = radio
        self._number = number
        self._kind = kind
        self._address = address
        self._name = name
        self._board_sensors = board_sensors
        self._on_reading = on_reading
        self._subject = f"battery {number} by Bluetooth"
        self._trouble = TroubleLog(_log)
        self._urged = Waiter()
        self._tally = Tally(address or name or kind, _log)
        self._took_s: float | None = None

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset({self._number})

    @property
    def health(self) -> LinkHealth:
        return self._tally.health(self.numbers, self._took_s)

    def urge(self, _number: int) -> None:
        """Read it at once."""
        self._urged.wake()

    async def run(self) -> NoReturn:
        """Read until cancelled."""
        back_off = BackOff(*BACK_OFF_S)
        while True:
            samples_before = self._tally.frames_ok
            try:
                async with self._radio.connected(self._kind, address=self._address, name=self._name) as battery:
                    self._tally.open = True
                    await self._poll(battery)
            except (LinkError, FrameError) as error:
                self._count(LinkFault.PORT, error)
            finally:
                self._tally.open = False
            if self._tally.frames_ok > samples_before:
                back_off.worked()
            await back_off.wait()

    async def _poll(self, battery: Connected) -> None:
        """Read until the connection is lost, or brings nothing that can be understood."""
        clock = asyncio.get_running_loop().time
        bad = 0
        while bad < BAD_SAMPLES:
            began_at_s = clock()
            try:
                sample = await battery.sample()
            except FrameError as error:
                bad += 1
                self._count(LinkFault.BAD_FRAME, error)
            else:
                bad = 0
                self._took_s = clock() - began_at_s
                self._hand_on(sample, battery.identity, began_at_s)
            await self._urged.wait(began_at_s + POLL_S)

    def _hand_on(self, sample: Mapping[str, Any], identity: Identity, taken_at_s: float) -> None:
        self._tally.frames_ok += 1
        self._trouble.recovery(self._subject)
        reading = ble_reading(
            sample,
            kind=self._kind,
            identity=identity,
            board_sensors=self._board_sensors,
            taken_at_s=taken_at_s,
        )
        self._on_reading(self._number, reading)

    def _count(self, fault: LinkFault, error: Exception) -> None:
        self._tally.fault(fault, str(error))
        self._trouble.failure(self._subject, str(error))
