"""Bluetooth through the library aiobmsble, which is not everywhere: imported only where it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import pkgutil
from collections.abc import AsyncIterator, Iterator, Mapping
from types import ModuleType
from typing import Any

from smallbms.errors import ConfigError, FrameError, LinkError
from smallbms.model import Identity
from smallbms.wording import refusal

FIND_S = 10.0
CONNECT_S = 20.0
READ_S = 4.0  # time to ask twice; a battery counts as lost after 9 s
LIBRARY_LOG = f"{__name__}.library"  # its errors come again here, as ours
MISSING = (
    'driver = "ble" needs the package aiobmsble in the venv that runs this, of Python 3.12 or newer: pip install '
    'aiobmsble. It cannot be had on a GX: use a wire there, or driver = "victron-dbus" for what another service reads'
)


class BleRadio:
    """The Bluetooth adapter of this computer, for these kinds of batteries, each with where it stands.

    Raises ConfigError where the library is missing or does not know a kind.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        try:
            self._library, self._kinds = (importlib.import_module(f"aiobmsble{part}") for part in ("", ".bms"))
            self._bleak, self._retry = map(importlib.import_module, ("bleak", "bleak_retry_connector"))
        except ImportError as error:
            raise ConfigError(MISSING) from error
        unknown = {where: kind for where, kind in kinds.items() if kind not in self.kinds}
        if unknown:
            known = ", ".join(self.kinds)
            raise ConfigError("\n".join(f"{where} {refusal('type', kind, known)}" for where, kind in unknown.items()))
        self._turn = asyncio.Lock()  # an adapter looks for one battery at a time
        logging.getLogger(LIBRARY_LOG).setLevel(logging.CRITICAL)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of batteries that it knows."""
        names = (module.name for module in pkgutil.iter_modules(self._kinds.__path__))
        return tuple(sorted(name for name in names if name.endswith("_bms")))

    @contextlib.asynccontextmanager
    async def connected(self, kind: str, *, address: str | None, name: str | None) -> AsyncIterator[ConnectedBattery]:
        """A battery by its address, else by the name that it advertises; raises LinkError or FrameError."""
        module = await asyncio.to_thread(importlib.import_module, f"{self._kinds.__name__}.{kind}")
        async with contextlib.AsyncExitStack() as stack:
            async with self._turn:
                with _as_ours(self._bleak):
                    device = await self._found(address, name)
                    bms = module.BMS(device, self._library.BMSConfig(keep_alive=True), LIBRARY_LOG)
                battery = ConnectedBattery(bms, device.address, self._bleak)
                stack.push_async_callback(battery.let_go)
                await battery.connect()
            yield battery

    async def in_reach(self) -> tuple[tuple[str, str], ...]:
        """The kind and the address of each battery that advertises now; raises LinkError."""
        utils = await asyncio.to_thread(importlib.import_module, "aiobmsble.utils")
        with _as_ours(self._bleak):
            heard = await self._bleak.BleakScanner.discover(FIND_S, return_adv=True)
            known = [(address, await utils.bms_identify(told, address)) for address, (_, told) in heard.items()]
        return tuple(sorted((kind.__module__.rpartition(".")[2], address) for address, kind in known if kind))

    async def _found(self, address: str | None, name: str | None) -> Any:
        scanner = self._bleak.BleakScanner
        if address is not None:
            # one that is connected, as after a crash of ours, does not advertise
            await self._retry.close_stale_connections_by_address(address)
            device = await scanner.find_device_by_address(address, FIND_S)
        else:
            device = await scanner.find_device_by_name(name, FIND_S)
        if device is None:
            raise LinkError(f"{address or name} is not in reach, or connected to another device")
        return device


class ConnectedBattery:
    """One battery; a connection that is lost does not come back."""

    def __init__(self, bms: Any, address: str, bleak: ModuleType) -> None:
        self._bms = bms
        self._bleak = bleak
        self.identity = Identity(key=f"ble:{address}")

    async def connect(self) -> None:
        """Connect, and ask who it is; one that does not say is nobody."""
        with _as_ours(self._bleak):
            async with asyncio.timeout(CONNECT_S):
                await self._bms.__aenter__()
        with contextlib.suppress(LinkError, FrameError), _as_ours(self._bleak):
            async with asyncio.timeout(READ_S):
                info = await self._bms.device_info()
            self.identity = _identity(self.identity.key, info)

    async def sample(self) -> Mapping[str, Any]:
        """Read it, as it is told and with nothing derived."""
        if not self._bms.is_connected:
            raise LinkError("it has disconnected")
        with _as_ours(self._bleak):
            async with asyncio.timeout(READ_S):
                sample: Mapping[str, Any] = await self._bms.async_update(raw=True)
                return sample

    async def let_go(self) -> None:
        """Disconnect, whatever there is."""
        with contextlib.suppress(LinkError, FrameError), _as_ours(self._bleak):
            async with asyncio.timeout(READ_S):
                await self._bms.disconnect(reset=True)


@contextlib.contextmanager
def _as_ours(bleak: ModuleType) -> Iterator[None]:
    """What the library raises as LinkError; what its protocols raise for unexpected bytes as FrameError."""
    try:
        yield
    except (bleak.exc.BleakError, OSError, EOFError) as error:
        raise LinkError(str(error) or "no answer in time") from error
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise FrameError(f"{type(error).__name__}: {error}") from error


def _identity(key: str, info: Mapping[str, str]) -> Identity:
    firmware = info.get("fw_version") or info.get("sw_version")
    return Identity(key=key, serial=info.get("serial_number"), model=info.get("model"), firmware=firmware)
