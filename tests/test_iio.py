"""A voltage from an ADC of the kernel, as its files in sysfs say."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallbms.iio import Channel


def adc(folder: Path, **files: str) -> str:
    """The path of channel 1 of a converter with these files."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii")
    return f"{folder}/in_voltage1"


@pytest.mark.parametrize(
    ("files", "divider", "volts"),
    [
        ({"in_voltage1_raw": "16000\n", "in_voltage1_scale": "0.125\n"}, 1.0, 2.0),  # ADS1115 at ±4.096 V
        ({"in_voltage1_raw": "16000\n", "in_voltage_scale": "0.125\n"}, 11.0, 22.0),
        ({"in_voltage1_raw": "10\n", "in_voltage1_scale": "2\n", "in_voltage_scale": "9\n"}, 1.0, 0.02),
        ({"in_voltage1_raw": "10\n", "in_voltage_scale": "2\n", "in_voltage_offset": "-4\n"}, 1.0, 0.012),
        ({"in_voltage1_raw": "-8\n", "in_voltage_scale": "125\n"}, 1.0, -1.0),
    ],
)
def test_a_voltage(tmp_path: Path, files: dict[str, str], divider: float, volts: float) -> None:
    assert Channel(adc(tmp_path, **files), divider).read_v() == pytest.approx(volts)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "in_voltage1_raw"),
        ({"in_voltage1_raw": "5\n"}, "in_voltage1_scale is not there"),
        ({"in_voltage1_raw": "\n", "in_voltage_scale": "1\n"}, "in_voltage1_raw reads b''"),
        ({"in_voltage1_raw": "5\n", "in_voltage_scale": "nan\n"}, "in_voltage_scale reads b'nan'"),
        ({"in_voltage1_raw": "inf\n", "in_voltage_scale": "1\n"}, "in_voltage1_raw reads b'inf'"),
    ],
)
def test_what_is_no_voltage_says_which_file(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(OSError, match=says):
        Channel(adc(tmp_path, **files)).read_v()


def test_a_device_is_found_where_the_kernel_has_it() -> None:
    with pytest.raises(FileNotFoundError, match="/sys/bus/iio/devices/iio:device93/in_voltage0_raw"):
        Channel("iio:device93/in_voltage0").read_v()
