from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dbus_fast import RequestNameReply
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

from integration.programs import environment
from smallbms.errors import InstallError
from smallbms.installer import units
from smallbms.installer.layout import MAIN, SUPERVISED
from smallbms.installer.systemd import Systemd

from .debian_programs import DebianPrograms
from .project import ROOT

SOURCE = ROOT / units.SOURCE
EXPOSURE = 35  # tenths
CLOSED_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{policy}</include>
</busconfig>
"""


@pytest.mark.parametrize("name", SUPERVISED)
def test_systemd_finds_no_fault_in_a_unit(name: str, tmp_path: Path) -> None:
    """As it will be, but for the place of the programs."""
    unit = tmp_path / f"{name}.service"
    text = (SOURCE / unit.name).read_text().replace("/opt/dbus-smallbms-ng/current/", f"{ROOT}/")
    unit.write_text(text)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], check=False, capture_output=True, text=True
    )
    faults = [line for line in (verified.stdout + verified.stderr).splitlines() if unit.name in line]
    assert faults == []


@pytest.mark.parametrize("name", SUPERVISED)
def test_a_unit_exposes_little(name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", SOURCE / f"{name}.service"]
    judged = subprocess.run(command, check=False, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout[-300:]


async def test_the_policy_lets_the_service_own_a_battery_and_others_ask_it(tmp_path: Path) -> None:
    """On a bus that forbids whatever it does not allow, as Debian's."""
    policy = tmp_path / "policy.conf"
    text = (SOURCE / "com.victronenergy.smallbms.conf").read_text()
    policy.write_text(text.replace('user="smallbms"', f'user="{os.getuid()}"'))
    address = f"unix:path={tmp_path}/bus"
    (tmp_path / "bus.conf").write_text(CLOSED_BUS.format(address=address, policy=policy))
    daemon = await asyncio.create_subprocess_exec(
        "dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork", "--print-address",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert daemon.stdout is not None
    try:
        assert await daemon.stdout.readline()
        bus = await MessageBus(bus_address=address).connect()
        name = "com.victronenergy.battery.smallbms_SB0123456789"
        assert await bus.request_name(name) is RequestNameReply.PRIMARY_OWNER
        with pytest.raises(DBusError, match="not allowed to own"):
            await bus.request_name("com.victronenergy.system")
        bus.disconnect()
    finally:
        daemon.kill()
        await daemon.communicate()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DebianPrograms:
    made = DebianPrograms(tmp_path / "bin")
    monkeypatch.setenv("PATH", made.path)
    return made


def test_start_restart_and_stop(programs: DebianPrograms) -> None:
    services = Systemd()
    assert not services.is_up(MAIN)
    services.start(MAIN)
    assert services.is_up(MAIN)
    services.restart(MAIN)
    assert services.is_up(MAIN)
    services.stop(MAIN)
    assert not services.is_up(MAIN)
    unit = f"{MAIN}.service"
    asked = [call for call in programs.calls if not call.startswith("systemctl show")]
    assert asked == [f"systemctl {verb} {unit}" for verb in ("start --no-block", "restart --no-block", "stop")]


def test_one_that_does_not_end_is_told(programs: DebianPrograms) -> None:
    (programs.state / f"{MAIN}.pid").write_text("101\n")  # a restart gives that one again
    seconds = iter(range(100))
    services = Systemd(clock=lambda: next(seconds), sleep=lambda _: None)
    with pytest.raises(InstallError, match="does not end; see journalctl -u dbus-smallbms-ng"):
        services.restart(MAIN)


def test_the_supervisor_switches_off_what_a_killed_outputs_process_left_on(tmp_path: Path) -> None:
    pins_file = tmp_path / "pins.json"
    pins_file.write_text(json.dumps({"charge_disconnect": True, "load_disconnect": True, "red_led": "off"}))
    outputs = {"kind": "simulated", "state_file": str(pins_file)}
    (tmp_path / "outputs.sock.saved").write_text(json.dumps({"pins": {"outputs": outputs, "remote": None}}))
    assert safe(tmp_path) == 0
    shown = json.loads(pins_file.read_text())
    assert (shown["charge_disconnect"], shown["load_disconnect"], shown["red_led"]) == (False, False, "on")


@pytest.mark.parametrize(
    ("saved", "status"), [(None, 0), ('{"pins": null}', 0), ("{", 1), ('{"pins": {"outputs": 7}}', 1)]
)
def test_without_pins_there_is_nothing_to_switch_off(saved: str | None, status: int, tmp_path: Path) -> None:
    if saved is not None:
        (tmp_path / "outputs.sock.saved").write_text(saved)
    assert safe(tmp_path) == status


def safe(folder: Path) -> int:
    command = [sys.executable, "-m", "smallbms.outputs.safe", str(folder / "outputs.sock")]
    return subprocess.run(command, check=False, env=environment(folder), timeout=20).returncode
