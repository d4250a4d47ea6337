"""Batteries that speak the CAN protocol of Pylontech and Victron ("CAN-bms"): 500 kbit/s, 11-bit ids, little-endian.

A battery sends its set of frames about once a second, unasked. There are no single cell voltages on this bus: the
lowest and the highest cell of 0x373 are all that is known. Two dialects report protections, 0x359 (Pylontech) and 0x35A
(Victron, SMA, BYD); a battery may send either or both. Layouts: the protocol as DIYBMS, JK and JBD boards send it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from struct import unpack_from
from typing import Any, NamedTuple

from smallbms.drivers.faults import BOTH_COLD, BOTH_HOT, directed
from smallbms.model import BatteryReading, Identity
from smallbms.words import Fault

KEEP_ALIVE = 0x305  # from the inverter, eight zeros; some batteries stop speaking without
LIMITS, CHARGE, PACK, EXTREMES = 0x351, 0x355, 0x356, 0x373
PROTECTIONS, ALARMS, ENABLES = 0x359, 0x35A, 0x35C
MAKER, VERSION, NAME, SERIAL, CAPACITY = 0x35E, 0x35F, (0x370, 0x371), (0x380, 0x381), 0x379

GRACE_S = 10.0  # limits, protections and enables may come so much more seldom than the values
ZERO_CELSIUS_K = 273
NO_WORDS = (0, 0xFFFF)  # of what a battery does not measure

_GENERAL = (Fault.INTERNAL,)

PROTECTION_BITS: Mapping[int, tuple[Fault, ...]] = {  # of 0x359, bytes 0 and 1; any other is a protection too
    1: (Fault.CELL_HIGH,),
    2: (Fault.CELL_LOW,),
    3: BOTH_HOT,
    4: BOTH_COLD,
    7: (Fault.DISCHARGE_OVER_CURRENT,),
    8: (Fault.CHARGE_OVER_CURRENT,),
    11: _GENERAL,
}
ALARM_PAIRS: tuple[tuple[Fault, ...], ...] = (  # of 0x35A after the general one; 01 alarm, 10 none, 00 not supported
    (Fault.PACK_HIGH,),
    (Fault.PACK_LOW,),
    BOTH_HOT,
    BOTH_COLD,
    (Fault.CHARGE_HOT,),
    (Fault.CHARGE_COLD,),
    (Fault.DISCHARGE_OVER_CURRENT,),
    (Fault.CHARGE_OVER_CURRENT,),
    (Fault.INTERNAL,),  # contactor
    (Fault.SHORT_CIRCUIT,),
    (Fault.INTERNAL,),
    (Fault.CELL_IMBALANCE,),
)
ALARM_SET = 0b01

Fields = dict[str, Any]
"""What a frame says, by the names of BatteryReading."""


def _limits(data: bytes) -> Fields:
    volts, charge, discharge = unpack_from("<Hhh", data)
    return {
        "charge_voltage_limit_v": volts / 10 or None,
        "charge_limit_a": max(0, charge) / 10,
        "discharge_limit_a": max(0, discharge) / 10,
    }


def _charge(data: bytes) -> Fields:
    """SoC and SoH; the finer SoC, where it is one."""
    soc, soh = unpack_from("<HH", data)
    soc_pct = float(soc)
    if len(data) >= 6 and abs(unpack_from("<H", data, 4)[0] / 100 - soc) <= 1:
        soc_pct = unpack_from("<H", data, 4)[0] / 100
    return {"soc_pct": soc_pct if soc_pct <= 100 else None, "soh_pct": float(soh) if 0 < soh <= 100 else None}


def _pack(data: bytes) -> Fields:
    volts, amps = unpack_from("<hh", data)
    said: Fields = {"voltage_v": volts / 100, "current_a": amps / 10}
    if len(data) >= 6:
        said["cell_temperatures_c"] = (unpack_from("<h", data, 4)[0] / 10,)
    return said


def _extremes(data: bytes) -> Fields:
    """Lowest and highest cell; its temperatures are finer than the one of the pack."""
    low_v, high_v = (None if word in NO_WORDS else word / 1000 for word in unpack_from("<HH", data))
    said: Fields = {"cell_min_v": low_v, "cell_max_v": high_v}
    kelvins = unpack_from("<HH", data, 4) if len(data) >= 8 else ()
    if kelvins and not set(NO_WORDS).intersection(kelvins):
        said["cell_temperatures_c"] = tuple(float(kelvin - ZERO_CELSIUS_K) for kelvin in kelvins)
    return said


def _protections(data: bytes) -> Fields:
    """A protection that is named nowhere is one all the same; such a warning is none."""
    faults, warnings = _bits(data[:2]), _bits(data[2:4])
    return {
        "faults": _union(PROTECTION_BITS.get(bit, _GENERAL) for bit in faults),
        "warnings": _union(PROTECTION_BITS.get(bit, ()) for bit in warnings),
    }


def _bits(data: bytes) -> Iterator[int]:
    word = int.from_bytes(data, "little")
    return (bit for bit in range(16) if word >> bit & 1)


def _alarms(data: bytes) -> Fields:
    return {"faults": _pairs(data[:4]), "warnings": _pairs(data[4:])}


def _pairs(data: bytes) -> frozenset[Fault]:
    """A general alarm says nothing new beside another."""
    word = int.from_bytes(data, "little")
    told = [faults for pair, faults in enumerate(ALARM_PAIRS, 1) if word >> 2 * pair & 0b11 == ALARM_SET]
    general = [_GENERAL] if word & 0b11 == ALARM_SET else []
    return _union(told or general)


def _union(faults: Iterable[tuple[Fault, ...]]) -> frozenset[Fault]:
    return frozenset(fault for some in faults for fault in some)


def _enables(data: bytes) -> Fields:
    return {"charge_switch_on": bool(data[0] & 0x80), "discharge_switch_on": bool(data[0] & 0x40)}


def _version(data: bytes) -> Fields:
    return {"capacity_ah": _some_ah(data, 4), "firmware": f"{data[2]:X}.{data[3]:02X}"}


def _capacity(data: bytes) -> Fields:
    return {"capacity_ah": _some_ah(data, 0)}


def _some_ah(data: bytes, at: int) -> float | None:
    (word,) = unpack_from("<H", data, at)
    return None if word in NO_WORDS else float(word)


def _text(data: bytes) -> Fields:
    return {"text": "".join(chr(byte) for byte in data if 0x20 <= byte < 0x7F)}


class _Layout(NamedTuple):
    size: int  # the least
    decode: Callable[[bytes], Fields]


FRAMES: Mapping[int, _Layout] = {  # where two say the same, the later one here is the better one
    LIMITS: _Layout(6, _limits),
    CHARGE: _Layout(4, _charge),
    PACK: _Layout(4, _pack),
    EXTREMES: _Layout(4, _extremes),
    PROTECTIONS: _Layout(2, _protections),
    ALARMS: _Layout(4, _alarms),
    ENABLES: _Layout(1, _enables),
    VERSION: _Layout(6, _version),
    CAPACITY: _Layout(2, _capacity),
    MAKER: _Layout(1, _text),
    **dict.fromkeys((*NAME, *SERIAL), _Layout(1, _text)),
}
_HAVE_A_SAY = (LIMITS, PROTECTIONS, ALARMS, ENABLES)
_TEXTS = (MAKER, *NAME, *SERIAL)


class CanBms:
    """The battery on one CAN interface: `take` every frame, then fetch `reading`. No I/O, no clock."""

    def __init__(self, *, key: str) -> None:
        self._key = key
        self._said: dict[int, Fields] = {}
        self._at_s: dict[int, float] = {}

    def take(self, can_id: int, data: bytes, now_s: float) -> bool:
        """Keep what a frame says; False if it is none of this protocol, or too short."""
        layout = FRAMES.get(can_id)
        if layout is None or len(data) < layout.size:
            return False
        self._said[can_id] = layout.decode(data)
        self._at_s[can_id] = now_s
        return True

    def reading(self) -> BatteryReading | None:
        """The newest of every frame; None until values and extremes have come.

        It ages with 0x356 and 0x373, whatever else still comes; and with a frame that has a say in what is allowed
        once that has stayed away.
        """
        if PACK not in self._said or EXTREMES not in self._said:
            return None
        fields: Fields = {}
        for can_id in FRAMES:
            if can_id not in _TEXTS:
                fields |= {name: value for name, value in self._said.get(can_id, {}).items() if value is not None}
        firmware = fields.pop("firmware", None)
        voices_s = [self._at_s[can_id] + GRACE_S for can_id in _HAVE_A_SAY if can_id in self._at_s]
        return BatteryReading(
            taken_at_s=min(self._at_s[PACK], *voices_s) if voices_s else self._at_s[PACK],
            cells_taken_at_s=self._at_s[EXTREMES],
            identity=Identity(
                key=self._key,
                serial=self._joined(SERIAL),
                model=self._joined(NAME) or self._joined((MAKER,)),
                firmware=firmware,
            ),
            **(fields | {"faults": self._told("faults"), "warnings": self._told("warnings")}),
        )

    def _told(self, what: str) -> frozenset[Fault]:
        """Faults or warnings, of both dialects."""
        told = frozenset().union(*(self._said.get(can_id, {}).get(what, ()) for can_id in (PROTECTIONS, ALARMS)))
        return directed(told, discharging=self._said.get(ENABLES, {}).get("discharge_switch_on"))

    def _joined(self, can_ids: tuple[int, ...]) -> str | None:
        return "".join(self._said.get(can_id, {}).get("text", "") for can_id in can_ids).strip() or None
