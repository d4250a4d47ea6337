"""Which name a scan writes down for a serial port: one that leads to the same adapter tomorrow."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallbms.commands import serial_ports
from smallbms.commands.serial_ports import serial_ports as ports_by_name

CP2102, CH340 = ("10c4", "ea60"), ("1a86", "7523")


class Computer:
    """`dev` and sysfs below a folder, as the kernel and udev lay them out."""

    def __init__(self, folder: Path) -> None:
        self.dev = folder / "dev"
        self.by_id, self.by_path = self.dev / "serial/by-id", self.dev / "serial/by-path"
        self.ttys = folder / "sys/class/tty"
        self._usb = folder / "sys/devices/usb1"
        for place in (self.by_id, self.by_path, self.ttys):
            place.mkdir(parents=True)

    def plug_in(self, tty: str, socket: str, kind: tuple[str, str], serial: str = "", port: int = 0) -> None:
        """Into a socket; the last one that is plugged in has the name that several share."""
        usb = self._usb / socket
        converter = usb / f"{socket}:1.0" / tty
        converter.mkdir(parents=True)
        for name, text in {"idVendor": kind[0], "idProduct": kind[1], "serial": serial}.items():
            if text:
                (usb / name).write_text(f"{text}\n")
        (self.ttys / tty).mkdir()
        (self.ttys / tty / "device").symlink_to(converter)
        (self.dev / tty).touch()
        names = {
            self.by_id: [f"usb-{kind[0]}_{serial or kind[1]}-if00-port{port}"],
            self.by_path: [f"usb-0:{socket}:1.0-port{port}", f"usbv2-0:{socket}:1.0-port{port}"],
        }
        for place, links in names.items():
            for link in links:
                (place / link).unlink(missing_ok=True)
                (place / link).symlink_to(self.dev / tty)

    def ports(self) -> list[str]:
        """What a scan would ask, below `dev`."""
        found = ports_by_name((f"{self.by_id}/*", f"{self.dev}/tty*"))
        return sorted(port.removeprefix(f"{self.dev}/") for port in found)


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    made = Computer(tmp_path)
    for name, place in {"BY_ID": made.by_id, "BY_PATH": made.by_path, "TTYS": made.ttys}.items():
        monkeypatch.setattr(serial_ports, name, str(place))
    return made


def test_an_adapter_with_a_serial_number_of_its_own_is_named_by_it(computer: Computer) -> None:
    computer.plug_in("ttyUSB0", "1-1", CP2102, "A1")
    computer.plug_in("ttyUSB1", "1-2", CP2102, "A2")
    assert computer.ports() == ["serial/by-id/usb-10c4_A1-if00-port0", "serial/by-id/usb-10c4_A2-if00-port0"]


@pytest.mark.parametrize(("kind", "serial"), [(CH340, ""), (CP2102, "0001")])
def test_adapters_that_share_a_name_are_named_by_their_sockets(
    computer: Computer, kind: tuple[str, str], serial: str
) -> None:
    computer.plug_in("ttyUSB0", "1-1", kind, serial)
    computer.plug_in("ttyUSB1", "1-2", kind, serial)
    assert computer.ports() == ["serial/by-path/usb-0:1-1:1.0-port0", "serial/by-path/usb-0:1-2:1.0-port0"]


def test_one_without_a_serial_number_is_named_by_its_socket_though_it_is_alone(computer: Computer) -> None:
    """Another may be plugged in later, and takes the name."""
    computer.plug_in("ttyUSB0", "1-1", CH340)
    assert computer.ports() == ["serial/by-path/usb-0:1-1:1.0-port0"]


def test_the_same_serial_number_on_another_kind_of_adapter_does_no_harm(computer: Computer) -> None:
    computer.plug_in("ttyUSB0", "1-1", CP2102, "0001")
    computer.plug_in("ttyUSB1", "1-2", CH340, "0001")
    assert computer.ports() == ["serial/by-id/usb-10c4_0001-if00-port0", "serial/by-id/usb-1a86_0001-if00-port0"]


def test_the_ports_of_one_adapter_are_not_taken_for_two(computer: Computer) -> None:
    computer.plug_in("ttyUSB0", "1-1", CP2102, "A1", port=0)
    computer.plug_in("ttyUSB1", "1-1", CP2102, "A1", port=1)
    assert computer.ports() == ["serial/by-id/usb-10c4_A1-if00-port0", "serial/by-id/usb-10c4_A1-if00-port1"]


def test_without_any_lasting_name_it_is_the_plain_one(computer: Computer) -> None:
    """Not by-id either, which may lead to another one by then."""
    computer.plug_in("ttyUSB0", "1-1", CH340)
    for name in computer.by_path.iterdir():
        name.unlink()
    (computer.dev / "ttyS0").touch()
    assert computer.ports() == ["ttyS0", "ttyUSB0"]
