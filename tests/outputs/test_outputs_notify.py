from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from outputs_process import DEADLINE_S, Outputs, wait_until

from integration.harness import running
from integration.programs import wait_for
from smallbms.outputs.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """What listens at $NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def heard(systemd: socket.socket) -> list[str]:
    said = []
    while True:
        try:
            said.append(systemd.recv(100).decode())
        except BlockingIOError:
            return said


def test_the_first_sign_of_life_says_ready_and_more_come_thrice_in_the_time(systemd: socket.socket) -> None:
    life = [["READY=1", "WATCHDOG=1"], [], ["WATCHDOG=1"], [], ["WATCHDOG=1"]]
    times_s = iter([0.0, 0.9, 1.0, 1.5, 2.5])
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "3000000"}, lambda: next(times_s))
    assert heard(systemd) == []
    for said in life:
        notifier.alive()
        assert heard(systemd) == said
    notifier.stopping()
    assert heard(systemd) == ["STOPPING=1"]


@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1", "WATCHDOG_PID": str(os.getpid() + 1)}]
)
def test_without_a_watchdog_ready_is_all(systemd: socket.socket, watchdog: dict[str, str]) -> None:
    seconds = iter(range(1000))
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname(), **watchdog}, lambda: next(seconds))
    for _ in range(50):
        notifier.alive()
    assert heard(systemd) == ["READY=1", "WATCHDOG=1"]


def test_an_abstract_socket_is_heard_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        name = f"smallbms-test-{os.getpid()}"
        receiver.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).stopping()
        receiver.settimeout(5)
        assert receiver.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_where_nobody_listens_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.alive()
    notifier.stopping()


async def test_the_main_process_tells_systemd_while_it_runs(
    systemd: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "900000")
    folder = tmp_path / "system"
    folder.mkdir()
    said: list[str] = []
    loop = asyncio.get_running_loop()
    loop.add_reader(systemd, lambda: said.extend(heard(systemd)))  # its queue is short
    try:
        async with running(folder) as system:
            # the daemon of the bus, the outputs process, the main process
            await wait_for(lambda: said.count("READY=1") == 3, "all that is ready")
            await system.outputs.kill()
            said.clear()
            await wait_for(lambda: "WATCHDOG=1" in said, "a sign of life of the main process")
            assert await system.main.terminate() == 0
            await wait_for(lambda: said[-1] == "STOPPING=1", "its last word")
    finally:
        loop.remove_reader(systemd)


def test_the_outputs_process_tells_systemd_until_it_hangs(
    systemd: socket.socket, outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    process = outputs.start()
    said: list[str] = []
    wait_until(lambda: said.extend(heard(systemd)) or said.count("WATCHDOG=1") > 1)
    assert (said[0], said.count("READY=1")) == ("READY=1", 1)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    heard(systemd)
    with pytest.raises(TimeoutError):
        systemd.settimeout(1.2)
        systemd.recv(100)
    process.send_signal(signal.SIGCONT)
    process.terminate()
    assert process.wait(DEADLINE_S) == 0
    systemd.setblocking(False)
    assert heard(systemd)[-1] == "STOPPING=1"
