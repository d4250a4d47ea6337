"""From a stick or a shell to a BMS that is there after every boot, and away again without a trace."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ext.local_settings import LocalSettings
from integration.programs import wait_for

from . import archives
from .machine import Gx
from .site import CONFIGURATION, HOME, PINS, RC_LOCAL, Site, age_s, contents

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SUPERVISED = "/service/dbus-smallbms-ng /service/smallbms-outputs"
ADDRESS_SPACE = 400_000_000  # on 64 bit


async def test_installed_over_ssh_it_works_and_touches_nothing_else(site: Site, archive: Path) -> None:
    await site.start()
    said = await site.install(archive, "--yes", "--config", "/media/sda1/config.toml")
    await site.works()
    assert "Installed." in said
    statuses = await site.gx.do(f"svstat {SUPERVISED} /service/*/log")
    assert statuses.count(": up (pid ") == 4
    assert sorted(path.name for path in site.gx.data.iterdir()) == ["apps", "conf", "log", "rc.local"]
    assert [path.name for path in (site.gx.data / "apps").iterdir()] == ["dbus-smallbms-ng"]
    assert [path.name for path in (site.gx.data / "conf").iterdir()] == ["dbus-smallbms-ng"]
    rc_local = (site.gx.data / "rc.local").read_bytes()
    assert rc_local != RC_LOCAL and set(RC_LOCAL.splitlines()) < set(rc_local.splitlines())


async def test_the_port_of_the_battery_is_ours_and_no_other(installed: Site) -> None:
    await installed.start()
    await installed.works()
    (rules,) = installed.gx.path("/run/udev/rules.d").iterdir()
    keys = [line for line in rules.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert len(keys) == 1 and 'KERNEL=="ttyUSB0"' in keys[0] and 'ENV{VE_SERVICE}="ignore"' in keys[0]
    calls = installed.gx.path("/run/serial-starter.calls").read_text(encoding="utf-8")
    assert set(calls.splitlines()) == {"stop-tty.sh ttyUSB0"}


@pytest.mark.parametrize("what", ["reboot", "power cut", "firmware update"])
async def test_it_is_back_after(what: str, installed: Site) -> None:
    await installed.start()
    await installed.works()
    await (installed.gx.shut_down() if what == "reboot" else installed.gx.power_cut())
    if what == "firmware update":
        installed.gx.firmware("v3.71")
    await installed.gx.boot()
    await installed.works()
    assert "rc.local of somebody else" in installed.gx.said()


async def test_its_limits_and_what_it_costs(installed: Site, record_property: Callable[[str, object], None]) -> None:
    await installed.start()
    async with installed.bus() as client:
        await client.appeared()
        start_s, cpu_s = age_s(await installed.pid())
    await installed.works()
    pids = [await installed.pid(), await installed.pid("smallbms-outputs")]
    for pid in pids:
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8")
        assert re.search(rf"Max address space +{ADDRESS_SPACE} ", limits)
    memory_mb = [_proportional_kb(pid) / 1e3 for pid in pids]
    size_mb = sum(file.lstat().st_size for file in (installed.gx.data / "apps").rglob("*")) / 1e6
    record_property("GX: start to name on the bus", f"{start_s:.2f} s, {cpu_s:.2f} s of CPU")
    record_property("GX: memory of main and outputs process", f"{memory_mb[0]:.0f} + {memory_mb[1]:.0f} MB")
    record_property("GX: installed", f"{size_mb:.0f} MB")
    assert start_s < 15 and sum(memory_mb) < 120 and size_mb < 60
    log = installed.gx.data / "log/dbus-smallbms-ng/current"
    assert log.stat().st_size < 10_000, log.read_text(encoding="utf-8")


def _proportional_kb(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")))


async def test_installed_from_a_stick(site: Site, archive: Path) -> None:
    stick_archive = site.stick / "venus-data.tar.gz"
    stick_archive.write_bytes(archives.beside(archive).read_bytes())
    (site.stick / "config.toml").rename(site.stick / "smallbms.toml")
    await site.start()
    await site.works()
    assert (site.gx.data / CONFIGURATION.removeprefix("/data/")).read_text() == (
        site.stick / "smallbms.toml"
    ).read_text()
    log = site.stick / "dbus-smallbms-ng-install.log"
    await wait_for(lambda: "Installed." in log.read_text(encoding="utf-8"), "the end of the installation")
    await site.gx.reboot()  # the stick was forgotten
    await site.works()


async def test_a_stick_that_is_forgotten_takes_no_version_back(installed: Site, tmp_path: Path) -> None:
    older = archives.build(tmp_path / "out", archives.another(tmp_path / "older", "0.0.1"))
    (installed.stick / "venus-data.tar.gz").write_bytes(archives.beside(older).read_bytes())
    await installed.start()
    await installed.works()
    assert (installed.gx.data / "apps/dbus-smallbms-ng/current").readlink().name == archives.THIS
    log = installed.stick / "dbus-smallbms-ng-install.log"
    await wait_for(lambda: f"{archives.THIS} is installed" in log.read_text(encoding="utf-8"), "what came of the stick")


async def test_without_a_configuration_it_waits_and_says_so_once_a_try(site: Site, archive: Path) -> None:
    await site.start()
    await site.install(archive, "--yes")
    log = site.gx.data / "log/dbus-smallbms-ng/current"
    await wait_for(lambda: log.exists() and log.read_text().count("smallbms.toml") >= 2, "two tries")
    lines = log.read_text(encoding="utf-8").splitlines()
    assert all(CONFIGURATION in line for line in lines), lines
    assert len(lines) <= 8
    await site.gx.do(f"cp /media/sda1/config.toml {CONFIGURATION}")
    await site.works()
    assert "stop-tty.sh ttyUSB0" in site.gx.path("/run/serial-starter.calls").read_text(encoding="utf-8")


async def test_installing_again_repairs(installed: Site, archive: Path) -> None:
    await installed.start()
    await installed.works()
    await installed.gx.do(f"echo broken >>{HOME}/current/service/smallbms/app.py; rm -r {HOME}/service")
    assert "REBOOT THE GX" in await installed.install(archive, "--yes")
    await installed.gx.reboot()
    await installed.works()
    broken = await installed.gx.run(f"grep -c ^broken {HOME}/current/service/smallbms/app.py")
    assert broken.text.strip() == "0"


# --- away again ----------------------------------------------------------------------------------------------------


async def test_uninstalling_leaves_only_the_configuration(site: Site, archive: Path) -> None:
    await site.start()
    await site.gx.until("svstat /service/other", lambda said: ": up " in said.text)
    before = contents(site.gx.data), contents(site.gx.path("/service")).keys(), _of_run(site.gx)
    await site.install(archive, "--yes", "--config", "/media/sda1/config.toml")
    await site.works()
    said = await site.gx.do(f"{HOME}/current/install.sh uninstall --yes")
    assert "/data/conf/dbus-smallbms-ng" in said
    pins = site.gx.path(PINS).read_text(encoding="utf-8")
    assert '"charge_disconnect": false, "load_disconnect": false' in pins
    after = contents(site.gx.data)
    kept = {name for name in after if name.startswith("conf/dbus-smallbms-ng")}
    assert CONFIGURATION.removeprefix("/data/") in kept
    assert {name: what for name, what in after.items() if name not in kept} == before[0]
    assert contents(site.gx.path("/service")).keys() == before[1]
    assert _of_run(site.gx) - before[2] <= {"pins.json", "serial-starter.calls", "udev.calls"}
    assert (await site.gx.run("ps | grep -v grep | grep -i smallbms")).text == ""


async def test_purging_leaves_nothing_at_all(installed: Site) -> None:
    await installed.start()
    settings = LocalSettings("")
    async with installed.bus(settings) as client:
        await client.appeared()
        await wait_for(lambda: any("smallbms" in path for path in settings.stored), "settings in localsettings")
        await installed.gx.do(f"{HOME}/current/install.sh uninstall --yes --purge")
        assert not [path for path in settings.stored if "smallbms" in path]
    assert contents(installed.gx.data).keys() == {"conf", "log", "rc.local"}
    assert (installed.gx.data / "rc.local").read_bytes() == RC_LOCAL


def _of_run(gx: Gx) -> set[str]:
    return {path.name for path in gx.path("/run").iterdir()} | {
        f"udev/rules.d/{path.name}" for path in gx.path("/run/udev/rules.d").iterdir()
    }


# --- refused -------------------------------------------------------------------------------------------------------


async def refused(site: Site, archive: Path) -> str:
    """Try to install; what it said, and that nothing came of it."""
    before = contents(site.gx.data)
    with pytest.raises(AssertionError) as failed:
        await site.install(archive, "--yes")
    assert "Traceback" not in str(failed.value)
    assert contents(site.gx.data) == before
    return str(failed.value)


async def test_a_venus_that_is_too_old_is_told_by_the_shell(site: Site, archive: Path) -> None:
    site.gx.firmware("v3.55")
    site.gx.replace("/usr/bin/python3", "#!/bin/sh\necho Traceback: a Python of long ago\nexit 1\n")
    await site.start()
    assert "v3.60 or newer is needed" in await refused(site, archive)


async def test_a_full_data_partition(site: Site, archive: Path) -> None:
    site.gx.data_options = "size=30m"
    await site.start()
    assert "MB are needed" in await refused(site, archive)


async def test_a_data_partition_that_became_read_only(site: Site, archive: Path) -> None:
    (site.gx.data / "log").mkdir()
    (site.gx.data / "conf").mkdir()
    site.gx.data_options = "ro"
    await site.start()
    assert "cannot be written to" in await refused(site, archive)


@pytest.mark.parametrize("architecture", ["armv7l", "aarch64"])
async def test_an_archive_for_another_machine(architecture: str, site: Site, tmp_path: Path) -> None:
    await site.start()
    said = await refused(site, archives.build(tmp_path / "out", architecture=architecture))
    assert f"this bundle is for {architecture}, this machine is x86_64" in said


async def test_a_file_that_was_damaged_on_the_way(site: Site, archive: Path) -> None:
    await site.start()
    tar = site.put_on_stick(archive)
    await site.gx.do(f"tar xzf {tar} -C /tmp && echo '# x' | tee -a /tmp/dbus-*/service/smallbms/app.py")
    status, text = await site.gx.run("/tmp/dbus-*/install.sh install --yes")
    assert status == 1 and "app.py" in text and "Traceback" not in text
    assert not (site.gx.data / "apps/dbus-smallbms-ng/current").exists()
