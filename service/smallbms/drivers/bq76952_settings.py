"""How a BQ76952 is set up for a battery: what is wired to it, and the data memory that follows from that.

Addresses, units and bounds: TI, SLUUBY2, Data Memory. The protections lie outside of the limits of this BMS: the chip
is the second line of defence, and must not trip first.
"""

from __future__ import annotations

from struct import pack
from typing import NamedTuple

from smallbms.drivers.bq76952_registers import INPUTS, THERMISTORS
from smallbms.frozen import frozen
from smallbms.model import BatteryModel

ADC_MV_PER_A = 7.5684  # CC gain × mΩ of the shunt
CAPACITY_GAIN = 298261.6178  # × CC gain
CELL_STEP_V = 0.0506
SENSE_STEP_MV = 2.0
CHARGE_SENSE_MV, DISCHARGE_SENSE_MV = 124.0, 200.0  # the highest thresholds that the chip has
SHORT_MV = (10, 20, 40, 60, 80, 100, 125, 150, 175, 200, 250, 300, 350, 400, 450, 500)
CELL_MARGIN_V, LOW_MARGIN_V = 0.10, 0.40  # outside of the limits of this BMS
CURRENT_MARGIN = 1.2
TEMPERATURE_MARGIN_C, TEMPERATURE_RELEASE_C = 5, 4
BOARD_HOT_C, BOARD_RELEASE_C = 90, 80
CELL_DELAY, CURRENT_DELAY = 600, 127  # × 3.3 ms: 2 s and 0.42 s
FINE_A, COARSE_A = 0.01, 0.1  # units of current; i16 ends at 327 A and 3277 A
FINE_UP_TO_A = 320.0
BLEEDING_AT_ONCE = 8  # cells: every second one of sixteen
BLEEDING_LASTS_S = 20  # unless it is told again
CELL_THERMISTOR, BOARD_THERMISTOR = 0x07, 0x0F  # 10 kΩ 103AT at the internal pull-up of 18 kΩ


@frozen
class Board:
    """What is wired to a chip; `inputs` (1…16) of its cells, the lowest first, `watchdog_s` only with `fets`."""

    sense_mohm: float
    inputs: tuple[int, ...]
    thermistors: tuple[str, ...] = ("TS1",)
    board_thermistors: tuple[str, ...] = ()
    fets: bool = False
    watchdog_s: int = 10


class Setting(NamedTuple):
    """A piece of the data memory; what its bytes mean is in `name`."""

    name: str
    address: int
    data: bytes


def usual_inputs(cells: int) -> tuple[int, ...]:
    """Where TI wants fewer than 16 cells: the lowest inputs, and the highest for the top cell."""
    return (*range(1, cells), INPUTS)


def current_unit_a(model: BatteryModel) -> float:
    """The finest unit in which every current of this battery fits into 16 bits."""
    return FINE_A if CURRENT_MARGIN * max(model.peak_charge_a, model.peak_discharge_a) <= FINE_UP_TO_A else COARSE_A


def settings(board: Board, model: BatteryModel) -> tuple[Setting, ...]:
    """All that is set, by address."""
    rows = (
        *_measuring(board, model),
        *_cell_limits(model),
        *_current_limits(board, model),
        *_temperature_limits(board, model),
        *_protections(board),
    )
    return tuple(sorted(rows, key=lambda row: row.address))


def _u8(value: float) -> bytes:
    return bytes((int(value),))


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def _i8(value: float) -> bytes:
    return int(value).to_bytes(1, signed=True)


def _measuring(board: Board, model: BatteryModel) -> tuple[Setting, ...]:
    gain = ADC_MV_PER_A / board.sense_mohm
    current_unit = 2 if current_unit_a(model) == FINE_A else 3
    sensors = dict.fromkeys(board.thermistors, CELL_THERMISTOR) | dict.fromkeys(
        board.board_thermistors, BOARD_THERMISTOR
    )
    return (
        Setting("CC gain", 0x91A8, pack("<f", gain)),
        Setting("capacity gain", 0x91AC, pack("<f", gain * CAPACITY_GAIN)),
        Setting("power: no sleep", 0x9234, _u16(0x2882)),
        *(Setting(f"{pin} thermistor", 0x92FD + i, _u8(sensors.get(pin, 0))) for i, pin in enumerate(THERMISTORS)),
        Setting("units: 10 mV, current", 0x9303, _u8(0x04 | current_unit)),
        Setting("inputs with a cell", 0x9304, _u16(sum(1 << (number - 1) for number in board.inputs))),
        Setting("balancing: by the host alone", 0x9335, _u8(0)),
        Setting("balancing ends by itself, s", 0x9339, _u8(BLEEDING_LASTS_S)),
        Setting("cells balanced at once", 0x933A, _u8(BLEEDING_AT_ONCE)),
    )


def _cell_limits(model: BatteryModel) -> tuple[Setting, ...]:
    """The cells; a threshold is rounded outwards."""
    trip = model.thresholds
    return (
        Setting("cell low", 0x9275, _u8((trip.low_cell_v - LOW_MARGIN_V) / CELL_STEP_V)),
        Setting("cell low delay", 0x9276, _u16(CELL_DELAY)),
        Setting("cell high", 0x9278, _u8((trip.high_cell_v + CELL_MARGIN_V) / CELL_STEP_V + 1)),
        Setting("cell high delay", 0x9279, _u16(CELL_DELAY)),
    )


def _current_limits(board: Board, model: BatteryModel) -> tuple[Setting, ...]:
    charge_mv = min(CURRENT_MARGIN * model.peak_charge_a * board.sense_mohm, CHARGE_SENSE_MV)
    discharge_mv = min(CURRENT_MARGIN * model.peak_discharge_a * board.sense_mohm, DISCHARGE_SENSE_MV)
    short_mv = 2 * model.peak_discharge_a * board.sense_mohm
    step = next((i for i, mv in enumerate(SHORT_MV) if mv >= short_mv), len(SHORT_MV) - 1)
    return (
        Setting("charge over-current", 0x9280, _u8(max(charge_mv / SENSE_STEP_MV, 2))),
        Setting("charge over-current delay", 0x9281, _u8(CURRENT_DELAY)),
        Setting("discharge over-current", 0x9282, _u8(max(discharge_mv / SENSE_STEP_MV, 2))),
        Setting("discharge over-current delay", 0x9283, _u8(CURRENT_DELAY)),
        Setting("short circuit", 0x9286, _u8(step)),
    )


def _temperature_limits(board: Board, model: BatteryModel) -> tuple[Setting, ...]:
    trip = model.thresholds
    out, back = TEMPERATURE_MARGIN_C, TEMPERATURE_MARGIN_C - TEMPERATURE_RELEASE_C
    return (
        Setting("charge hot", 0x929A, _i8(trip.charge_hot_c + out)),
        Setting("charge hot release", 0x929C, _i8(trip.charge_hot_c + back)),
        Setting("discharge hot", 0x929D, _i8(trip.discharge_hot_c + out)),
        Setting("discharge hot release", 0x929F, _i8(trip.discharge_hot_c + back)),
        Setting("board hot", 0x92A0, _i8(BOARD_HOT_C)),
        Setting("board hot release", 0x92A2, _i8(BOARD_RELEASE_C)),
        Setting("charge cold", 0x92A6, _i8(trip.charge_cold_c - out)),
        Setting("charge cold release", 0x92A8, _i8(trip.charge_cold_c - back)),
        Setting("discharge cold", 0x92A9, _i8(trip.discharge_cold_c - out)),
        Setting("discharge cold release", 0x92AB, _i8(trip.discharge_cold_c - back)),
    )


def _protections(board: Board) -> tuple[Setting, ...]:
    """Which are on: A of cells and currents, B of temperatures, C the host's watchdog; and what opens the FETs."""
    temperatures = (0x33 if board.thermistors else 0) | (0x80 if board.board_thermistors else 0)
    return (
        Setting("protections A", 0x9261, _u8(0xBC)),  # short, discharge and charge current, cell high, cell low
        Setting("protections B", 0x9262, _u8(temperatures)),
        Setting("protections C", 0x9263, _u8(0x02 if board.fets else 0)),
        Setting("protections A that end charging", 0x9265, _u8(0x98)),
        Setting("protections B that end charging", 0x9266, _u8(0xD5)),
        Setting("protections C that end charging", 0x9267, _u8(0x56)),
        Setting("protections A that end discharging", 0x9269, _u8(0xE4)),
        Setting("protections B that end discharging", 0x926A, _u8(0xE6)),
        Setting("protections C that end discharging", 0x926B, _u8(0xE2)),
        Setting("the host's watchdog, s", 0x92B2, _u16(board.watchdog_s)),
        Setting("FETs: by the chip, or none", 0x9308, _u8(0x0D if board.fets else 0x05)),
    )
