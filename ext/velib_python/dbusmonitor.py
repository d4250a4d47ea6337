"""Watch the services of other programs: which exist, and the values on their paths."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from velib_python._library import Message
from velib_python._marshal import Variant
from velib_python._signals import CHANGE_SIGNALS, changed_items
from velib_python._tree import BUS_ITEM
from velib_python._values import converter
from velib_python.connection import DBUS, UNKNOWN_METHOD, UNKNOWN_OBJECT, Connection
from velib_python.errors import DbusError
from velib_python.ve_utils import unwrap_dbus_value, wrap_dbus_value

Tree = Mapping[str, Collection[str] | None]
"""Class of services (`com.victronenergy.battery`) → the paths to watch, None for all of them."""

_NAMESPACE = "com.victronenergy"
_INSTANCE_PATH = "/DeviceInstance"

log = logging.getLogger(__name__)


class _Service:
    """What is known of one service; `values` hold each path's type and plain value."""

    __slots__ = ("answered", "later", "name", "owner", "paths", "scanned", "values")

    def __init__(self, name: str, owner: str, paths: Collection[str] | None) -> None:
        self.name = name
        self.owner = owner
        self.paths = paths
        self.scanned = False
        self.values: dict[str, tuple[str, Any]] = {}
        self.answered: set[str] = set()  # while it is read: paths whose answer has come, `/` for all
        self.later: dict[str, Mapping[str, Any]] = {}  # what signals said of them since

    @property
    def instance(self) -> int | None:
        """The `/DeviceInstance`, None while there is none."""
        value = self.values.get(_INSTANCE_PATH, ("", None))[1]
        return value if isinstance(value, int) else None

    def keep(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what came behind an answer that is not taken yet; what came before it is in it."""
        for path, properties in changes.items():
            if "Value" in properties and not self.answered.isdisjoint((path, "/")):
                self.later[path] = properties

    def take(self, path: str, properties: Mapping[str, Any]) -> bool:
        """Keep a path's value if it is watched: whether it is new."""
        if "Value" not in properties or not (self.paths is None or path in self.paths or path == _INSTANCE_PATH):
            return False
        variant = properties["Value"]
        entry = (variant.signature, unwrap_dbus_value(variant))
        if self.values.get(path) == entry:
            return False
        self.values[path] = entry
        return True


class DbusMonitor:
    """Follows all services of the classes in `tree`, except those in `ignore`.

    Callbacks: `on_value(service, path, value)`, `on_added(service, instance)`, `on_removed(service, instance)`; they
    run on the loop. A service without a valid `/DeviceInstance` is followed with instance None.
    """

    def __init__(
        self, bus: Connection, tree: Tree, *, on_value: Callable[[str, str, Any], None] | None = None,
        on_added: Callable[[str, int | None], None] | None = None,
        on_removed: Callable[[str, int | None], None] | None = None, ignore: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._bus = bus
        self._tree = tree
        self._on_value = on_value
        self._on_added = on_added
        self._on_removed = on_removed
        self._ignore = frozenset(ignore)
        self._services: dict[str, _Service] = {}
        self._heard: set[str] = set()  # names whose signals come to us, whoever owns them; no others cost anything

    async def start(self) -> None:
        """Scan what is there now (10 s at most for one that does not answer, which is left out) and follow the rest."""
        await self._bus.add_signal_handler(
            self._owner_changed, interface=DBUS, member="NameOwnerChanged", sender=DBUS, arg0namespace=_NAMESPACE
        )
        (names,) = await self._bus.call_daemon("ListNames")
        await asyncio.gather(*(self._add(name) for name in names if not name.startswith(":")))

    def get_service_list(self, device_class: str = "") -> dict[str, int | None]:
        """Name → device instance of the services that are scanned, of one class or all."""
        return {
            name: self.get_device_instance(name)
            for name, service in self._services.items()
            if service.scanned and (not device_class or _is_of_class(name, device_class))
        }

    def get_device_instance(self, service: str) -> int | None:
        """The `/DeviceInstance` of a service; None if it or the service does not exist."""
        known = self._services.get(service)
        return known.instance if known else None

    def get_value(self, service: str, path: str, default: Any = None) -> Any:
        """The last value; `default` if the path is unknown or invalid."""
        known = self._services.get(service)
        value = known.values.get(path, ("", None))[1] if known else None
        return default if value is None else value

    def seen(self, service: str, path: str) -> bool:
        """The path exists, perhaps invalid."""
        return service in self._services and path in self._services[service].values

    async def set_value(self, service: str, path: str, value: Any) -> int:
        """Write a value in the path's own type: the service's answer, 0 for done, -1 if service or path is unknown.

        Raises DbusError, TimeoutError, ConnectionError, or ValueError if the path's type cannot hold the value.
        """
        if not self.seen(service, path):
            return -1
        signature, current = self._services[service].values[path]
        variant = wrap_dbus_value(value)
        if current is not None and value is not None:
            variant = Variant(signature, converter(signature)(value))
        (code,) = await self._bus.call(service, path, BUS_ITEM, "SetValue", "v", variant)
        return int(code)

    # Following

    async def _add(self, name: str) -> None:
        """Follow a service that was there before us."""
        with contextlib.suppress(DbusError):  # gone since ListNames
            (owner,) = await self._bus.call_daemon("GetNameOwner", "s", name)
            if name not in self._services and (service := self._watch(name, owner)):
                await self._scan(service)

    def _watch(self, name: str, owner: str) -> _Service | None:
        """Start to know a service, if it is one that we follow."""
        for device_class, paths in self._tree.items():
            if _is_of_class(name, device_class) and name not in self._ignore:
                service = self._services[name] = _Service(name, owner, paths)
                return service
        return None

    async def _scan(self, service: _Service) -> None:
        try:
            await self._hear(service.name)
            items = await self._read_all(service)
        except (DbusError, TimeoutError) as error:
            log.warning("%s cannot be read: %s", service.name, error or "no answer")
            return
        if self._services.get(service.name) is not service:
            return
        for path, properties in (items | service.later).items():
            service.take(path, properties)
        service.scanned = True
        if self._on_added:
            self._on_added(service.name, self.get_device_instance(service.name))

    async def _hear(self, name: str) -> None:
        """Have its signals from before it is read, so that none is missed."""
        if name not in self._heard:
            for member in CHANGE_SIGNALS:
                await self._bus.add_signal_handler(self._items_changed, interface=BUS_ITEM, member=member, sender=name)
            self._heard.add(name)

    async def _read_all(self, service: _Service) -> dict[str, Mapping[str, Any]]:
        """All items by GetItems; where that is missing by GetValue, on each watched path or the root."""
        try:
            (items,) = await self._ask(service, "GetItems")
        except DbusError as error:
            if error.name not in (UNKNOWN_METHOD, UNKNOWN_OBJECT):
                raise
        else:
            return cast(dict[str, Mapping[str, Any]], items)
        service.answered.clear()
        service.later.clear()
        if service.paths is None:
            (root,) = await self._ask(service, "GetValue")
            return {f"/{name}": {"Value": variant} for name, variant in root.value.items()}
        found: dict[str, Mapping[str, Any]] = {}
        for path in service.paths:
            with contextlib.suppress(DbusError):
                (variant,) = await self._ask(service, "GetValue", path)
                found[path] = {"Value": variant}
        return found

    async def _ask(self, service: _Service, member: str, path: str = "/") -> list[Any]:
        """Call it; a change may come right behind the answer, and before whoever waits for that has its turn."""
        return await self._bus.call(
            service.owner, path, BUS_ITEM, member, on_answer=lambda _: service.answered.add(path)
        )

    def _owner_changed(self, signal: Message) -> None:
        name, old_owner, new_owner = signal.body
        service = self._services.pop(name, None) if old_owner else None
        if service and service.scanned and self._on_removed:
            self._on_removed(name, service.instance)
        if new_owner and (appeared := self._watch(name, new_owner)):
            self._bus.spawn(self._scan(appeared))

    def _items_changed(self, signal: Message) -> None:
        changes = changed_items(signal)
        for service in list(self._services.values()):
            if service.owner != signal.sender:
                continue
            if not service.scanned:
                service.keep(changes)
                continue
            changed = [path for path, properties in changes.items() if service.take(path, properties)]
            for path in changed:
                if self._on_value:
                    self._on_value(service.name, path, service.values[path][1])


def _is_of_class(name: str, device_class: str) -> bool:
    return name == device_class or name.startswith(f"{device_class}.")
