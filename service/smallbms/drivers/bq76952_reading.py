"""From the registers of a BQ76952 to a reading of the battery."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from smallbms.drivers.bq76952_registers import (
    INPUTS,
    THERMISTORS,
    ZERO_CELSIUS,
    Fet,
    Register,
    faults_of,
)
from smallbms.drivers.bq76952_settings import Board
from smallbms.drivers.i2c import Reply
from smallbms.errors import FrameError
from smallbms.model import BatteryReading, Identity

CELLS = Struct(f"<{INPUTS}h")
PACK = Struct("<hhhh")
TEMPERATURES = Struct("<7h")
CHARGE = Struct("<iII")
STATE_SIZE = Register.BATTERY_STATUS + 2 - Register.SAFETY
FAILURE_AT = Register.FAILURE - Register.SAFETY
STACK_STEPS_PER_V = 100
OPEN_WIRE_V = 0.050  # a cell: by so much their sum may be off the stack
SENSOR_RANGE_C = (-40.0, 120.0)  # at and beyond its ends a thermistor is open or short


class Answers(NamedTuple):
    """What one poll reads."""

    cells: Reply
    pack: Reply
    temperatures: bytes
    fets: int
    charge: bytes
    state: bytes  # from Register.SAFETY to the battery status

    @property
    def status(self) -> int:
        return int.from_bytes(self.state[-2:], "little")


def decoded(
    answers: Answers, board: Board, unit_a: float, identity: Identity, balancing_cells: tuple[int, ...]
) -> BatteryReading:
    """A reading; raises FrameError for cells that do not add up to the stack, as with an open wire."""
    by_input = CELLS.unpack(answers.cells.data)
    cells_v = tuple(by_input[number - 1] / 1000 for number in board.inputs)
    stack, _, _, current = PACK.unpack(answers.pack.data)
    stack_v = stack / STACK_STEPS_PER_V
    if abs(sum(cells_v) - stack_v) > OPEN_WIRE_V * len(cells_v):
        raise FrameError(f"the cells add up to {sum(cells_v):.2f} V, the stack has {stack_v:.2f} V: an open wire?")
    charge_ah, charge_time_s = _charge(answers.charge, unit_a)
    sensors_c = [_temperature_c(raw) for raw in TEMPERATURES.unpack(answers.temperatures)]
    boards = [0, *(THERMISTORS[pin] for pin in board.board_thermistors)]
    return BatteryReading(
        taken_at_s=answers.pack.at_s,
        cells_taken_at_s=answers.cells.at_s,
        identity=identity,
        voltage_v=stack_v,
        current_a=round(current * unit_a, 2),
        cell_voltages_v=cells_v,
        cell_min_v=min(cells_v),
        cell_max_v=max(cells_v),
        cell_temperatures_c=tuple(sensors_c[THERMISTORS[pin]] for pin in board.thermistors),
        board_temperatures_c=tuple(sensors_c[at] for at in boards),
        charge_switch_on=bool(answers.fets & Fet.CHARGE) if board.fets else None,
        discharge_switch_on=bool(answers.fets & Fet.DISCHARGE) if board.fets else None,
        charge_ah=charge_ah,
        charge_time_s=charge_time_s,
        balancing_cells=balancing_cells,
        faults=faults_of(answers.state[:6], answers.state[FAILURE_AT : FAILURE_AT + 8], answers.status),
    )


def _charge(data: bytes, unit_a: float) -> tuple[float, float]:
    """Ah, whole units signed and their fraction always added, and the seconds that they were counted for."""
    if len(data) < CHARGE.size:
        raise FrameError(f"a charge of {len(data)} bytes, at least {CHARGE.size} wanted")
    whole, fraction, seconds = CHARGE.unpack_from(data)
    return (whole + fraction / 2**32) * unit_a, float(seconds)


def _temperature_c(raw: int) -> float | None:
    low_c, high_c = SENSOR_RANGE_C
    temperature_c = round((raw - ZERO_CELSIUS) / 10, 1)
    return temperature_c if low_c < temperature_c < high_c else None
