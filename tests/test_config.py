from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.config import TABLES, Config, load, parse
from smallbms.config_tables import BankTable, Battery, DBusTable, ServiceTable, StoreTable, VbatTable
from smallbms.errors import ConfigError
from smallbms.model import Member
from smallbms.outputs import pinout
from smallbms.toml import PARSERS, parse_toml

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


def test_the_smallest_file_is_enough() -> None:
    read = config(SMALLEST)
    assert read.bank_spec().members == (Member(number=1, model=None, temperature_sensors=True),)
    assert (read.bank, read.store, read.service, read.dbus) == (BankTable(), StoreTable(), ServiceTable(), DBusTable())
    assert (read.vbat, read.remote) == (None, None)
    assert read.service.product_id == 0xFFFF


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
    assert isinstance(first, Battery)
    assert (first.baud, first.poll_s, first.board_sensors, first.address) == (9600, 1.0, (3,), None)
    assert read.vbat == VbatTable(path="/sys/bus/iio/devices/iio:device0/in_voltage0_raw", volts_per_count=0.0189)
    assert read.store.directory == "/data/conf/bank-two"
    assert read.service == ServiceTable(name="bank-two", instance=7, product_id=0xBA00)
    assert read.dbus == DBusTable(bus="unix:path=/run/dbus/socket", localsettings=False)


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
        (SMALLEST.replace("/dev/serial/by-id/usb-a", "/dev/ttyUSB0"), "may change its name: use /dev/serial/by-id/"),
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


SHARED = '[[battery]]\ndriver = "daly"\nport = "/dev/rs485"\n'
MODEL = "[model.p]\ncells = 4\ncapacity_ah = 100\n"

# what is written, the table and the key that are named, the value, what is allowed
WRONG: list[tuple[str, str, str, str]] = [
    (SMALLEST + "[mqtt]\nhost = 'x'\n", "[mqtt]", "unknown", ", ".join(TABLES)),
    (SMALLEST + "[bank]\nserie = 1\n", "[bank] serie", "unknown", "series, host_current_a"),
    (SMALLEST + "[bank]\nseries = 5\n", "[bank] series", "5", "1…4"),
    (SMALLEST + "[bank]\nseries = true\n", "[bank] series", "True", "1…4"),
    (SMALLEST + "[bank]\nhost_current_a = nan\n", "[bank] host_current_a", "nan", "0…20 A"),
    ("bank = 1\n" + SMALLEST, "[bank]", "", "not a table"),
    (SMALLEST + "[vbat]\npath = 'adc0'\n", "[vbat] path", "'adc0'", "a path"),
    (SMALLEST + "[vbat]\n", "[vbat] path", "missing", "a path"),
    (SMALLEST + "[vbat]\npath = '/adc'\nvolts_per_count = 0\n", "[vbat] volts_per_count", "0 ", "1000 V"),
    (SMALLEST + "[store]\ndirectory = 'here'\n", "[store] directory", "'here'", "a path from the root"),
    (SMALLEST + "[service]\nname = 'My Boat'\n", "[service] name", "'My Boat'", "small letters"),
    (SMALLEST + "[service]\ninstance = 512\n", "[service] instance", "512", "0…511"),
    *(
        (SMALLEST + f"[service]\nproduct_id = {id}\n", "[service] product_id", str(id), "Lynx BMS")
        for id in range(0xA3E3, 0xA3E8)
    ),
    (SMALLEST + "[service]\nproduct_id = 0x10000\n", "[service] product_id", "65536", "0…0xFFFF"),
    (SMALLEST + "[dbus]\nbus = 'user'\n", "[dbus] bus", "'user'", '"session"'),
    (SMALLEST + "[dbus]\nlocalsettings = 1\n", "[dbus] localsettings", "1", "true or false"),
    (OUTPUTS, "[[battery]]", "missing", "two brackets"),
    ("[battery]\ndriver = 'jbd'\n" + OUTPUTS, "[[battery]]", "missing", "two brackets"),
    ("battery = []\n" + OUTPUTS, "[[battery]]", "missing", "two brackets"),
    ("battery = [1]\n" + OUTPUTS, "[[battery]] 1", "", "not a table"),
    (OUTPUTS + "[[battery]]\nport = '/dev/a'\n", "[[battery]] 1 driver", "missing", "name of a driver"),
    (OUTPUTS + "[[battery]]\ndriver = 'jbd'\n", "[[battery]] 1 port", "missing", "/dev/serial/by-id/"),
    (batteries(1).replace("jbd", "jk") + OUTPUTS, "[[battery]] 1 driver", "'jk'", "jbd, daly, simulated"),
    (batteries(1, "port2 = 1") + OUTPUTS, "[[battery]] 1 port2", "unknown", "driver, port, baud"),
    (batteries(1, "address = 2") + OUTPUTS, "[[battery]] 1 address", "2", "jbd has no addresses"),
    (batteries(1, "baud = 9600.5") + OUTPUTS, "[[battery]] 1 baud", "9600.5", "1200…1000000"),
    (batteries(1, "poll_s = 9") + OUTPUTS, "[[battery]] 1 poll_s", "9", "0.25…2 s"),
    (batteries(1, "board_sensors = [0]") + OUTPUTS, "[[battery]] 1 board_sensors", "[0]", "1…32"),
    (batteries(1, "board_sensors = ['1']") + OUTPUTS, "[[battery]] 1 board_sensors", "['1']", "1…32"),
    (batteries(1, "temperature = false") + OUTPUTS, "[[battery]] 1 temperature", "False", '"sensors" or "none"'),
    (batteries(1, "model = '12.8/99'") + OUTPUTS, "[[battery]] 1 model", "'12.8/99'", "12.8/100, 12.8/150"),
    (OUTPUTS + "[[battery]]\ndriver = 'simulated'\n", "[[battery]] 1 model", "missing", "name of a model"),
    (
        OUTPUTS + "[[battery]]\ndriver = 'simulated'\nmodel = '12.8/100'\nport = '/x'\n",
        "[[battery]] 1 port",
        "unknown",
        "soc_pct",
    ),
    (SMALLEST + BATTERY, "[[battery]] 2 port", "'/dev/serial/by-id/usb-a'", "jbd has no addresses"),
    (SHARED + "address = 1\n" + SHARED + OUTPUTS, "[[battery]] 2 address", "missing", "shares with [[battery]] 1"),
    (SHARED + SHARED + "address = 1\n" + OUTPUTS, "[[battery]] 1 address", "missing", "shares with [[battery]] 2"),
    (SHARED + "address = 1\n" + SHARED + "address = 1\n" + OUTPUTS, "[[battery]] 2 address", "1", "of its own"),
    (
        SHARED + "address = 1\n" + SHARED + "address = 2\nbaud = 19200\n" + OUTPUTS,
        "[[battery]] 2 baud",
        "19200",
        "none, as for [[battery]] 1",
    ),
    (
        SHARED + "address = 1\npoll_s = 1\n" + SHARED + "address = 2\n" + OUTPUTS,
        "[[battery]] 2 poll_s",
        "0.4",
        "1.0, as for [[battery]] 1",
    ),
    (SMALLEST + "[model]\np = 3\n", "[model] 'p'", "not a table", "[model.<name>]"),
    ("model = 3\n" + SMALLEST, "[model]", "", "[model.<name>]"),
    (SMALLEST + "[model.p]\ncells = 4\n", "[model.p] capacity_ah", "missing", "5…5000 Ah"),
    (SMALLEST + '[model."a\\nb"]\ncells = 4\n', "[model.a\\nb] capacity_ah", "missing", "5…5000 Ah"),
    (
        batteries(1, "model = 'p'") + OUTPUTS + "[model.p]\ncapacity_ah = 100\n",
        "[model.p] cells",
        "missing",
        "4, 8, 15, 16, 17",
    ),
    (SMALLEST + MODEL + "charge_v = 15\n", "[model.p] charge_v", "15", "14…14.6 V"),
    (SMALLEST + MODEL + "name = 'p'\n", "[model.p] 'name'", "unknown", "cells, capacity_ah"),
    (SMALLEST + MODEL.replace("p]", '"12.8/100"]'), "[model.12.8/100]", "", "another name"),
    (BATTERY, "outputs", "", "missing"),
    ("outputs = 1\n" + BATTERY, "outputs", "1", "table"),
    (SMALLEST.replace("load_disconnect = 27", ""), "outputs.load_disconnect", "", "missing"),
    (SMALLEST.replace("27", "17"), "line 17 of gpiochip0", "charge_disconnect", "load_disconnect"),
    (SMALLEST + "lamp = 3\n", "outputs", "unknown lamp", "red_led"),
    (SMALLEST + "[remote]\nl = 17\n", "line 17 of gpiochip0", "charge_disconnect", "remote.l"),
    ("remote = 1\n" + SMALLEST, "remote", "1", "table"),
    (
        BATTERY + "[outputs]\nkind = 'simulated'\nstate_file = 'pins'\n",
        "[outputs] state_file",
        "'pins'",
        "a path from the root",
    ),
    (batteries(51) + OUTPUTS, "[[battery]]", "51 batteries", "up to 50"),
    (batteries(26, "model = '51.2/100'") + OUTPUTS, "[[battery]]", "26 batteries", "up to 25"),
    (batteries(51, "model = '25.6/200'") + OUTPUTS, "[[battery]]", "51 batteries", "up to 50"),
    (batteries(3) + OUTPUTS + "[bank]\nseries = 2\n", "[bank] series", "2", "divides 3 batteries"),
    (
        batteries(3, "model = '12.8/100'") + OUTPUTS + "[bank]\nseries = 3\n",
        "[bank] series",
        "3 of 12.8 V",
        "no 12, 24 or 48 V system",
    ),
    (
        batteries(1, "model = '12.8/100'") + batteries(1, "model = '12.8/200'").replace("/0", "/1") + OUTPUTS,
        "[[battery]] model",
        "12.8/100, 12.8/200",
        "one model",
    ),
]


@pytest.mark.parametrize(("text", "where", "value", "allowed"), WRONG)
def test_a_fault_names_file_key_value_and_what_is_allowed(text: str, where: str, value: str, allowed: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(f"{SOURCE}: {where}")
    assert value in fault
    assert allowed in fault


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


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = (
        "[bank]\nseries = 9\nx = 1\n[[battery]]\ndriver = 'jk'\nport = 'a'\n[[battery]]\ndriver = 'jbd'\nport = '/b'\n"
        "model = 'q'\n[model.p]\ncells = 3\n[dbus]\nbus = 'x'\n[outputs]\nkind = 'relays'\n"
    )
    told = faults(text)
    for where in (
        "[bank] series",
        "[bank] x",
        "[[battery]] 1 driver",
        "[[battery]] 1 port",
        "[[battery]] 2 model",
        "[model.p] cells",
        "[model.p] capacity_ah",
        "[dbus] bus",
        "outputs.",
    ):
        assert sum(fault.startswith(f"{SOURCE}: {where}") for fault in told) == 1
    assert len(told) == 9


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[bank]\nseries = \n", "line 2"),
        ("[bank]\n\nseries = ", "line 3"),
        ("a = 1\na = 2\nb = 3\n", "line 2"),
        ("a = 0x" + "f" * 5000, "64 bits"),
        ("a = " + "9" * 5000, SOURCE),
        (".".join("a" * 3000) + " = 1", "nested too deeply"),
        ("a = " + "[" * 9 + "]" * 9, "nested too deeply"),
        ("a = " + "[" * 5000, "nested too deeply"),
    ],
    ids=range(8),
)
def test_a_text_that_is_no_toml_says_where(text: str, reason: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(f"{SOURCE}: ")
    assert reason in fault


@pytest.mark.parametrize("parser", PARSERS)
def test_any_of_the_parsers_will_do(parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import tomllib

    for name in PARSERS:
        monkeypatch.setitem(sys.modules, name, tomllib if name == parser else None)
    assert parse_toml("a = 1", SOURCE) == {"a": 1}


def test_no_parser_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PARSERS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match="install tomli"):
        parse_toml("a = 1", SOURCE)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / SOURCE
    path.write_text(FULL, encoding="utf-8")
    assert load(path, DRIVERS) == config(FULL)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}/none.toml: cannot be read: {os.strerror(2)}"):
        load(tmp_path / "none.toml", DRIVERS)
    with pytest.raises(ConfigError, match=f"{tmp_path}: cannot be read: {os.strerror(21)}"):
        load(tmp_path, DRIVERS)
    path = tmp_path / SOURCE
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match=f"{path}: not UTF-8 at byte 5"):
        load(path, DRIVERS)


SCALARS = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.booleans()
    | st.text(max_size=6)
    | st.sampled_from(["jbd", "simulated", "gpio", "/dev/a", "12.8/100", "none"])
)
KEYS = st.text(max_size=4) | st.sampled_from(
    ["driver", "port", "address", "model", "series", "kind", "chip", "line", "charge_disconnect", "state_file", "cells"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def toml_of(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


@given(tables=st.dictionaries(st.sampled_from(TABLES) | st.text(max_size=3), VALUES))
def test_any_tables_are_a_configuration_or_a_config_error(tables: dict[str, Any]) -> None:
    text = "".join(f"{json.dumps(key)} = {toml_of(value)}\n" for key, value in tables.items())
    assert _read_or_refused(text)


@given(text=st.text() | st.text(alphabet="[]{}=.,#\"'\n ab01"))
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    assert _read_or_refused(text)


def _read_or_refused(text: str) -> bool:
    try:
        read = config(text)
    except ConfigError as error:
        return all(line.startswith(f"{SOURCE}: ") for line in str(error).splitlines())
    assert len(read.bank_spec().members) == len(read.batteries)
    assert json.loads(json.dumps(read.pins()))
    return isinstance(read.warnings(), tuple)
