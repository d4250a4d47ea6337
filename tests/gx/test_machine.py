"""The Venus-like root is one: what the other tests rest on."""

from __future__ import annotations

import pytest

from .machine import Gx

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_only_data_is_kept(gx: Gx) -> None:
    await gx.boot()
    assert (await gx.run("echo x >/etc/x")).status
    assert (await gx.run("echo x >/opt/victronenergy/service/x")).status
    await gx.do("echo x >/run/x; mkdir /service/x; echo x >/tmp/x; echo x >/data/x")
    await gx.reboot()
    assert await gx.do("ls -d /run/x /service/x /tmp/x /data/x 2>/dev/null || true") == "/data/x\n"


async def test_its_services_run_and_come_back(gx: Gx) -> None:
    await gx.boot()
    await gx.until("svstat /service/other", lambda said: ": up " in said.text)
    pid = (await gx.do("pidof sleep")).strip()
    await gx.do(f"kill -9 {pid}")
    await gx.until("pidof sleep", lambda said: said.text.strip() not in ("", pid))


async def test_svscan_looks_at_once_when_it_is_told_to(gx: Gx) -> None:
    await gx.boot()
    await gx.until("svstat /service/other", lambda said: ": up " in said.text)
    await gx.do("cp -a /opt/victronenergy/service/other /service/new && svrescan")
    await gx.until("svstat /service/new", lambda said: ": up " in said.text, seconds=3)
    assert (await gx.do("pidof svscan")).strip().isdigit()


async def test_rc_local_runs_after_svscan_and_a_stick_is_unpacked_before(gx: Gx) -> None:
    rc_local = gx.data / "rc.local"
    rc_local.write_text("#!/bin/sh\npidof svscan && echo unpacked: $(cat /data/apps/x)\n", encoding="utf-8")
    rc_local.chmod(0o755)
    gx.stick = gx.data.parent / "stick"
    (gx.stick / "rc").mkdir(parents=True)
    (gx.stick / "apps").mkdir()
    (gx.stick / "rc/post-hook.sh").write_text('echo "hook: $1 $(cat /data/apps/x)"\n', encoding="utf-8")
    (gx.stick / "apps/x").write_text("content\n", encoding="utf-8")
    await gx.boot()
    await gx.do("cd /media/sda1 && tar czf venus-data.tar.gz rc apps")
    await gx.reboot()
    assert "hook: success content" in gx.said()
    assert gx.said().index("hook: success") < gx.said().index("unpacked: content")
    assert not (gx.data / "rc").exists()


async def test_it_has_no_network_and_its_python_no_more_than_a_gx_has(gx: Gx) -> None:
    await gx.boot()
    assert (await gx.run("ping -c 1 -W 1 1.1.1.1")).status
    assert "No module named 'sqlite3'" in (await gx.run("python3 -c 'import sqlite3'")).text
    assert "of the image was imported" in (await gx.run("python3 -c 'import dbus_fast'")).text


async def test_a_power_cut_ends_every_process(gx: Gx) -> None:
    await gx.boot()
    await gx.until("pidof sleep", lambda said: said.status == 0)
    inside = [gx.path(f"/proc/{pid}") for pid in (await gx.do("pidof sleep svscan dbus-daemon")).split()]
    assert len(inside) == 3
    await gx.power_cut()
    assert not any(place.exists() for place in inside)
