"""The sentences people read: why there is a No and when the Yes comes back."""

from __future__ import annotations

from smallbms.core.latch import Latch
from smallbms.core.reasons import BOTH_FAULTS, CHARGE_FAULTS, DISCHARGE_FAULTS, Row
from smallbms.core.releases import COLD_RELEASE_C, FLOOR_RELEASE_PCT, HOT_RELEASE_C, sensors
from smallbms.core.view import View
from smallbms.model import Battery, OutputsReadBack
from smallbms.words import BankError, Direction, Fault, Mode

BANK_ERRORS: dict[BankError, str] = {
    BankError.NONE: "no error",
    BankError.NO_BATTERIES: "no battery answers",
    BankError.UNKNOWN_BATTERY: "a battery is unknown or has changed: state its model, or acknowledge the new one",
    BankError.DIFFERENT_TYPES: "the batteries are of different types: acknowledge once they are alike",
    BankError.WRONG_NUMBER: "a configured battery does not answer, or there are too many",
    BankError.WRONG_SERIES: "the number of batteries in series is wrong or not stated: state it, or acknowledge Vbat",
    BankError.WRONG_PARALLEL: "the number of batteries does not fit the number in series",
    BankError.BATTERY_UPDATE: "an update failed",
    BankError.BMS_CABLE: "a battery has stopped answering",
    BankError.WRONG_SYSTEM_VOLTAGE: "the system voltage is outside 8 to 70 V",
    BankError.OUTPUT_FAULT: "an output does not follow its command",
}

FAULTS: dict[Fault, str] = {
    Fault.CELL_HIGH: "cell overvoltage",
    Fault.CELL_LOW: "cell undervoltage",
    Fault.PACK_HIGH: "pack overvoltage",
    Fault.PACK_LOW: "pack undervoltage",
    Fault.CHARGE_HOT: "too hot to charge",
    Fault.CHARGE_COLD: "too cold to charge",
    Fault.DISCHARGE_HOT: "too hot to discharge",
    Fault.DISCHARGE_COLD: "too cold to discharge",
    Fault.CHARGE_OVER_CURRENT: "charge overcurrent",
    Fault.DISCHARGE_OVER_CURRENT: "discharge overcurrent",
    Fault.SHORT_CIRCUIT: "short circuit",
    Fault.INTERNAL: "internal fault",
    Fault.SWITCH_LOCKED: "switches locked by software",
    Fault.CHARGE_TIMEOUT: "charge time-out",
    Fault.CELL_IMBALANCE: "cell imbalance",
    Fault.BOARD_HOT: "its board is too hot",
    Fault.TEMPERATURE_SENSOR: "a temperature sensor has failed",
    Fault.UNNAMED: "a problem of its own",
}

_MODES = {Mode.ON: "On", Mode.OFF: "Off", Mode.STANDBY: "Standby"}


def sentence(row: Row, latch: Latch, view: View) -> str:
    """One sentence for one tripped latch."""
    finding, limits = latch.finding, view.limits
    limit = finding.limit or 0.0
    repeat = row.repeat
    release_s = repeat.release_s if latch.held and repeat and repeat.release_s is not None else row.release_s
    words = {
        "battery": finding.battery,
        "cell": finding.cell or "?",
        "value": finding.value or 0.0,
        "limit": limit,
        "high_release": limits.high_cell_release_v,
        "low_release": limits.low_cell_release_v,
        "warm": limit + COLD_RELEASE_C,
        "cool": limit - HOT_RELEASE_C,
        "floor_release": view.settings.discharge_floor_pct + FLOOR_RELEASE_PCT,
        "release_s": release_s,
        "held": _held(row, latch),
        "unread": _unread(view, latch),
        "fault": _fault(row, view, finding.battery),
        "error": BANK_ERRORS[view.bank.error],
        "mode": _MODES[view.settings.mode],
        "why": _why(row, view.outputs),
    }
    text = row.text.format_map(words)
    return f"{text}; back: {row.back.format_map(words)}" if row.back else text


def _held(row: Row, latch: Latch) -> str:
    if not latch.held or row.repeat is None:
        return ""
    if row.repeat.until_charged:
        return ", and, being the third time in an hour, 1 % charged, an acknowledgement or mode On"
    return f", and, being the third time, {row.repeat.hold_s / 60:.0f} min from the trip"


def _unread(view: View, latch: Latch) -> str:
    """The sensors that hold a trip though they are not read now."""
    if not latch.unwell:
        return ""
    read = {place for place, _ in sensors(view)}
    places = [f"battery {battery} sensor {number}" for battery, number in sorted(latch.unwell - read)]
    if not places:
        return ""
    return f", also at {', '.join(places)}, not read now: mend it, or acknowledge once it has been checked"


def _why(row: Row, outputs: OutputsReadBack) -> str:
    """What the outputs process says of it."""
    said = {"pin_fault_charge": outputs.atc_error, "pin_fault_load": outputs.atd_error}.get(row.name, outputs.error)
    return f": {said}" if said else ""


def _fault(row: Row, view: View, number: int) -> str:
    if not row.name.startswith("battery_block"):
        return ""
    return block_text(view.bank.batteries[number - 1], row.blocks)


def block_text(battery: Battery, blocks: Direction) -> str:
    """What the battery itself reports of that direction: its protections, else its open switch."""
    reading = battery.reading
    charge = Direction.CHARGE in blocks
    mine = BOTH_FAULTS | (CHARGE_FAULTS if charge else DISCHARGE_FAULTS)
    faults = sorted(reading.faults & mine, key=lambda f: f.value) if reading else []
    if faults:
        return ", ".join(FAULTS[f] for f in faults)
    if reading and (reading.charge_switch_on if charge else reading.discharge_switch_on) is False:
        return f"its {'charge' if charge else 'discharge'} switch is open"
    if reading and (reading.may_charge if charge else reading.may_discharge) is False:
        return f"it asks for a {'charge' if charge else 'discharge'} current of 0 A"
    return "its report has just ended"
