"""Settings that localsettings keeps for us (com.victronenergy.settings)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from velib_python._library import Message
from velib_python._marshal import Variant
from velib_python._signals import CHANGE_SIGNALS, changed_items
from velib_python._tree import BUS_ITEM
from velib_python.connection import DBUS, Connection
from velib_python.errors import DbusError, SettingRefusedError
from velib_python.ve_utils import unwrap_dbus_value, wrap_dbus_value

SETTINGS_SERVICE = "com.victronenergy.settings"
SETTINGS_INTERFACE = "com.victronenergy.Settings"
NOBODY = f"{DBUS}.Error.NameHasNoOwner"
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 60.0

# localsettings' answers to AddSettings
_REASONS = {
    -2: "a path may not contain '/_'",
    -3: "a default must be a whole number, a decimal or text",
    -4: "not a path",
    -5: "the stored setting has another type",
    -6: "the default is not valid",
    -7: "the default is outside the limits",
    -8: "the path is a group of settings",
    -9: "a path must start with /Settings/",
}

log = logging.getLogger(__name__)

Number = int | float


class Setting(NamedTuple):
    """One setting; its type is that of `default`. minimum = maximum = 0: no limits. silent: changes are not logged."""

    path: str
    default: int | float | str
    minimum: Number = 0
    maximum: Number = 0
    silent: bool = False


class SettingsDevice:
    """Settings by alias: `settings[alias]` is the last known value, the default until localsettings has told one.

    `on_change(alias, old, new)` follows each change, whoever made it. When localsettings restarts, all are added anew.
    What fails is tried again, ever more seldom, until they are added; `available` then.
    """

    def __init__(
        self, bus: Connection, settings: Mapping[str, Setting],
        on_change: Callable[[str, Any, Any], None] | None = None,
    ) -> None:  # fmt: skip
        self.available = False
        self._bus = bus
        self._settings = {alias: Setting(*setting) for alias, setting in settings.items()}
        self._aliases = {setting.path: alias for alias, setting in self._settings.items()}
        self._values: dict[str, Any] = {alias: setting.default for alias, setting in self._settings.items()}
        self._on_change = on_change
        self._owner = ""
        self._heard: set[str] = set()
        self._attempts = 0  # the newest counts
        self._failure = ""  # the last one, said once

    async def start(self) -> bool:
        """Add the settings and follow them; False if localsettings is not there (they are added once it comes).

        Raises SettingRefusedError for the first one that it does not take, DbusError, TimeoutError. It goes on trying
        then, also where somebody did not wait for the end of this.
        """
        try:
            return await self._begin()
        except (DbusError, SettingRefusedError, TimeoutError, asyncio.CancelledError) as error:
            self._failure = _why(error)
            self._bus.spawn(self._add_again(FIRST_RETRY_S))
            raise

    async def _begin(self) -> bool:
        await self._listen()
        try:
            (self._owner,) = await self._bus.call_daemon("GetNameOwner", "s", SETTINGS_SERVICE)
        except DbusError as error:
            if error.name != NOBODY:
                raise
            return False
        await self._add_all()
        return True

    async def _listen(self) -> None:
        """Have the daemon send us each signal, once."""
        for member in CHANGE_SIGNALS:
            if member not in self._heard:
                await self._bus.add_signal_handler(
                    self._changed, interface=BUS_ITEM, member=member, sender=SETTINGS_SERVICE
                )
                self._heard.add(member)
        if (member := "NameOwnerChanged") not in self._heard:
            await self._bus.add_signal_handler(
                self._owner_changed, interface=DBUS, member=member, sender=DBUS, arg0=SETTINGS_SERVICE
            )
            self._heard.add(member)

    def __getitem__(self, alias: str) -> Any:
        return self._values[alias]

    async def set_value(self, alias: str, value: int | float | str) -> None:
        """Write a setting; SettingRefusedError if localsettings does not take it (out of range, wrong type)."""
        path = self._settings[alias].path
        (code,) = await self._bus.call(SETTINGS_SERVICE, path, BUS_ITEM, "SetValue", "v", wrap_dbus_value(value))
        if code != 0:
            raise SettingRefusedError(path, code, f"{value!r} is refused")
        self._take(alias, value)

    async def _add_all(self) -> None:
        owner = self._owner
        values = await add_settings(self._bus, self._settings)
        if owner != self._owner:
            return  # that one is gone; its successor is asked, too
        for alias, value in values.items():
            self._take(alias, value)
        self.available = True
        self._failure = ""

    async def _add_again(self, pause_s: float = 0.0) -> None:
        """Try until it succeeds, or somebody else tries."""
        self._attempts += 1
        mine, retry_s = self._attempts, FIRST_RETRY_S
        while True:
            await asyncio.sleep(pause_s)
            if mine != self._attempts or self.available:
                return
            try:
                await self._begin()
                return
            except (DbusError, SettingRefusedError, TimeoutError) as error:
                if (why := _why(error)) != self._failure:
                    log.warning("localsettings is not used: %s", why)
                self._failure = why
            pause_s, retry_s = retry_s, min(2 * retry_s, LONGEST_RETRY_S)

    def _owner_changed(self, signal: Message) -> None:
        name, _, owner = signal.body
        if name != SETTINGS_SERVICE:
            return  # another handler's match
        self._owner = owner
        self.available = False
        if owner:
            self._bus.spawn(self._add_again())

    def _changed(self, signal: Message) -> None:
        if signal.sender != self._owner:
            return
        for path, properties in changed_items(signal).items():
            if path in self._aliases and "Value" in properties:
                self._take(self._aliases[path], unwrap_dbus_value(properties["Value"]))

    def _take(self, alias: str, value: Any) -> None:
        old = self._values[alias]
        self._values[alias] = value
        if old != value and self._on_change:
            self._on_change(alias, old, value)


def _why(error: BaseException) -> str:
    return str(error) or "no answer"


async def add_settings(bus: Connection, settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Add settings to localsettings: alias → the value it holds now (a stored one is kept).

    Raises SettingRefusedError, DbusError, TimeoutError, ConnectionError.
    """
    requests = [_request(setting) for setting in settings.values()]
    (answers,) = await bus.call(SETTINGS_SERVICE, "/", SETTINGS_INTERFACE, "AddSettings", "aa{sv}", requests)
    values = {}
    for (alias, setting), answer in zip(settings.items(), answers, strict=True):
        code = answer["error"].value
        if code != 0:
            raise SettingRefusedError(setting.path, code, _REASONS.get(code, "refused"))
        values[alias] = unwrap_dbus_value(answer["value"])
    return values


async def remove_settings(bus: Connection, paths: Sequence[str]) -> None:
    """Remove settings from localsettings; one that is not there is none of its errors.

    Raises DbusError, TimeoutError, ConnectionError.
    """
    await bus.call(SETTINGS_SERVICE, "/", SETTINGS_INTERFACE, "RemoveSettings", "as", list(paths))


def _request(setting: Setting) -> dict[str, Variant]:
    request = {"path": Variant("s", setting.path), "default": wrap_dbus_value(setting.default)}
    if not isinstance(setting.default, str):
        kind = request["default"].signature
        request |= {"min": Variant(kind, setting.minimum), "max": Variant(kind, setting.maximum)}
    if setting.silent:
        request["silent"] = Variant("i", 1)
    return request


async def allocate_vrm_instance(bus: Connection, unique: str, device_class: str, preferred: int) -> int:
    """The device instance that localsettings holds for this device: its stored one, else `preferred` or the next free.

    `unique` names the device for ever: driver name and serial, characters of a D-Bus path, no leading underscore.
    """
    path = f"/Settings/Devices/{unique}/ClassAndVrmInstance"
    values = await add_settings(bus, {"instance": Setting(path, f"{device_class}:{preferred}")})
    return int(str(values["instance"]).rpartition(":")[2])
