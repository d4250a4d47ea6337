"""The one door for what a person changes: D-Bus, MQTT, web and command line all come through here.

A wish is checked at once, so that its writer gets an answer; everyone sees it in the next Snapshot.
"""

from __future__ import annotations

from collections.abc import Callable

from smallbms.changes import Change, ResetDefaults, SetMode, SetSetting
from smallbms.model import BatteryModel
from smallbms.settings import Settings, change_for, changed, fitted, with_defaults


class Door:
    """Keeps the settings in force and the wishes that the next step will hear of.

    `on_change` is called after each accepted wish.
    """

    def __init__(self, settings: Settings, on_change: Callable[[Change], None]) -> None:
        self.settings = settings
        self._on_change = on_change
        self._waiting: list[Change] = []
        self._model: BatteryModel | None = None

    def apply(self, name: str, value: object, origin: str) -> None:
        """Take a wish: a setting in its own unit, an action, or a state of charge. Raises SettingsError."""
        change = change_for(name, value, origin)
        match change:
            case SetSetting() | SetMode():
                after = changed(self.settings, name, value, model=self._model)
            case ResetDefaults():
                after = with_defaults(self.settings)
                after = fitted(after, self._model) if self._model else after
            case _:
                after = self.settings
        if isinstance(change, SetSetting) and after == self.settings:
            return
        self.settings = after
        self._waiting.append(change)
        self._on_change(change)

    def take(self) -> tuple[Change, ...]:
        """What has been wished since the last call."""
        waiting, self._waiting = tuple(self._waiting), []
        return waiting

    def know(self, model: BatteryModel) -> bool:
        """The batteries were found: settings that do not fit them move into their bounds. Whether any moved."""
        if self._model is model:
            return False
        self._model = model
        after = fitted(self.settings, model)
        moved, self.settings = after != self.settings, after
        return moved
