from __future__ import annotations

import os
from pathlib import Path

import pytest

from smallbms.installer import ports
from smallbms.installer.layout import Layout, venus

from .daemontools import FakeDaemontools

BY_ID = "/dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0"
RECORDER = '#!/bin/sh\necho "${0##*/} $*" >>"$FAKE/calls"\n'


@pytest.fixture
def layout(tmp_path: Path, daemontools: FakeDaemontools) -> Layout:
    for name in ("udevadm", "modprobe"):
        daemontools.program(name, RECORDER)
    stop = tmp_path / "root" / ports.STOP
    stop.parent.mkdir(parents=True)
    stop.write_text(RECORDER)
    stop.chmod(0o755)
    return venus(tmp_path / "root")


def configure(layout: Layout, *used: str, more: str = "") -> None:
    text = "".join(f'[[battery]]\ndriver = "jbd"\nport = "{port}"\n' for port in used)
    layout.configuration.parent.mkdir(parents=True, exist_ok=True)
    layout.configuration.write_text(text + more, encoding="utf-8")


def plug_in(layout: Layout, port: str, tty: str) -> None:
    link = layout.root / port.lstrip("/")
    link.parent.mkdir(parents=True, exist_ok=True)
    (layout.root / "dev" / tty).touch()
    if link.name != tty:
        link.symlink_to(os.path.relpath(layout.root / "dev" / tty, link.parent))


def rules(layout: Layout) -> list[str]:
    file = layout.root / ports.RULES
    return [line for line in file.read_text().splitlines() if line[0] != "#"] if file.exists() else []


def test_exactly_the_ports_of_the_configuration_are_taken(layout: Layout, daemontools: FakeDaemontools) -> None:
    configure(layout, BY_ID, BY_ID, "/dev/ttyUSB7")
    plug_in(layout, BY_ID, "ttyUSB3")
    assert ports.take(layout) == (BY_ID, "/dev/ttyUSB7")
    assert rules(layout) == [
        f'SUBSYSTEM=="tty", SYMLINK=="{BY_ID.removeprefix("/dev/")}", ENV{{VE_SERVICE}}="ignore"',
        'SUBSYSTEM=="tty", KERNEL=="ttyUSB7", ENV{VE_SERVICE}="ignore"',
    ]
    assert daemontools.calls == [
        "udevadm control --reload",
        f"udevadm trigger --action=change --name-match={BY_ID}",
        "stop-tty.sh ttyUSB3",
    ]


def test_the_port_of_a_shunt_is_taken_too(layout: Layout) -> None:
    configure(layout, BY_ID, more='[shunt]\ndriver = "ve.direct"\nport = "/dev/ttyUSB8"\n')
    assert ports.take(layout) == (BY_ID, "/dev/ttyUSB8")
    assert [name for name, _ in ports.serial_ports(ports.configured(layout.configuration))] == ["battery1", "shunt"]


def test_the_rules_come_after_serial_starters_own() -> None:
    assert Path(ports.RULES).name > "serial-starter.rules"


def test_a_port_that_is_not_used_any_more_is_given_back(layout: Layout, daemontools: FakeDaemontools) -> None:
    configure(layout, BY_ID, "/dev/ttyUSB7")
    ports.take(layout)
    configure(layout, BY_ID)
    ports.take(layout)
    assert len(rules(layout)) == 1
    assert daemontools.calls[-1] == "udevadm trigger --action=add --name-match=/dev/ttyUSB7"
    ports.give_back(layout)
    assert not (layout.root / ports.RULES).exists()
    assert daemontools.calls[-1] == f"udevadm trigger --action=add --name-match={BY_ID}"


def test_nothing_to_take_or_give_back_touches_nothing(layout: Layout, daemontools: FakeDaemontools) -> None:
    assert ports.take(layout) == ()
    configure(layout, more='[[battery]]\ndriver = "simulated"\nmodel = "12.8/200"\n')
    assert ports.take(layout) == ()
    ports.give_back(layout)
    assert daemontools.calls == []
    assert not (layout.root / "run").exists()


@pytest.mark.parametrize("text", ["[[battery", "battery = 1\n", "battery = [1]\n", "[battery]\nport = 1\n", '"\udcff"'])
def test_a_configuration_that_is_wrong_has_no_ports(layout: Layout, text: str) -> None:
    configure(layout)
    layout.configuration.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert ports.take(layout) == ()


def test_what_udev_would_take_for_a_pattern_or_a_rule_is_defused(layout: Layout) -> None:
    configure(layout, '/dev/serial/a[0-9]*\\", RUN+=\\"x|y')
    ports.take(layout)
    assert rules(layout) == ['SUBSYSTEM=="tty", SYMLINK=="serial/a?0-9???, RUN+=?x?y", ENV{VE_SERVICE}="ignore"']


@pytest.mark.parametrize(("more", "loaded"), [('[vbat]\npath = "/dev/i2c-1"\n', True), ("", False)])
def test_the_module_for_i2c_is_loaded_only_if_it_is_used(
    layout: Layout, daemontools: FakeDaemontools, more: str, loaded: bool
) -> None:
    configure(layout, more=more)
    ports.take(layout)
    assert ("modprobe i2c-dev" in daemontools.calls) is loaded


def test_it_is_a_program_of_its_own(layout: Layout) -> None:
    configure(layout, BY_ID)
    assert ports.main([str(layout.root)]) == 0
    assert len(rules(layout)) == 1
