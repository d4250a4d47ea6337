"""An adapter without a radio: a backend of bleak, behind which JBD boards advertise, connect and answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError
from bleak.uuids import normalize_uuid_str

from smallbms.emulators.jbd import JbdBoard

SERVICE, NOTIFIES, TAKES = (normalize_uuid_str(uuid) for uuid in ("ff00", "ff01", "ff02"))
CHUNK = 20  # bytes of a notification with the smallest MTU


class Air:
    """What is in reach: boards by address; `silent` boards connect and do not answer."""

    def __init__(self) -> None:
        self.boards: dict[str, JbdBoard] = {}
        self.names: dict[str, str] = {}
        self.silent: set[str] = set()
        self.connections: list[Client] = []
        self.scanning = 0
        self.most_scanning = 0

    def add(self, address: str, name: str, board: JbdBoard) -> None:
        self.boards[address], self.names[address] = board, name

    @property
    def open(self) -> list[str]:
        return [client.address for client in self.connections if client.is_connected]

    def drop(self, address: str) -> None:
        """A battery ends its connection."""
        for client in self.connections:
            if client.address == address and client.is_connected:
                client.dropped()

    def backends(self, patch: pytest.MonkeyPatch) -> None:
        """Have bleak use this."""
        air = self

        class OurScanner(Scanner):
            _air = air

        class OurClient(Client):
            _air = air

        patch.setattr("bleak.get_platform_scanner_backend_type", lambda: (OurScanner, "air"))
        patch.setattr("bleak.get_platform_client_backend_type", lambda: (OurClient, "air"))


class Scanner(BaseBleakScanner):
    _air: Air
    _timer: asyncio.Handle

    def __init__(self, detection_callback: Any, service_uuids: Any, *_: Any, **__: Any) -> None:
        super().__init__(detection_callback, service_uuids)

    async def start(self) -> None:
        self._air.scanning += 1
        self._air.most_scanning = max(self._air.most_scanning, self._air.scanning)
        self._timer = asyncio.get_running_loop().call_soon(self._hear)

    async def stop(self) -> None:
        self._air.scanning -= 1
        self._timer.cancel()

    def _hear(self) -> None:
        """Everyone in reach advertises every few milliseconds."""
        for address, name in self._air.names.items():
            data = AdvertisementData(
                local_name=name, manufacturer_data={}, service_data={}, service_uuids=[SERVICE], tx_power=None,
                rssi=-60, platform_data=(),
            )  # fmt: skip
            device = self.create_or_update_device(address, address, name, {"path": "/none"}, data)
            self.call_detection_callbacks(device, data)
        self._timer = asyncio.get_running_loop().call_later(0.005, self._hear)


class Client(BaseBleakClient):
    _air: Air

    def __init__(self, device: BLEDevice | str, **kwargs: Any) -> None:
        super().__init__(device, disconnected_callback=kwargs["disconnected_callback"], timeout=kwargs["timeout"])
        self._connected = False
        self._notify: Callable[[bytearray], None] | None = None

    @property
    def mtu_size(self) -> int:
        return CHUNK + 3

    @property
    def is_connected(self) -> bool:
        return self._connected

    async def connect(self, pair: bool, **_: Any) -> None:
        if self.address not in self._air.boards:
            raise BleakError("le-connection-abort-by-local")
        services = BleakGATTServiceCollection()
        service = BleakGATTService(None, 1, SERVICE)
        services.add_service(service)
        for handle, (uuid, properties) in enumerate(((NOTIFIES, ["notify"]), (TAKES, ["write"])), 2):
            services.add_characteristic(
                BleakGATTCharacteristic(None, handle, uuid, properties, lambda: CHUNK, service)  # type: ignore[arg-type]
            )
        self.services = services
        self._connected = True
        self._air.connections.append(self)

    async def disconnect(self) -> None:
        if self._connected:
            self.dropped()

    def dropped(self) -> None:
        self._connected = False
        if self._disconnected_callback:
            self._disconnected_callback()

    async def start_notify(self, characteristic: Any, callback: Callable[[bytearray], None], **_: Any) -> None:
        self._notify = callback

    async def stop_notify(self, characteristic: Any) -> None:
        self._notify = None

    async def write_gatt_char(self, characteristic: Any, data: Any, response: bool) -> None:
        if not self._connected:
            raise BleakError("not connected")
        reply = self._air.boards[self.address].receive(bytes(data))
        if self._notify is None or self.address in self._air.silent:
            return
        for start in range(0, len(reply), CHUNK):
            asyncio.get_running_loop().call_soon(self._notify, bytearray(reply[start : start + CHUNK]))

    async def read_gatt_char(self, characteristic: Any, **_: Any) -> bytearray:
        raise BleakError("not readable")

    async def read_gatt_descriptor(self, descriptor: Any, **_: Any) -> bytearray:
        raise BleakError("not readable")

    async def write_gatt_descriptor(self, descriptor: Any, data: Any) -> None:
        raise BleakError("not writable")

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        raise BleakError("not paired")

    async def unpair(self) -> None:
        raise BleakError("not paired")
