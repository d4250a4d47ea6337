"""A private dbus-daemon, and a peer that speaks to it by a library alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
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
    """A private dbus-daemon."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:path={folder / 'bus'}"
        configuration = folder / "bus.conf"
        configuration.write_text(CONFIGURATION.format(address=self.address), encoding="utf-8")
        command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


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
