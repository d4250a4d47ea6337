"""Settings that localsettings keeps for us (com.victronenergy.settings)."""

from __future__ import annotations

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

    async def start(self) -> bool:
        """Add the settings and follow them; False if localsettings is not there (they are added once it comes).

        Raises SettingRefusedError for the first one that it does not take.
        """
        for member in CHANGE_SIGNALS:
            await self._bus.add_signal_handler(
                self._changed, interface=BUS_ITEM, member=member, sender=SETTINGS_SERVICE
            )
        await self._bus.add_signal_handler(
            self._owner_changed, interface=DBUS, member="NameOwnerChanged", sender=DBUS, arg0=SETTINGS_SERVICE
        )
        try:
            (self._owner,) = await self._bus.call_daemon("GetNameOwner", "s", SETTINGS_SERVICE)
        except DbusError:
            return False
        await self._add_all()
        return True

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
        for alias, value in (await add_settings(self._bus, self._settings)).items():
            self._take(alias, value)
        self.available = True

    async def _add_again(self) -> None:
        try:
            await self._add_all()
        except (DbusError, SettingRefusedError, TimeoutError) as error:
            log.warning("localsettings is back, but: %s", error)

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
