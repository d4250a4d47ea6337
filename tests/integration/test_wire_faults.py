"""What a board reports is told, what it cannot mean is not believed, and what it does not say ends its Yes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from smallbms.core.alarms import FAULT_ALARMS
from smallbms.drivers.jbd import PACK, PROTECTION, Pack, Register
from smallbms.emulators.board import Mishap

from .harness import BOTH_OFF, BOTH_ON, Battery, System, codes, running

LOST_S = 10.0  # promised
GRACE_S = 2.0  # of a busy machine
ABSURD: dict[str, Callable[[float], bool]] = {
    "/Dc/0/Voltage": lambda volts: volts > 20,
    "/Battery/{n}/Voltage": lambda volts: volts > 20,
    "/System/MaxCellVoltage": lambda volts: volts > 5,
    "/Battery/{n}/Cell/1/Voltage": lambda volts: volts > 5,
    "/Soc": lambda pct: not 0 <= pct <= 100,
}


def absurd_pack(**fields: int) -> bytes:
    """A pack frame with a good checksum that no battery can mean."""
    sound = Pack(
        voltage_10mv=1320, current_10ma=0, remaining_10mah=6000, capacity_10mah=10000, cycles=0, production_date=0,
        balancing_low=0, balancing_high=0, protection=0, software=0x10, soc_pct=60, switches=3, cells=4, sensors=2,
    )  # fmt: skip
    return PACK.pack(*sound._replace(**fields)) + (2931).to_bytes(2) * 2


def unplug(battery: Battery) -> None:
    battery.cable.unplug()


def misbehave(mishap: Mishap) -> Callable[[Battery], None]:
    def act(battery: Battery) -> None:
        battery.board.mishaps = mishap

    return act


def say(register: Register, payload: bytes) -> Callable[[Battery], None]:
    def act(battery: Battery) -> None:
        battery.board.payloads[register] = payload

    return act


LOSSES = {
    "unplugged": unplug,
    "silent": misbehave(Mishap.SILENT),
    "wrong checksums": misbehave(Mishap.CORRUPT),
    "half answers": misbehave(Mishap.TRUNCATE),
    "655 V": say(Register.PACK, absurd_pack(voltage_10mv=0xFFFF)),
    "cells of 65 V": say(Register.CELLS, b"\xff\xff" * 4),
    "cells of 0 V": say(Register.CELLS, bytes(8)),
    "fewer cells than before": say(Register.CELLS, b"\x0c\xe4" * 3),
}


async def test_a_battery_that_gives_no_valid_data_takes_both_away_by_name(tmp_path: Path) -> None:
    """All kinds at once, each on its own line."""
    async with running(tmp_path, batteries=len(LOSSES)) as system:
        numbers = range(1, len(LOSSES) + 1)
        heard = len(system.client.seen)
        for battery, lose in zip(system.batteries, LOSSES.values(), strict=True):
            lose(battery)
        took_s = await system.pins(charge_disconnect=False, load_disconnect=False)
        assert took_s < LOST_S + GRACE_S
        lost = {f"battery {n} gives no valid data" for n in numbers}
        items = await system.shows({
            **BOTH_OFF, "/Alarms/BmsCable": 2, "/Info/MaxChargeCurrent": 0, "/Info/MaxDischargeCurrent": 0,
            "/Info/Reasons/Charge/Text": lambda text: all(sentence in text for sentence in lost),
            **{f"/Battery/{n}/Voltage": None for n in numbers},
        })  # fmt: skip
        assert codes(items["/Info/Reasons/Charge"]) == {"lost_battery", "high_cell"}  # the interlock's, at 65 V
        assert codes(items["/Info/Reasons/Discharge"]) == {"lost_battery", "low_cell"}  # and at 0 V
        absurd = {path.format(n=n): is_absurd for path, is_absurd in ABSURD.items() for n in numbers}
        told = [(path, value) for _, path, value in system.client.seen[heard:] if value is not None and path in absurd]
        assert not [(path, value) for path, value in told if absurd[path](value)]


async def test_one_absurd_figure_is_never_published(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        before = await system.measured()
        heard = len(system.client.seen)
        for fields in ({"soc_pct": 255}, {"capacity_10mah": 0xFFFF}, {"remaining_10mah": 0xFFFF}):
            system.battery.board.payloads[Register.PACK] = absurd_pack(**fields)
            await system.more_beats(3)
        told = {(path, value) for _, path, value in system.client.seen[heard:] if value is not None}
        absurd = {path.format(n=1): is_absurd for path, is_absurd in ABSURD.items()}
        assert not [(path, value) for path, value in told if path in absurd and absurd[path](value)]
        after = await system.client.items()
        assert after["/Soc"] == pytest.approx(before["/Soc"], abs=0.1)
        assert after["/InstalledCapacity"] == before["/InstalledCapacity"]


@dataclass(frozen=True)
class Bits:
    """Protection bits whose alarms are told apart: an alarm lasts 10 s after its bit."""

    bits: tuple[int, ...]


BY_ALARM = [Bits(tuple(range(10))), Bits((10, 11)), Bits((12,))]


@pytest.mark.parametrize("group", BY_ALARM, ids=lambda group: f"bits {group.bits[0]} to {group.bits[-1]}")
async def test_every_protection_bit_reaches_its_alarm(group: Bits, tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        alarms = [FAULT_ALARMS[PROTECTION[bit]] for bit in group.bits]
        assert len(set(alarms)) == len(alarms)
        for bit, alarm in zip(group.bits, alarms, strict=True):
            assert (await system.client.items())[f"/Alarms/{alarm}"] == 0
            system.battery.board.protection = 1 << bit
            await system.shows({f"/Alarms/{alarm}": 2})
        await system.shows({"/Battery/1/Status": lambda bits: bits is not None})


async def test_a_board_that_only_stutters_stays_believed(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        said = len(system.outputs.lines)
        for mishap in (Mishap.NOISE, Mishap.ECHO, Mishap.SILENT, Mishap.CORRUPT):
            system.battery.board.mishaps = mishap
            await system.more_beats(1)
            system.battery.board.mishaps = Mishap.NONE
            await read_again(system)
        await system.shows(BOTH_ON)
        assert not [line for line in system.outputs.lines[said:] if line.text.startswith("outputs:")]


async def read_again(system: System) -> None:
    """Wait for a reading that is new."""
    amps = system.pack.current_a = system.pack.current_a - 1.0
    await system.shows({"/Dc/0/Current": amps})
