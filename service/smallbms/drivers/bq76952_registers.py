"""The register map of the BQ76952 as far as it is used here (TI, SLUUBY2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag

from smallbms.words import Fault

DEVICE_NUMBER = 0x7695
INPUTS = 16  # for cells
ZERO_CELSIUS = 2731  # 0.1 K; half a unit off, as the chip rounds


class Register(IntEnum):
    """Direct commands."""

    SAFETY = 0x02  # u8 alert and u8 status of A, B and C
    FAILURE = 0x0A  # the same of the permanent failures A…D
    BATTERY_STATUS = 0x12  # u16, Status
    CELLS = 0x14  # i16 each, mV
    STACK = 0x34  # i16 stack, PACK pin, LD pin in 10 mV; i16 current in the unit of the settings, + = charge
    TEMPERATURES = 0x68  # i16 each in 0.1 K: internal, CFETOFF, DFETOFF, ALERT, TS1, TS2, TS3
    FETS = 0x7F  # u8, Fet


class Subcommand(IntEnum):
    DEVICE_NUMBER = 0x0001
    FIRMWARE = 0x0002  # device, version, build; each u16, the high byte first
    FET_ENABLE = 0x0022  # toggles
    MANUFACTURING_STATUS = 0x0057
    MANUFACTURER_DATA = 0x0070  # 32 bytes for whoever built the board
    CHARGE = 0x0076  # DASTATUS6: i32 and u32 / 2³² of charge, u32 seconds, then what is not used here
    BLEEDING = 0x0083  # CB_ACTIVE_CELLS: u16, bit 0 = the lowest input
    CONFIGURE = 0x0090
    CONFIGURED = 0x0092
    ALL_FETS_ON = 0x0096


class Status(IntFlag):
    """Battery Status."""

    CONFIGURING = 1 << 0
    WAS_RESET = 1 << 3  # and nobody has configured it since
    SEALED = 3 << 8
    SAFETY = 1 << 11
    FAILURE = 1 << 12


class Fet(IntFlag):
    CHARGE = 1 << 0
    DISCHARGE = 1 << 2


FET_ENABLED = 1 << 4  # of MANUFACTURING_STATUS
THERMISTORS: Mapping[str, int] = {"TS1": 4, "TS2": 5, "TS3": 6}  # where among TEMPERATURES

FAULTS: tuple[Mapping[int, Fault], ...] = (  # of the safety registers A, B, C, by bit
    {
        2: Fault.CELL_LOW,
        3: Fault.CELL_HIGH,
        4: Fault.CHARGE_OVER_CURRENT,
        5: Fault.DISCHARGE_OVER_CURRENT,
        6: Fault.DISCHARGE_OVER_CURRENT,
        7: Fault.SHORT_CIRCUIT,
    },
    {
        0: Fault.CHARGE_COLD,
        1: Fault.DISCHARGE_COLD,
        2: Fault.INTERNAL,  # the chip itself is cold …
        4: Fault.CHARGE_HOT,
        5: Fault.DISCHARGE_HOT,
        6: Fault.INTERNAL,  # … or hot
        7: Fault.INTERNAL,  # the FETs are hot
    },
    {
        1: Fault.INTERNAL,  # nobody spoke to the chip
        2: Fault.CHARGE_TIMEOUT,
        4: Fault.CELL_HIGH,
        5: Fault.DISCHARGE_OVER_CURRENT,
        6: Fault.SHORT_CIRCUIT,
        7: Fault.DISCHARGE_OVER_CURRENT,
    },
)


def faults_of(safety: bytes, failure: bytes, status: int) -> frozenset[Fault]:
    """All that the chip says is wrong, alerts too: its limits lie outside of ours, so an alert is past them.

    `safety`, `failure`: alert and status of A, B …, one byte each; an unknown bit is an internal fault.
    """
    found = {
        table.get(bit, Fault.INTERNAL)
        for table, alert, tripped in zip(FAULTS, safety[::2], safety[1::2], strict=True)
        for bit in range(8)
        if (alert | tripped) >> bit & 1
    }
    if any(failure[1::2]) or status & Status.FAILURE or (status & Status.SAFETY and not found):
        found.add(Fault.INTERNAL)
    return frozenset(found)
