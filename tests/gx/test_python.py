"""With the Python of a GX and nothing else: every module, and every command that a person may type there."""

from __future__ import annotations

import pytest

from .site import HOME, PINS, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SMALLBMS = f"{HOME}/smallbms"
COMMANDS = (
    "status",
    "why",
    "settings",
    "history",
    "check --config /data/conf/dbus-smallbms-ng/smallbms.toml",
    "set discharge_floor 12",
    "acknowledge",
    "reset-to-defaults",
    "history --clear",
    "selftest --config /data/conf/dbus-smallbms-ng/smallbms.toml --state /data/conf/dbus-smallbms-ng",
    "simulate /media/sda1/scenario.toml",
)
SCENARIO = """
name = "ten minutes"
about = "One battery rests."
duration = "0:10"
[bank]
model = "12.8/100"
[[expect]]
always = { atd = true }
since = "0:01"
"""
IMPORT_ALL = """
import importlib, pkgutil, smallbms, velib_python
for package in (smallbms, velib_python):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
        print(module.name)
"""


async def test_every_module_is_imported_there(installed: Site) -> None:
    await installed.gx.boot()
    (installed.stick / "all.py").write_text(IMPORT_ALL, encoding="utf-8")
    environment = f"version=$(readlink -f {HOME}/current); . $version/service/venus/environment.sh"
    names = (await installed.gx.do(f"{environment}; python3 -sSB /media/sda1/all.py")).split()
    assert len(names) > 100
    assert {"smallbms.installer.upgrade", "smallbms.emulators.pty", "smallbms.app", "velib_python.vedbus"} <= set(names)


async def test_every_command_works_there(installed: Site) -> None:
    (installed.stick / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    await installed.start()
    await installed.works()
    for command in COMMANDS:
        said = await installed.gx.do(f"{SMALLBMS} {command}")
        assert said and "Traceback" not in said, f"{command}: {said}"
    assert installed.gx.path(PINS).exists()
    assert "Traceback" not in installed.logs()


async def test_the_demo_and_an_emulated_battery_run_there(installed: Site) -> None:
    await installed.gx.boot()
    await installed.gx.do(f"{SMALLBMS} demo --seconds 8", seconds=120)
    await installed.gx.do(f"{SMALLBMS} emulate jbd >/tmp/said 2>&1 & echo $! >/tmp/pid")
    await installed.gx.until("ls -l /tmp/jbd", lambda said: "/dev/pts/" in said.text)
    await installed.gx.do("kill $(cat /tmp/pid)")
    assert "Traceback" not in await installed.gx.do("cat /tmp/said")
