"""Batteries that speak by themselves, from the configuration to their links: what is refused, what is made of it."""

from __future__ import annotations

import pytest

from configurations import OUTPUTS, config, faults
from smallbms.config_batteries import BusBattery, CanBattery
from smallbms.errors import ConfigError
from smallbms.links.can import CanLink
from smallbms.links.dbus import BusLink
from smallbms.wiring import links

CAN = '[[battery]]\ndriver = "can-bms"\nport = "can0"\nmodel = "51.2/100"\n'
BUS = '[[battery]]\ndriver = "victron-dbus"\nservice = "com.victronenergy.battery.ttyUSB0"\n'


def made(text: str, serial: str = "SB01") -> list[tuple[type, frozenset[int]]]:
    return [(type(link), link.numbers) for link in links(config(text + OUTPUTS), lambda *_: None, None, serial)]


def test_each_interface_has_a_link_and_all_services_have_one() -> None:
    other = CAN.replace("can0", "can1") + "answer = false\n"
    ours = BUS.replace("ttyUSB0", "smallbms_SB02")  # another of our kind
    assert made(CAN + BUS + other + ours) == [
        (CanLink, frozenset({1})), (CanLink, frozenset({3})), (BusLink, frozenset({2, 4})),
    ]  # fmt: skip


def test_what_the_tables_say() -> None:
    can, bus = config(CAN + "answer = false\n" + BUS + OUTPUTS).batteries
    assert isinstance(can, CanBattery) and not can.answer
    assert isinstance(bus, BusBattery)
    assert (can.where, bus.where) == ("can-bms on can0", "com.victronenergy.battery.ttyUSB0")


@pytest.mark.parametrize(("text", "says"), [
    (CAN.replace('model = "51.2/100"\n', ""), "[[battery]] 1 model"),
    (CAN.replace("can0", "/dev/can0"), "a CAN interface, as can0"),
    (CAN + "answer = 1\n", "true or false"),
    (CAN + CAN, "[[battery]] 2 port = 'can0' is not allowed; allowed is another than that of [[battery]] 1"),
    (BUS + BUS, "ttyUSB0' is not allowed; allowed is another than that of [[battery]] 1"),
    (BUS.replace("battery.tty", "solarcharger.tty"), "the name of a battery service"),
])  # fmt: skip
def test_what_is_refused(text: str, says: str) -> None:
    (fault,) = faults(text + OUTPUTS)
    assert says in fault


def test_we_are_no_battery_of_ours() -> None:
    with pytest.raises(ConfigError, match=r"\[\[battery\]\] 1 service = '\S+smallbms_SB01': that is this BMS itself"):
        made(BUS.replace("ttyUSB0", "smallbms_SB01"))
