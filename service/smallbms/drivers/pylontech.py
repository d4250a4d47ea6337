"""Pylontech low voltage batteries (US2000 … US5000, UP2500) and their clones on RS485: 115200 8N1, many on a line.

Fields: Pylontech RS485 protocol for low voltage batteries V3.3, checked against captures. Only reads. The first
battery of a group has the address 2 and answers for the others, which are linked to it: 3, 4 … A battery that
has once told what it wants of charging and discharging must go on telling it. What it calls itself is that of the
first of a group in some firmware. A second group has the addresses 0x12 … if its switches say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum

from smallbms.drivers.ascii_hex import AsciiHexDriver, Fields, only, temperature_c
from smallbms.drivers.base import DriverInfo, Want
from smallbms.drivers.common import NO_FAULTS, faults_of
from smallbms.drivers.faults import BOTH_COLD, BOTH_HOT, directed
from smallbms.errors import FrameError
from smallbms.frozen import frozen
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault


class Command(IntEnum):
    """What can be asked; each of them reads."""

    ANALOG = 0x42
    ALARMS = 0x44
    MAKER = 0x51
    MANAGEMENT = 0x92
    SERIAL = 0x93


BELOW, ABOVE = 0x01, 0x02  # states of what was measured; 0 is normal, any other is a fault of the board's own
CHARGE_ENABLED, DISCHARGE_ENABLED = 0x80, 0x40
BOARD_SENSORS = frozenset({1})
ABSENT = 0xFFFF
# By these two, analog values with a sensor or more are too long to be taken for alarms, and alarms too short for them.
BEHIND = 2  # bytes behind alarms: there is one in a capture of a US3000C
OTHER_SENSORS = 2  # that are at no cell, at most

CELL = {BELOW: (Fault.CELL_LOW,), ABOVE: (Fault.CELL_HIGH,)}
TEMPERATURE = {BELOW: BOTH_COLD, ABOVE: BOTH_HOT}
CHARGE_CURRENT = dict.fromkeys((BELOW, ABOVE), (Fault.CHARGE_OVER_CURRENT,))
DISCHARGE_CURRENT = dict.fromkeys((BELOW, ABOVE), (Fault.DISCHARGE_OVER_CURRENT,))  # it is negative: below is more
PACK = {BELOW: (Fault.PACK_LOW,), ABOVE: (Fault.PACK_HIGH,)}

STATUS_1 = (  # by bit; what has no name is a fault all the same
    Fault.PACK_HIGH,
    Fault.CELL_LOW,
    Fault.CHARGE_OVER_CURRENT,
    Fault.INTERNAL,
    Fault.DISCHARGE_OVER_CURRENT,
    Fault.DISCHARGE_HOT,
    Fault.CHARGE_HOT,
    Fault.PACK_LOW,
)
STATUS_2 = 0x0F  # states and no faults: pre-charge, charge and discharge MOSFET, module in use
STATUS_3 = 0xE9  # buzzer, fully charged, heater, discharging, charging

States = Mapping[int, tuple[Fault, ...]]


@frozen
class _Analog:
    cells_v: tuple[float, ...]
    temperatures_c: tuple[float | None, ...]
    current_a: float
    voltage_v: float
    remaining_ah: float | None
    capacity_ah: float | None
    cycles: int


@frozen
class _Management:
    charge_voltage_limit_v: float | None = None
    charge_limit_a: float | None = None
    discharge_limit_a: float | None = None
    charge_on: bool | None = None
    discharge_on: bool | None = None


class Pylontech(AsciiHexDriver):
    """One Pylontech battery, or one of its group."""

    INFO = DriverInfo(
        name="pylontech",
        baud=115200,
        other_bauds=(9600,),
        addressed=True,
        addresses=range(2, 0x7E),
        turnaround_s=0.1,
        names_question=False,
    )

    def __init__(self, *, key: str, unit: int = 2, board_sensors: frozenset[int] = frozenset()) -> None:
        super().__init__(key=key, unit=unit, board_sensors=board_sensors | BOARD_SENSORS)
        self._analog: _Analog | None = None
        self._faults = self._by_sensors = NO_FAULTS
        self._management = _Management()
        self._at_s: dict[int, float] = {}  # by command, of what changes
        self._identity = Identity(key=key)
        self._first_serial: str | None = None
        own = bytes((unit,))
        self._questions = (
            (Want.PACK, self._question("alarms", Command.ALARMS, own, 33, self._take_alarms)),
            (Want.PACK, self._question("charge management", Command.MANAGEMENT, own, 10, self._take_management)),
            (Want.PACK | Want.CELLS, self._question("analog values", Command.ANALOG, own, 63, self._take_analog)),
            (Want.IDENTITY, self._question("serial number", Command.SERIAL, own, 17, self._take_serial)),
            (Want.IDENTITY, self._question("maker", Command.MAKER, b"", 32, self._take_maker)),
        )

    def reading(self) -> BatteryReading | None:
        analog = self._analog
        if analog is None or Command.ALARMS not in self._at_s:
            return None
        asked = self._management
        places = frozenset(range(1, len(analog.temperatures_c) + 1))
        return BatteryReading(
            taken_at_s=min(self._at_s.values()),
            cells_taken_at_s=self._at_s[Command.ANALOG],
            identity=self._identity,
            voltage_v=analog.voltage_v,
            current_a=analog.current_a,
            cell_voltages_v=analog.cells_v,
            cell_min_v=min(analog.cells_v),
            cell_max_v=max(analog.cells_v),
            cell_temperatures_c=only(analog.temperatures_c, places - self.board_sensors),
            board_temperatures_c=only(analog.temperatures_c, places & self.board_sensors),
            charge_switch_on=asked.charge_on,
            discharge_switch_on=asked.discharge_on,
            remaining_ah=analog.remaining_ah,
            capacity_ah=analog.capacity_ah,
            cycles=analog.cycles,
            faults=self._faults | directed(self._by_sensors, discharging=asked.discharge_on),
            charge_limit_a=asked.charge_limit_a,
            discharge_limit_a=asked.discharge_limit_a,
            charge_voltage_limit_v=asked.charge_voltage_limit_v,
        )

    def _take_analog(self, fields: Fields, now_s: float) -> None:
        fields.take(2)  # flags, address
        cells = fields.words(signed=True)
        temperatures = fields.words()
        if not (cells and temperatures):
            raise FrameError(f"analog values of {len(cells)} cells and {len(temperatures)} sensors")
        current, voltage_mv = fields.signed(), fields.unsigned()
        remaining_mah, items, capacity_mah, cycles = (fields.unsigned(size) for size in (2, 1, 2, 2))
        if items > 2:  # more than 65 Ah do not fit into 16 bits
            remaining_mah, capacity_mah = fields.unsigned(3), fields.unsigned(3)
        # no other answer is as long: what a firmware tells behind it is its own affair
        self._analog = _Analog(
            cells_v=tuple([millivolts / 1000 for millivolts in cells]),
            temperatures_c=tuple([temperature_c(raw) for raw in temperatures]),
            current_a=current / 10,
            voltage_v=voltage_mv / 1000,
            remaining_ah=None if remaining_mah == ABSENT else remaining_mah / 1000,
            capacity_ah=None if capacity_mah in (0, ABSENT) else capacity_mah / 1000,
            cycles=cycles,
        )
        self._at_s[Command.ANALOG] = now_s

    def _take_alarms(self, fields: Fields, now_s: float) -> None:
        fields.take(2)  # flags, address
        cell_states, sensor_states = fields.states(), fields.states()
        if not cell_states or len(sensor_states) > len(cell_states) + OTHER_SENSORS:
            raise FrameError(f"alarms of {len(cell_states)} cells and {len(sensor_states)} sensors")
        faults, by_sensors = _faults(cell_states, CELL), _faults(sensor_states, TEMPERATURE)
        for meaning in (CHARGE_CURRENT, PACK, DISCHARGE_CURRENT):
            faults |= _faults(fields.take(1), meaning)
        first, second, third, *cells = fields.take(5)
        fields.end(behind=BEHIND)
        faults |= faults_of(first, STATUS_1)
        if any(cells):
            faults |= {Fault.INTERNAL}
        if second & ~STATUS_2 or third & ~STATUS_3:
            faults |= {Fault.UNNAMED}
        self._faults, self._by_sensors = faults, by_sensors
        self._at_s[Command.ALARMS] = now_s

    def _take_management(self, fields: Fields, now_s: float) -> None:
        fields.take(1)  # address
        charge_mv, _discharge_mv = fields.unsigned(), fields.unsigned()
        charge_100ma, discharge_100ma, status = fields.signed(), fields.signed(), fields.unsigned(1)
        fields.end()
        self._management = _Management(
            charge_voltage_limit_v=charge_mv / 1000 or None,
            charge_limit_a=abs(charge_100ma) / 10,
            discharge_limit_a=abs(discharge_100ma) / 10,
            charge_on=bool(status & CHARGE_ENABLED),
            discharge_on=bool(status & DISCHARGE_ENABLED),
        )
        self._at_s[Command.MANAGEMENT] = now_s

    def _take_serial(self, fields: Fields, _now_s: float) -> None:
        fields.take(1)  # address
        serial = _text(fields.take(16))
        fields.end()
        self._first_serial = self._first_serial or serial
        another = serial is not None and serial != self._first_serial  # a battery put into another's place
        self._identity = replace(self._identity, serial=serial, key=f"{self.key}:{serial}" if another else self.key)

    def _take_maker(self, fields: Fields, _now_s: float) -> None:
        name, major, minor = _text(fields.take(10)), fields.unsigned(1), fields.unsigned(1)
        maker = _text(fields.take(20))
        fields.end()
        model = " ".join(filter(None, (maker, name))) or None
        self._identity = replace(self._identity, model=model, firmware=f"{major}.{minor}")


def _faults(states: bytes, meaning: States) -> frozenset[Fault]:
    return frozenset(fault for state in states if state for fault in meaning.get(state, (Fault.INTERNAL,)))


def _text(field: bytes) -> str | None:
    """What it says, if anything; raises FrameError for what is no text."""
    text = field.decode("ascii", errors="replace").strip("\0 -")
    if not text.replace("\0", "").isprintable():
        raise FrameError(f"{field.hex(' ')} is no text")
    return text or None
