"""A CAN battery as seen from its bus: it sends its frames once a second, unasked, while it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from struct import Struct, pack

from smallbms.drivers.can_bms import (
    ALARM_PAIRS,
    ALARM_SET,
    ALARMS,
    CAPACITY,
    CHARGE,
    ENABLES,
    EXTREMES,
    KEEP_ALIVE,
    LIMITS,
    MAKER,
    NAME,
    PACK,
    PROTECTION_BITS,
    PROTECTIONS,
    SERIAL,
    ZERO_CELSIUS_K,
)
from smallbms.model import BatteryReading
from smallbms.words import Fault

FRAME = Struct("=IB3x8s")  # struct can_frame
PERIOD_S = 1.0
NO_ALARM = 0b10

Frame = tuple[int, bytes]


def frames(state: BatteryReading, *, name: str = "CAN-EMULATOR", serial: str = "0001") -> list[Frame]:
    """The set that a battery in this state sends; what is not read in `state` is sent as 0, but for limits."""
    low_c, high_c = _span(state.cell_temperatures_c)
    enables = 0x80 * (state.charge_switch_on is not False) | 0x40 * (state.discharge_switch_on is not False)
    limits = [_tenths(v) for v in (state.charge_voltage_limit_v, state.charge_limit_a, state.discharge_limit_a)]
    return [
        *([(LIMITS, pack("<HhhH", *limits, 0))] if state.charge_limit_a is not None else ()),
        (CHARGE, pack("<HH", round(state.soc_pct or 0), round(state.soh_pct or 0))),
        (PACK, pack("<hhh", round((state.voltage_v or 0) * 100), _tenths(state.current_a), _tenths(low_c))),
        (PROTECTIONS, pack("<HHB2s", _protections(state.faults), _protections(state.warnings), 1, b"PN")),
        (ALARMS, pack("<II", _alarms(state.faults), _alarms(state.warnings))),
        (ENABLES, bytes((enables, 0))),
        (MAKER, b"PYLON   "),
        (EXTREMES, pack("<HHHH", round((state.cell_min_v or 0) * 1000), round((state.cell_max_v or 0) * 1000),
                        _kelvin(low_c), _kelvin(high_c))),
        (CAPACITY, pack("<H", round(state.capacity_ah or 0))),
        *zip(NAME, _halves(name), strict=True),
        *zip(SERIAL, _halves(serial), strict=True),
    ]  # fmt: skip


class CanBattery:
    """Sends the frames of `state()` on a socket; with a `patience_s` it falls silent when nobody answers so long."""

    def __init__(self, state: Callable[[], BatteryReading], *, patience_s: float | None = None) -> None:
        self.answers = 0  # keep-alives heard
        self._state = state
        self._patience_s = patience_s
        self._answered_at_s = 0.0

    async def run(self, bus: socket.socket, *, period_s: float = PERIOD_S) -> None:
        """Speak until cancelled; `bus` is non-blocking and passes a struct can_frame at a time."""
        loop = asyncio.get_running_loop()
        self._answered_at_s = loop.time()
        loop.add_reader(bus, self._on_readable, bus)
        try:
            while True:
                if self._patience_s is None or loop.time() - self._answered_at_s < self._patience_s:
                    send(bus, frames(self._state()))
                await asyncio.sleep(period_s)
        finally:
            loop.remove_reader(bus)

    def _on_readable(self, bus: socket.socket) -> None:
        with contextlib.suppress(OSError):  # an interface that is down says so to everyone
            can_id, _, _ = FRAME.unpack(bus.recv(FRAME.size))
            if can_id == KEEP_ALIVE:
                self.answers += 1
                self._answered_at_s = asyncio.get_running_loop().time()


async def play_can(interface: str, state: Callable[[], BatteryReading]) -> None:
    """A battery on a CAN interface, until cancelled. Raises OSError if there is none of that name."""
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.CAN_RAW) as bus:
        bus.bind((interface,))
        await CanBattery(state).run(bus)


def send(bus: socket.socket, said: Iterable[Frame]) -> None:
    """Send frames; what a full or sleeping bus does not take is lost, as on a wire."""
    with contextlib.suppress(OSError):
        for can_id, data in said:
            bus.send(FRAME.pack(can_id, len(data), data))


def _protections(faults: frozenset[Fault]) -> int:
    return sum(1 << bit for bit, told in PROTECTION_BITS.items() if faults.issuperset(told))


def _alarms(faults: frozenset[Fault]) -> int:
    pairs = [ALARM_SET if faults.issuperset(told) else NO_ALARM for told in ((Fault.INTERNAL,), *ALARM_PAIRS)]
    return sum(value << 2 * pair for pair, value in enumerate(pairs))


def _span(values: tuple[float | None, ...]) -> tuple[float | None, float | None]:
    read = [value for value in values if value is not None]
    return (min(read), max(read)) if read else (None, None)


def _tenths(value: float | None) -> int:
    return round((value or 0) * 10)


def _kelvin(value_c: float | None) -> int:
    return 0 if value_c is None else round(value_c) + ZERO_CELSIUS_K


def _halves(text: str) -> tuple[bytes, bytes]:
    data = text.encode("ascii", errors="replace").ljust(16)
    return data[:8], data[8:16]
