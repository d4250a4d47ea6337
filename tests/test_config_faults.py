"""A configuration that is refused: each fault by file, key, value and what is allowed."""

from __future__ import annotations

import pytest

from configurations import BATTERY, OUTPUTS, SHARED, SMALLEST, SOURCE, batteries, faults
from smallbms.config import TABLES

OURS = "com.victronenergy.battery.smallbms_SB0123456789"
BLE = "[[battery]]\ndriver = 'ble'\ntype = 'jbd_bms'\n"
MODEL = "[model.p]\ncells = 4\ncapacity_ah = 100\n"

# what is written, the table and the key that are named, the value, what is allowed
WRONG: list[tuple[str, str, str, str]] = [
    (SMALLEST + "[broker]\nhost = 'x'\n", "[broker]", "unknown", ", ".join(TABLES)),
    (SMALLEST + "[bank]\nserie = 1\n", "[bank] serie", "unknown", "series, host_current_a"),
    (SMALLEST + "[bank]\nseries = 5\n", "[bank] series", "5", "1…4"),
    (SMALLEST + "[bank]\nseries = true\n", "[bank] series", "True", "1…4"),
    (SMALLEST + "[bank]\nhost_current_a = nan\n", "[bank] host_current_a", "nan", "0…20 A"),
    ("bank = 1\n" + SMALLEST, "[bank]", "", "not a table"),
    (SMALLEST + "[vbat]\npath = 'adc0'\n", "[vbat] path", "'adc0'", "a path"),
    (SMALLEST + "[vbat]\n", "[vbat] path", "missing", "a path"),
    (SMALLEST + "[vbat]\npath = '/adc'\nvolts_per_count = 0\n", "[vbat] volts_per_count", "0 ", "1000 V"),
    (SMALLEST + "[vbat]\npath = '/adc'\ndivider = 4\n", "[vbat] path", "'/adc'", "in_voltage0"),
    (SMALLEST + "[vbat]\npath = '/adc/in_voltage0'\ndivider = 0\n", "[vbat] divider", "0 ", "1…1000"),
    (SMALLEST + "[vbat]\npath = '/adc'\nservice = 'com.victronenergy.system'\n", "[vbat] path", "unknown", "service"),
    (SMALLEST + "[vbat]\nsource = 'sun'\n", "[vbat] source", "'sun'", '"shunt"'),
    (SMALLEST + "[vbat]\nsource = 'shunt'\n", "[vbat] source", "'shunt'", "no right [shunt]"),
    (SMALLEST + "[vbat]\nservice = 'vebus'\n", "[vbat] service", "'vebus'", "com.victronenergy.vebus.ttyS4"),
    (SMALLEST + f"[vbat]\nservice = '{OURS}'\n", "[vbat] service", OURS, "this one is ours"),
    (SMALLEST + f"[shunt]\ndriver = 'victron-dbus'\nservice = '{OURS}'\n", "[shunt] service", OURS, "this one is ours"),
    (SMALLEST + "[shunt]\nport = '/dev/ttyUSB1'\n", "[shunt] driver", "missing", '"ve.direct" or "victron-dbus"'),
    (SMALLEST + "[shunt]\ndriver = 'bmv'\nport = '/dev/x'\n", "[shunt] driver", "'bmv'", '"ve.direct" or "victron'),
    (SMALLEST + "[shunt]\ndriver = 've.direct'\n", "[shunt] port", "missing", "/dev/serial/by-id/"),
    (SMALLEST + "[shunt]\ndriver = 'victron-dbus'\n", "[shunt] service", "missing", "com.victronenergy.battery.ttyS5"),
    (SMALLEST + "[shunt]\ndriver = 've.direct'\nport = '/dev/x'\nsoc = 1\n", "[shunt] soc", "1", "true or false"),
    (
        SMALLEST + "[shunt]\ndriver = 've.direct'\nport = '/dev/serial/by-id/usb-a'\n",
        "[shunt] port",
        "'/dev/serial/by-id/usb-a'",
        "[[battery]] 1 has it",
    ),
    ("shunt = 1\n" + SMALLEST, "[shunt]", "", "not a table"),
    ("vbat = 1\n" + SMALLEST, "[vbat]", "", "not a table"),
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
    (
        batteries(1).replace("jbd", "jk") + OUTPUTS,
        "[[battery]] 1 driver",
        "'jk'",
        "jbd, daly, bq76952, can-bms, victron-dbus, ble, simulated",
    ),
    (batteries(1, "port2 = 1") + OUTPUTS, "[[battery]] 1 port2", "unknown", "port, baud, address"),
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
    (OUTPUTS + BLE, "[[battery]] 1 address", "missing", "or a name instead"),
    (OUTPUTS + BLE + "address = 'here'\n", "[[battery]] 1 address", "'here'", "AA:BB:CC:DD:EE:FF"),
    (OUTPUTS + BLE.replace("jbd_bms", "JBD") + "name = 'x'\n", "[[battery]] 1 type", "'JBD'", "as jbd_bms"),
    (
        OUTPUTS + BLE + "address = 'AA:BB:CC:DD:EE:FF'\n" + BLE + "address = 'aa:bb:cc:dd:ee:ff'\n",
        "[[battery]] 2 address",
        "'aa:bb:cc:dd:ee:ff'",
        "another than that of [[battery]] 1",
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
