"""A configuration that is taken: what it says, and what of it is dangerous."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from configurations import BATTERY, DRIVERS, FULL, OUTPUTS, SHARED, SMALLEST, SOURCE, batteries, config
from smallbms.config import parse
from smallbms.config_batteries import SerialBattery
from smallbms.config_inputs import (
    BusShunt,
    BusVbat,
    ChannelVbat,
    FileVbat,
    ShuntTable,
    ShuntVbat,
    VbatTable,
    VeDirectShunt,
)
from smallbms.config_tables import BankTable, DBusTable, ServiceTable, StoreTable
from smallbms.errors import ConfigError
from smallbms.model import Member
from smallbms.outputs import pinout


def test_the_smallest_file_is_enough() -> None:
    read = config(SMALLEST)
    assert read.bank_spec().members == (Member(number=1, model=None, temperature_sensors=True),)
    assert (read.bank, read.store, read.service, read.dbus) == (BankTable(), StoreTable(), ServiceTable(), DBusTable())
    assert (read.shunt, read.vbat, read.remote) == (None, None, None)
    assert read.service.product_id == 0xFFFF


def test_outputs_may_be_relays_of_a_gx_and_the_remote_channels_of_an_adc() -> None:
    relays = "[outputs]\nkind = 'gx-relay'\ncharge_disconnect = 0\nload_disconnect = 1\n"
    remote = "[remote]\nkind = 'iio'\nl = 'iio:device0/in_voltage0'\ndivider = 4.7\n"
    read = config(BATTERY + relays + "pre_alarm = { kind = 'gpio', chip = 'gpiochip0', line = 4 }\n" + remote)
    assert read.relays() == {"charge_disconnect": 0, "load_disconnect": 1}
    parsed = pinout.parse(read.pins())
    assert (parsed.remote and parsed.remote.kind, parsed.outputs["pre_alarm"].kind) == ("iio", "gpio")
    assert config(SMALLEST).relays() == {}


def test_a_full_file_is_read_as_written() -> None:
    read = config(FULL)
    assert read.bank == BankTable(series=1, host_current_a=0.4)
    spec = read.bank_spec()
    assert (spec.series, spec.host_current_a) == (1, 0.4)
    assert [(m.number, m.model and m.model.name, m.temperature_sensors) for m in spec.members] == [
        (1, "my-pack", True),
        (2, "my-pack", False),
    ]
    first = read.batteries[0]
    assert isinstance(first, SerialBattery)
    assert (first.baud, first.poll_s, first.board_sensors, first.address) == (9600, 1.0, (3,), None)
    assert read.vbat == FileVbat(path="/sys/bus/iio/devices/iio:device0/in_voltage0_raw", volts_per_count=0.0189)
    assert read.store.directory == "/data/conf/bank-two"
    assert read.service == ServiceTable(name="bank-two", instance=7, product_id=0xBA00)
    assert read.dbus == DBusTable(bus="unix:path=/run/dbus/socket", localsettings=False)


@pytest.mark.parametrize(
    ("text", "shunt", "vbat"),
    [
        (
            "[shunt]\ndriver = 've.direct'\nport = '/dev/ttyS5'\nreversed = true\n[vbat]\nsource = 'shunt'\n",
            VeDirectShunt(driver="ve.direct", port="/dev/ttyS5", reversed=True),
            ShuntVbat(source="shunt"),
        ),
        (
            "[shunt]\ndriver = 'victron-dbus'\nservice = 'com.victronenergy.battery.ttyS5'\nsoc = true\n",
            BusShunt(driver="victron-dbus", service="com.victronenergy.battery.ttyS5", soc=True),
            None,
        ),
        (
            "[vbat]\npath = 'iio:device0/in_voltage3'\ndivider = 32\n",
            None,
            ChannelVbat(path="iio:device0/in_voltage3", divider=32.0),
        ),
        ("[vbat]\nservice = 'com.victronenergy.system'\n", None, BusVbat(service="com.victronenergy.system")),
    ],
)
def test_what_measures_the_bank(text: str, shunt: ShuntTable | None, vbat: VbatTable | None) -> None:
    read = config(SMALLEST + text)
    assert (read.shunt, read.vbat) == (shunt, vbat)


def test_the_outputs_process_understands_the_pins() -> None:
    message = json.loads(json.dumps(config(FULL).pins()))
    pins = pinout.parse(message)
    assert set(pins.outputs) == {"charge_disconnect", "load_disconnect", "pre_alarm", "red_led", "blue_led"}
    load_line = pins.outputs["load_disconnect"].line
    assert load_line is not None
    assert (load_line.chip, load_line.line, load_line.active_low) == ("pinctrl-bcm2711", "GPIO27", True)
    assert pins.remote is not None and pins.remote.l is not None
    assert (pins.remote.l.chip, pins.remote.l.line) == ("gpiochip0", 23)
    assert pinout.parse(config(SMALLEST).pins()).remote is None


def test_a_model_of_the_table_may_be_stated() -> None:
    (member,) = config(SMALLEST.replace("[[battery]]", '[[battery]]\nmodel = "12.8/200"')).bank_spec().members
    assert member.model is not None
    assert member.model.capacity_ah == 200


def test_a_simulated_bank_needs_no_wire() -> None:
    read = config(
        '[[battery]]\ndriver = "simulated"\nmodel = "12.8/200"\nsoc_pct = 50\nseed = 3\n'
        '[outputs]\nkind = "simulated"\nstate_file = "/run/pins.json"\n'
        '[remote]\nkind = "simulated"\nstate_file = "/run/remote.json"\n'
    )
    assert len(pinout.parse(read.pins()).outputs) == 5
    assert read.warnings()[1:] == (
        "[outputs] simulated, no pin is driven: charge_disconnect, load_disconnect, pre_alarm, red_led, blue_led",
        "[[battery]] 1 is simulated",
    )


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (SMALLEST, "host_current_a is not stated"),
        (batteries(2) + OUTPUTS, "neither [bank] series nor [vbat]"),
        (batteries(1, 'temperature = "none"') + OUTPUTS, "[[battery]] 1 has no cell temperature"),
        (SMALLEST.replace("/dev/serial/by-id/usb-a", "/dev/ttyUSB0"), "its name: use /dev/serial/by-id/, or"),
        (
            BATTERY + '[outputs]\nkind = "simulated"\nstate_file = "/run/pins.json"\n'
            'charge_disconnect = { kind = "gpio", chip = "gpiochip0", line = 4 }\n',
            "no pin is driven: load_disconnect",
        ),
    ],
)
def test_what_is_dangerous_is_said(text: str, warning: str) -> None:
    assert any(warning in said for said in config(text).warnings())


@pytest.mark.parametrize(
    "text", [FULL.replace('temperature = "none"', ""), "[bank]\nhost_current_a = 0.3\n" + SMALLEST]
)
def test_a_sound_file_has_no_warnings(text: str) -> None:
    assert config(text).warnings() == ()


@pytest.mark.parametrize(
    "text",
    [
        batteries(50, "model = '25.6/200'") + OUTPUTS,
        batteries(25, "model = '51.2/100'") + OUTPUTS,
        batteries(4, "model = '12.8/100'") + OUTPUTS + "[bank]\nseries = 4\n",
        SHARED + "address = 1\n" + SHARED + "address = 2\n" + OUTPUTS,
        SHARED + OUTPUTS,
    ],
)
def test_what_is_allowed_is_taken(text: str) -> None:
    assert config(text).bank_spec().members


@pytest.mark.parametrize("file", [Path("service/smallbms.example.toml"), None])
def test_a_file_of_comments_is_one_sentence_and_not_a_list_of_what_is_missing(file: Path | None) -> None:
    text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8") if file else "\n"
    with pytest.raises(ConfigError, match=rf"^{SOURCE}: nothing is set yet; say there [^\n]*$"):
        parse(text, SOURCE, DRIVERS)


def test_the_example_with_its_comment_marks_taken_away_is_right() -> None:
    example = (Path(__file__).parents[1] / "service/smallbms.example.toml").read_text(encoding="utf-8")
    tables = [line.removeprefix("# ") for line in example.splitlines()[4:]]
    config = parse("\n".join(tables), SOURCE, DRIVERS)
    assert (config.bank.series, len(config.batteries), config.remote) == (1, 1, {"l": 23, "h": 24})
