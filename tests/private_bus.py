"""A private dbus-daemon, and a peer that speaks to it by a library alone."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path

from dbus_fast import Message
from dbus_fast.aio import MessageBus

from velib_python.connection import Connection

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

Connector = Callable[[], Awaitable[Connection]]


class Daemon:
    """One bus in a folder: it may stand still, be killed, and be started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "bus"
        self.address = f"unix:path={self._socket}"
        self._configuration = folder / "bus.conf"
        self._configuration.write_text(CONFIGURATION.format(address=self.address), encoding="utf-8")
        self._process: Process | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; it takes connections when this returns."""
        self._socket.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            "dbus-daemon", f"--config-file={self._configuration}", "--nofork", "--print-address",
            stdout=PIPE, stderr=DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert await self._process.stdout.readline()

    def stop(self) -> None:
        """It stands still when this returns."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def resume(self) -> None:
        """It goes on, if it runs at all."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        if self._process is not None and self.running:
            self._process.kill()
            await self._process.communicate()


class Peer:
    """A client of the contract that shares no code with the package."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.signals: list[Message] = []
        bus.add_message_handler(self._keep)

    def _keep(self, message: Message) -> None:
        if message.message_type.name == "SIGNAL" and message.sender != "org.freedesktop.DBus":
            self.signals.append(message)

    async def listen(self, rule: str = "type='signal',interface='com.victronenergy.BusItem'") -> None:
        reply = await self.daemon("AddMatch", "s", rule)
        assert reply.message_type.name == "METHOD_RETURN"

    async def call(
        self, destination: str, path: str, member: str, signature: str = "", *body: object,
        interface: str | None = "com.victronenergy.BusItem",
    ) -> Message:  # fmt: skip
        message = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        async with asyncio.timeout(10):
            reply = await self.bus.call(message)
        assert reply is not None
        return reply

    async def daemon(self, member: str, signature: str = "", *body: object) -> Message:
        return await self.call(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", member, signature, *body, interface="org.freedesktop.DBus"
        )

    async def close(self) -> None:
        self.bus.disconnect()
        await self.bus.wait_for_disconnect()


async def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until the condition holds; TimeoutError if it never does."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
