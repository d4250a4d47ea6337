"""Configuration files for the tests, as their texts, and what is read of them."""

from __future__ import annotations

import pytest

from smallbms.config import Config, parse
from smallbms.errors import ConfigError

DRIVERS = {"jbd": False, "daly": True}
SOURCE = "smallbms.toml"

OUTPUTS = """
[outputs]
chip = "gpiochip0"
charge_disconnect = 17
load_disconnect = 27
"""
BATTERY = """
[[battery]]
driver = "jbd"
port = "/dev/serial/by-id/usb-a"
"""
SMALLEST = BATTERY + OUTPUTS
FULL = """
[bank]
series = 1
host_current_a = 0.4
[[battery]]
driver = "jbd"
port = "/dev/serial/by-id/usb-a"
baud = 9600
model = "my-pack"
board_sensors = [3]
poll_s = 1
[[battery]]
driver = "jbd"
port = "/dev/serial/by-id/usb-b"
model = "my-pack"
temperature = "none"
[model.my-pack]
cells = 16
capacity_ah = 280
[outputs]
kind = "gpio"
chip = "gpiochip0"
charge_disconnect = 17
load_disconnect = { line = "GPIO27", chip = "pinctrl-bcm2711", active_low = true, feedback = 12 }
pre_alarm = 22
red_led = 5
blue_led = 6
[remote]
kind = "gpio"
l = 23
h = 24
[vbat]
path = "/sys/bus/iio/devices/iio:device0/in_voltage0_raw"
volts_per_count = 0.0189
[store]
directory = "/data/conf/bank-two"
[service]
name = "bank-two"
instance = 7
product_id = 0xBA00
[dbus]
bus = "unix:path=/run/dbus/socket"
localsettings = false
"""


def config(text: str) -> Config:
    return parse(text, SOURCE, DRIVERS)


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        config(text)
    return str(refused.value).splitlines()


def batteries(count: int, more: str = "") -> str:
    return "".join(f'[[battery]]\ndriver = "jbd"\nport = "/dev/serial/by-id/{n}"\n{more}\n' for n in range(count))


SHARED = '[[battery]]\ndriver = "daly"\nport = "/dev/rs485"\n'
