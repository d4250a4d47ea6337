"""The watchdog file of a GX: touched while it works, left when it dies, gone when it is told to stop."""

from __future__ import annotations

import asyncio

import pytest

from integration.programs import wait_for

from .site import CONFIGURATION, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FILE = "/run/watchdog/dbus-smallbms-ng"
MAIN = "/service/dbus-smallbms-ng"


async def test_only_if_the_configuration_wants_it(installed: Site) -> None:
    await installed.start()
    await installed.works()
    assert not installed.gx.path("/run/watchdog").exists()
    await installed.gx.do(f"printf '[service]\\nwatchdog_file = true\\n' >>{CONFIGURATION}; svc -t {MAIN}")
    file = installed.gx.path(FILE)
    await wait_for(file.exists, "the watchdog file", seconds=60)
    await installed.gx.do(f"touch -d @0 {FILE}")
    await wait_for(lambda: file.stat().st_mtime, "it is touched again")
    killed = await installed.pid()
    await installed.gx.do(f"svc -k {MAIN}")
    assert file.exists()
    while await installed.pid() == killed:  # until then the dying one may still be on the bus
        await asyncio.sleep(0.1)
    await installed.works()
    await installed.gx.do(f"svc -d {MAIN}")
    await wait_for(lambda: not file.exists(), "it is gone")
