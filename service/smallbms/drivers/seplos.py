"""Seplos boards of protocol 2.0 (1101, 10C, 10E) on RS485: 19200 8N1, big-endian, many on a line.

Fields: SEPLOS BMS communication protocol 2.0, checked against captures. Only reads. The board's address is that of
its switches, from 0. Some firmware and the RS485 pins of the CAN socket have 9600. A board that is the master of
others on the same line talks by itself: such a line cannot be shared.

The states of single cells and sensors say what the alarm events say in whole: they only count if they say something
else. A bit that no source names is against what the board's switches say.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from smallbms.drivers.ascii_hex import AsciiHexDriver, Fields, only, temperature_c
from smallbms.drivers.base import DriverInfo, Want
from smallbms.drivers.common import bits
from smallbms.drivers.faults import BOTH_COLD, BOTH_HOT
from smallbms.errors import FrameError
from smallbms.frozen import frozen
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault


class Command(IntEnum):
    """What can be asked; each of them reads."""

    TELEMETRY = 0x42
    ALARMS = 0x44
    MAKER = 0x51


GROUP = b"\x01"
CELL_SENSORS = 4  # then the environment and the switches
STATES = frozenset({0x00, 0x01, 0x02})  # normal, low, high
LAST_EVENT = 14  # bytes from the first event to the eighth
CUSTOMER = 20  # bytes of another name
BEHIND = 2  # bytes that a firmware may tell behind its telemetry; with more it could be the answer to another question
CHARGE_ON, DISCHARGE_ON = 0x02, 0x01


class Bit(NamedTuple):
    """What a bit of an event means; a state means nothing here."""

    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()


def _levels(*faults: Fault) -> tuple[Bit, Bit]:
    """A first level, at which the board only warns, and the protection."""
    return Bit(warnings=faults), Bit(faults)


STATE, BROKEN, NAMELESS = Bit(), Bit((Fault.INTERNAL,)), Bit((Fault.UNNAMED,))
OVER_CURRENT = Bit((Fault.CHARGE_OVER_CURRENT, Fault.DISCHARGE_OVER_CURRENT))  # for a moment, in whichever direction
SHORT_CIRCUIT = Bit((Fault.SHORT_CIRCUIT,))

# fmt: off
EVENTS: tuple[tuple[Bit, ...], ...] = (
    (BROKEN, Bit((Fault.TEMPERATURE_SENSOR,)), BROKEN, BROKEN, Bit((Fault.CELL_IMBALANCE,)), BROKEN, BROKEN, BROKEN),
    (*_levels(Fault.CELL_HIGH), *_levels(Fault.CELL_LOW), *_levels(Fault.PACK_HIGH), *_levels(Fault.PACK_LOW)),
    (*_levels(Fault.CHARGE_HOT), *_levels(Fault.CHARGE_COLD),
     *_levels(Fault.DISCHARGE_HOT), *_levels(Fault.DISCHARGE_COLD)),
    # the environment; the switches; heating; the second protection
    (*_levels(*BOTH_HOT), *_levels(*BOTH_COLD),
     Bit((Fault.BOARD_HOT,)), Bit(warnings=(Fault.BOARD_HOT,)), STATE, BROKEN),
    (*_levels(Fault.CHARGE_OVER_CURRENT), *_levels(Fault.DISCHARGE_OVER_CURRENT),
     OVER_CURRENT, SHORT_CIRCUIT, OVER_CURRENT, SHORT_CIRCUIT),  # that end by themselves; that last
    # charger too high, pause in charging, capacity low and used up, cells too low to be charged, output wrong
    (Bit((Fault.PACK_HIGH,)), STATE, STATE, Bit((Fault.PACK_LOW,)), Bit((Fault.CELL_LOW, Fault.INTERNAL)),
     BROKEN, BROKEN, NAMELESS),
    (*[STATE] * 6, NAMELESS, NAMELESS),  # balancing and its pauses, waiting for a charger
    (BROKEN, *[STATE] * 6, NAMELESS),  # memory; clock, calibrations, charging held back
)
# fmt: on


@frozen
class _Telemetry:
    cells_v: tuple[float, ...]
    temperatures_c: tuple[float | None, ...]
    current_a: float
    voltage_v: float
    remaining_ah: float
    capacity_ah: float | None
    soc_pct: float
    soh_pct: float | None
    cycles: int
    at_s: float


@frozen
class _Alarms:
    faults: frozenset[Fault]
    warnings: frozenset[Fault]
    switches: int
    balancing_cells: tuple[int, ...]
    at_s: float


class Seplos(AsciiHexDriver):
    """One Seplos board of protocol 2.0."""

    INFO = DriverInfo(
        name="seplos",
        baud=19200,
        other_bauds=(9600,),
        addressed=True,
        addresses=range(16),
        turnaround_s=0.1,
        names_question=False,
    )

    def __init__(self, *, key: str, unit: int = 0, board_sensors: frozenset[int] = frozenset()) -> None:
        super().__init__(key=key, unit=unit, board_sensors=board_sensors)
        self._telemetry: _Telemetry | None = None
        self._alarms: _Alarms | None = None
        self._identity = Identity(key=key)
        self._questions = (
            (Want.PACK, self._question("alarms", Command.ALARMS, GROUP, 49, self._take_alarms)),
            (Want.PACK | Want.CELLS, self._question("telemetry", Command.TELEMETRY, GROUP, 75, self._take_telemetry)),
            (Want.IDENTITY, self._question("maker", Command.MAKER, b"", 32, self._take_maker)),
        )

    def reading(self) -> BatteryReading | None:
        telemetry, alarms = self._telemetry, self._alarms
        if telemetry is None or alarms is None:
            return None
        places = frozenset(range(1, len(telemetry.temperatures_c) + 1))
        at_cells = frozenset(range(1, CELL_SENSORS + 1)) - self.board_sensors
        return BatteryReading(
            taken_at_s=min(telemetry.at_s, alarms.at_s),
            cells_taken_at_s=telemetry.at_s,
            identity=self._identity,
            voltage_v=telemetry.voltage_v,
            current_a=telemetry.current_a,
            cell_voltages_v=telemetry.cells_v,
            cell_min_v=min(telemetry.cells_v),
            cell_max_v=max(telemetry.cells_v),
            cell_temperatures_c=only(telemetry.temperatures_c, at_cells),
            board_temperatures_c=only(telemetry.temperatures_c, places - at_cells),
            charge_switch_on=bool(alarms.switches & CHARGE_ON),
            discharge_switch_on=bool(alarms.switches & DISCHARGE_ON),
            remaining_ah=telemetry.remaining_ah,
            capacity_ah=telemetry.capacity_ah,
            soc_pct=telemetry.soc_pct,
            soh_pct=telemetry.soh_pct,
            cycles=telemetry.cycles,
            balancing_cells=alarms.balancing_cells,
            faults=alarms.faults,
            warnings=alarms.warnings,
        )

    def _take_telemetry(self, fields: Fields, now_s: float) -> None:
        fields.take(2)  # flags, group
        cells = fields.words()
        if not cells:
            raise FrameError("telemetry without cells")
        temperatures, current_10ma = fields.words(), fields.signed()
        voltage_10mv, remaining_10mah = fields.unsigned(), fields.unsigned()
        more = fields.unsigned(1)
        _learned_10mah, soc_permille, rated_10mah, cycles, soh_permille = (fields.unsigned() for _ in range(5))
        fields.take(2 * max(0, more - 5))
        fields.end(behind=BEHIND)
        self._telemetry = _Telemetry(
            cells_v=tuple([millivolts / 1000 for millivolts in cells]),
            temperatures_c=tuple([temperature_c(raw) for raw in temperatures]),
            current_a=current_10ma / 100,
            voltage_v=voltage_10mv / 100,
            remaining_ah=remaining_10mah / 100,
            capacity_ah=rated_10mah / 100 or None,
            soc_pct=soc_permille / 10,
            soh_pct=soh_permille / 10 or None,  # 0: it does not know
            cycles=cycles,
            at_s=now_s,
        )

    def _take_alarms(self, fields: Fields, now_s: float) -> None:
        fields.take(2)  # flags, group
        states = fields.states() + fields.states() + fields.take(2)  # cells, sensors, current, voltage
        count = fields.unsigned(1)
        if count < LAST_EVENT:
            raise FrameError(f"alarms with {count} events, at least {LAST_EVENT} wanted")
        *events, switches, balancing_low, balancing_high, _system = fields.take(10)
        disconnected = any(fields.take(2))
        told = _told((*events, *fields.take(2)))
        fields.take(count - LAST_EVENT)
        fields.end()
        faults = frozenset(fault for bit in told for fault in bit.faults)
        if disconnected or not STATES.issuperset(states):
            faults |= {Fault.INTERNAL}
        self._alarms = _Alarms(
            faults=faults,
            warnings=frozenset(fault for bit in told for fault in bit.warnings),
            switches=switches,
            balancing_cells=bits(balancing_low | balancing_high << 8),
            at_s=now_s,
        )

    def _take_maker(self, fields: Fields, _now_s: float) -> None:
        name = fields.take(10).decode("ascii", errors="replace").strip("\0 ")
        major, minor = fields.unsigned(1), fields.unsigned(1)
        fields.end(behind=CUSTOMER)
        model = f"Seplos {name}" if name else None
        self._identity = Identity(key=self.key, model=model, firmware=f"{major}.{minor}")


def _told(events: tuple[int, ...]) -> tuple[Bit, ...]:
    """The bits that are set."""
    return tuple(
        [
            meaning
            for event, row in zip(events, EVENTS, strict=True)
            for bit, meaning in enumerate(row)
            if event >> bit & 1
        ]
    )
