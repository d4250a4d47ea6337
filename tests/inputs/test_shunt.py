"""A shunt that is a service on the bus, and what the configuration makes of its figures."""

from __future__ import annotations

import pytest

from private_bus import Daemon
from smallbms.core.shunt import FRESH_S
from smallbms.inputs import bus
from smallbms.inputs.shunt import Shunt, bus_shunt
from smallbms.model import ShuntReading

from .rig import now_s, service, until, working

MONITOR = "com.victronenergy.battery.ttyS5"
READING = ShuntReading(taken_at_s=10.0, voltage_v=26.4, current_a=-7.0, soc_pct=81.0)


def test_nothing_was_read_at_first() -> None:
    shunt = Shunt()
    assert (shunt.reading().current_a, shunt.voltage_v(0.0)) == (None, None)
    assert 0.0 - shunt.reading().taken_at_s > FRESH_S


def test_its_state_of_charge_counts_only_if_it_is_asked_for() -> None:
    plain, leading = Shunt(), Shunt(soc=True)
    for shunt in (plain, leading):
        shunt.take(READING)
    assert (plain.reading().soc_pct, leading.reading().soc_pct) == (None, 81.0)


def test_one_that_is_turned_round_is_turned_back() -> None:
    shunt = Shunt(reversed_=True)
    shunt.take(READING)
    assert shunt.reading().current_a == 7.0
    shunt.take(ShuntReading(taken_at_s=11.0, current_a=None))
    assert shunt.reading().current_a is None


def test_its_voltage_gets_old() -> None:
    shunt = Shunt()
    shunt.take(READING)
    assert (shunt.voltage_v(10.0 + FRESH_S), shunt.voltage_v(10.1 + FRESH_S)) == (26.4, None)


async def test_a_battery_monitor_on_the_bus(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "PERIOD_S", 0.005)
    shunt = Shunt(soc=True)
    values: dict[str, float | str | None] = {"/Dc/0/Voltage": 26.4, "/Dc/0/Current": -7.0}
    async with (
        working(bus_shunt(daemon.address, MONITOR, shunt)),
        service(daemon.address, MONITOR, values) as monitor,
    ):
        await until(lambda: shunt.reading().current_a == -7.0)
        assert (shunt.reading().voltage_v, shunt.reading().soc_pct) == (26.4, None)
        monitor.update({"/Dc/0/Current": None})
        await until(lambda: shunt.reading().current_a is None)
        before_s = shunt.reading().taken_at_s
        await until(lambda: shunt.reading().taken_at_s > before_s)  # alive, though nothing changes


async def test_what_a_service_shows_that_has_lost_its_device_is_old(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "PERIOD_S", 0.005)
    shunt = Shunt()
    values: dict[str, float | str | None] = {"/Dc/0/Voltage": 26.4, "/Dc/0/Current": -7.0, "/Connected": 1.0}
    async with (
        working(bus_shunt(daemon.address, MONITOR, shunt)),
        service(daemon.address, MONITOR, values) as monitor,
    ):
        await until(lambda: shunt.reading().current_a == -7.0)
        monitor.update({"/Connected": 0.0, "/Dc/0/Current": -8.0})
        before_s = now_s()
        await until(lambda: now_s() - shunt.reading().taken_at_s > 0.2)  # forty more answers
        assert (shunt.reading().current_a, shunt.reading().taken_at_s < before_s) == (-7.0, True)
        monitor.update({"/Connected": 1.0})
        await until(lambda: shunt.reading().current_a == -8.0)
