"""Our settings as a GX keeps them (com.victronenergy.settings), so that its screens and backups see them.

The store is the truth; only where it held nothing, what localsettings has is taken over. From then on a change there
comes in by the same door as any other, and ours are written there.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from smallbms.errors import SettingsError
from smallbms.publish.feed import Door
from smallbms.setting_row import SettingRow, Value
from smallbms.settings import SETTINGS, Settings
from velib_python.connection import Connection
from velib_python.errors import DbusError, SettingRefusedError
from velib_python.settingsdevice import Setting, SettingsDevice

DEVICE_CLASS = "battery"
START_LIMIT_S = 3.0  # a localsettings that hangs must not keep a BMS off the bus
_INSTANCE = "ClassAndVrmInstance"
_ORIGIN = "localsettings"
_ROWS = {row.name: row for row in SETTINGS}

log = logging.getLogger(__name__)


class LocalSettings:
    """The copy under /Settings/Devices/<unique>/, on one connection; localsettings may come and go.

    `instance` is the device instance it holds for us, the preferred one while it has not spoken. `untouched`: the
    settings of a first start; while ours are still those, what is found there wins. None once both agree.
    """

    def __init__(
        self, connection: Connection, unique: str, *, instance: int, untouched: Settings | None, door: Door
    ) -> None:
        self.instance = instance
        self.untouched = untouched
        self._door = door
        self._work = asyncio.Event()
        self._agreed = False
        self._carried: Settings | None = None
        self._writing: tuple[str, Value] | None = None
        self._refused: dict[str, Value] = {}
        self._failing = False
        paths = setting_paths(unique)
        declared = {name: _declared(paths[name], row) for name, row in _ROWS.items()}
        declared[_INSTANCE] = Setting(paths[_INSTANCE], f"{DEVICE_CLASS}:{instance}")
        self._device = SettingsDevice(connection, declared, self._changed)

    async def start(self) -> None:
        """Add our settings if localsettings is there; nothing that it refuses is an error here."""
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await self._device.start()
        except (DbusError, SettingRefusedError, TimeoutError) as error:
            log.warning("localsettings is not used: %s", str(error) or "no answer")
        self._take_instance()
        self.follow()

    def follow(self) -> None:
        """Look for what `work` has to do; call it after each change of settings, and from time to time."""
        if not self._device.available:
            self._agreed = False
        elif not self._agreed or self._door.settings is not self._carried:
            self._work.set()

    async def work(self) -> None:
        """Wait until something is to be done with localsettings, and do it."""
        await self._work.wait()
        self._work.clear()
        if not self._device.available:
            return
        if not self._agreed:
            self._agreed = True
            self._take_instance()
            if self.untouched == self._door.settings:
                self._take_over()
            self.untouched = None
        self._carried = self._door.settings
        for name in _ROWS:
            await self._write(name)

    async def _write(self, name: str) -> None:
        value = self._own(name)
        if value in (self._device[name], self._refused.get(name)):
            return
        self._writing = name, value
        try:
            await self._device.set_value(name, value)
            self._failing = False
        except SettingRefusedError as error:
            self._refused[name] = value
            log.warning("localsettings does not keep %s: %s", name, error)
        except (DbusError, TimeoutError) as error:
            self._agreed = False  # tried again with the next snapshot
            log.log(logging.DEBUG if self._failing else logging.WARNING, "localsettings: %s", str(error) or "no answer")
            self._failing = True
        finally:
            self._writing = None

    def _take_over(self) -> None:
        """Make its settings ours; the refused ones twice, because one may only be allowed after another."""
        refused = [name for name in _ROWS if not self._take(name, logging.DEBUG)]
        for name in refused:
            self._take(name, logging.WARNING)

    def _changed(self, name: str, _: Any, value: Any) -> None:
        """localsettings has another value: written by a person, or just now by us."""
        if not self._device.available:
            self._agreed = False  # it is being added: `work` compares then
            return
        if name == _INSTANCE:
            self._take_instance()
        elif (name, value) != self._writing:
            self._take(name, logging.INFO)
        self._work.set()

    def _take(self, name: str, level: int) -> bool:
        """Wish for what localsettings has; False if that is refused."""
        value = self._device[name]
        if value == self._own(name):
            return True
        try:
            self._door.apply(name, value, _ORIGIN)
        except SettingsError as refusal:
            log.log(level, "localsettings: %s", refusal)
            return False
        return True

    def _own(self, name: str) -> Value:
        value: Value = getattr(self._door.settings, name)
        return int(value) if _ROWS[name].kind == "i" else value

    def _take_instance(self) -> None:
        device_class, _, number = str(self._device[_INSTANCE]).partition(":")
        if device_class == DEVICE_CLASS and number.isdecimal():
            self.instance = int(number)


def setting_paths(unique: str) -> dict[str, str]:
    """Return the path of each of our settings in localsettings, by its name."""
    place = f"/Settings/Devices/{unique}"
    return {name: f"{place}/{_camel(name)}" for name in _ROWS} | {_INSTANCE: f"{place}/{_INSTANCE}"}


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _declared(path: str, row: SettingRow) -> Setting:
    bounds, default = row.bounds, row.bounds.default
    if bounds.minimum is None or bounds.maximum is None or default is None:
        return Setting(path, str(default))
    number = int if row.kind == "i" else float
    return Setting(path, number(default), number(bounds.minimum), number(bounds.maximum))
