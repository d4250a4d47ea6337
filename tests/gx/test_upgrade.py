"""Updates on a GX under its own supervisor: good, bad, undone, cut short (tests/installer cut at random points)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.programs import wait_for

from . import archives
from .archives import BAD, NEWER, THIS
from .site import HOME, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
UPDATING = 13  # /State
FAILURE = "/Alarms/FirmwareUpdateFailure"
INSTALL = f"{HOME}/current/install.sh"
UNHEALTHY_S = 6
UPDATE_S = 150.0


def home(site: Site) -> Path:
    return site.gx.data / "apps/dbus-smallbms-ng"


def current(site: Site) -> str:
    return (home(site) / "current").readlink().name


def stage(site: Site) -> str | None:
    """What the update that runs is going to do next."""
    try:
        return str(json.loads((home(site) / "update.json").read_text(encoding="utf-8"))["stage"])
    except FileNotFoundError:
        return None


def switched(site: Site) -> list[str]:
    """Every change of the outputs since this boot's outputs process began, as its log tells."""
    log = (site.gx.data / "log/smallbms-outputs/current").read_text(encoding="utf-8")
    return [line for line in log.rpartition("smallbms-outputs at")[2].splitlines() if "outputs: " in line]


async def test_a_good_update_leaves_discharging_alone(installed: Site, newer: Path) -> None:
    await installed.start()
    await installed.works()
    before = len(switched(installed))
    async with installed.bus() as client:
        said = await installed.gx.do(f"{INSTALL} upgrade --yes {installed.put_on_stick(newer)}", seconds=120)
        assert any(path == "/State" and value == UPDATING for _, path, value in client.seen)
    assert f"Something is new in {NEWER}" in said and f"{NEWER} is healthy" in said
    assert current(installed) == NEWER and stage(installed) is None
    await installed.works()
    during = switched(installed)[before:]
    assert during and all("atd on" in line for line in during), during
    assert "atc off" in during[0] and "atc on" in during[-1]
    await installed.gx.reboot()
    await installed.works()
    assert NEWER in (await installed.gx.do(f"{HOME}/smallbms --version"))


async def test_a_bad_update_comes_back_and_is_told(installed: Site, bad: Path) -> None:
    await installed.start()
    await installed.works()
    command = f"{INSTALL} upgrade --yes --healthy-s {UNHEALTHY_S} {installed.put_on_stick(bad)}"
    status, said = await installed.gx.run(command, seconds=120)
    assert status == 1 and f"{BAD} is not healthy" in said and "Traceback" not in said
    assert current(installed) == THIS and stage(installed) is None
    await installed.works()
    async with installed.bus() as client:
        await client.shows({FAILURE: lambda value: value > 0})


async def test_rolled_back_to_the_version_before(installed: Site, newer: Path) -> None:
    await installed.start()
    await installed.works()
    await installed.gx.do(f"{INSTALL} upgrade --yes {installed.put_on_stick(newer)}", seconds=120)
    await installed.gx.do(f"{INSTALL} rollback --yes", seconds=120)
    assert current(installed) == THIS
    await installed.works()


async def test_a_newer_version_on_a_stick_is_an_update(installed: Site, newer: Path) -> None:
    (installed.stick / "venus-data.tar.gz").write_bytes(archives.beside(newer).read_bytes())
    await installed.start()
    await wait_for(lambda: current(installed) == NEWER and stage(installed) is None, "the update", seconds=UPDATE_S)
    await installed.works()
    log = (installed.stick / "dbus-smallbms-ng-install.log").read_text(encoding="utf-8")
    assert f"{NEWER} is healthy" in log


async def test_a_bad_version_on_a_stick_comes_back(installed: Site, bad: Path) -> None:
    (installed.stick / "venus-data.tar.gz").write_bytes(archives.beside(bad).read_bytes())
    log = installed.stick / "dbus-smallbms-ng-install.log"
    await installed.start()
    await wait_for(lambda: log.exists() and f"{THIS} runs again" in log.read_text(), "the way back", seconds=UPDATE_S)
    assert current(installed) == THIS
    await installed.works()
    await installed.gx.reboot()  # the stick was forgotten
    await wait_for(lambda: f"{BAD} on the stick was not healthy here" in log.read_text(), "that it is not tried again")
    await installed.works()
    assert current(installed) == THIS and stage(installed) is None


async def test_a_damaged_archive_changes_nothing(installed: Site, newer: Path) -> None:
    await installed.start()
    await installed.works()
    file = installed.put_on_stick(newer)
    stick = installed.stick / newer.name
    stick.write_bytes(stick.read_bytes()[:-1] + b"?")
    status, said = await installed.gx.run(f"{INSTALL} upgrade --yes {file}")
    assert status == 1 and len(said.splitlines()) == 1, said
    assert current(installed) == THIS and [path.name for path in (home(installed) / "versions").iterdir()] == [THIS]
    await installed.works()


Moment = Callable[[Site], bool]
CUTS: dict[str, Moment] = {
    "unpacking": lambda site: len(list((home(site) / "versions").iterdir())) > 1,
    "about to begin": lambda site: stage(site) == "begin",
    "switched": lambda site: current(site) != THIS,
    "watching": lambda site: stage(site) == "watch",
}


async def upgrade_until(site: Site, archive: Path, moment: Moment) -> asyncio.Task[object]:
    """Begin an update and wait for a moment of it."""
    command = f"{INSTALL} upgrade --yes --healthy-s {UNHEALTHY_S} {site.put_on_stick(archive)}"
    upgrade = asyncio.create_task(site.gx.run(command, seconds=200))
    await wait_for(lambda: moment(site) or upgrade.done(), "a moment of an update", seconds=60)
    assert moment(site), await upgrade
    return upgrade


@pytest.mark.parametrize("moment", CUTS)
async def test_a_power_cut_leaves_one_version_running(moment: str, installed: Site, newer: Path) -> None:
    await installed.start()
    await installed.works()
    upgrade = await upgrade_until(installed, newer, CUTS[moment])
    await installed.gx.power_cut()
    await upgrade
    await installed.gx.boot()
    await installed.works()
    await wait_for(lambda: stage(installed) is None, "the end of the update")
    assert current(installed) in (THIS, NEWER)
    assert not list((home(installed) / "versions").glob("*.partial"))
    assert "Traceback" not in installed.logs()


async def test_a_power_cut_while_it_goes_back_leaves_the_old_version(installed: Site, bad: Path) -> None:
    await installed.start()
    await installed.works()
    upgrade = await upgrade_until(installed, bad, lambda site: (stage(site) or "").endswith("back"))
    await installed.gx.power_cut()
    await upgrade
    await installed.gx.boot()
    await installed.works()
    assert current(installed) == THIS
    async with installed.bus() as client:
        await client.shows({FAILURE: lambda value: value > 0})


async def test_whoever_kills_the_updater_the_guard_goes_on(installed: Site, bad: Path) -> None:
    await installed.start()
    await installed.works()
    upgrade = await upgrade_until(installed, bad, CUTS["watching"])
    for pid in updaters(installed):
        os.kill(pid, signal.SIGKILL)
    await upgrade
    await wait_for(lambda: stage(installed) is None, "the end of the update", seconds=60)
    assert current(installed) == THIS
    await installed.works()


def updaters(site: Site) -> list[int]:
    """The processes of the GX that carry out an update, without the guard."""
    namespace = os.readlink(f"/proc/{site.gx.init}/ns/pid")
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            if b"upgrade" in words and os.readlink(place / "ns/pid") == namespace:
                found.append(int(place.name))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    return found


async def test_an_archive_for_another_machine_is_refused(installed: Site, tmp_path: Path) -> None:
    other = archives.build(tmp_path / "out", archives.another(tmp_path / "project", NEWER), "armv7l")
    await installed.start()
    status, said = await installed.gx.run(f"{INSTALL} upgrade --yes {installed.put_on_stick(other)}")
    assert status == 1 and "this bundle is for armv7l, this machine is x86_64" in said
    assert current(installed) == THIS
