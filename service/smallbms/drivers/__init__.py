"""Battery protocols: bytes in, readings out; one file a protocol, which bears its name with _ for -."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import TypeGuard

from smallbms.drivers.base import Driver
from smallbms.errors import ConfigError


@cache
def available() -> Mapping[str, type[Driver]]:
    """Every driver of this folder by its name; adding a file is the registration."""
    found = [_driver_in(entry.name) for entry in pkgutil.iter_modules(__path__)]
    return {driver.INFO.name: driver for driver in found if driver is not None}


def find(name: str) -> type[Driver] | None:
    """The driver of this name, and no other is imported; None if there is none."""
    module = name.replace("-", "_")
    if not module.isidentifier() or importlib.util.find_spec(f"{__name__}.{module}") is None:
        return None
    driver = _driver_in(module)
    return driver if driver is not None and driver.INFO.name == name else None


class Addressed(Mapping[str, bool]):
    """Whether several batteries may share a line, by the name of their driver."""

    def __getitem__(self, name: str) -> bool:
        driver = find(name)
        if driver is None:
            raise KeyError(name)
        return driver.INFO.addressed

    def __iter__(self) -> Iterator[str]:
        return iter(available())

    def __len__(self) -> int:
        return len(available())


def make(name: str, *, port: str, unit: int | None = None, board_sensors: Collection[int] = ()) -> Driver:
    """A driver for one battery; `board_sensors` are the temperature sensors (1…n) that are no cells.

    Without `unit` it is the address that a battery of this protocol has from the start.
    Raises ConfigError for a name that no file has, for a unit on a protocol without addresses, and for one that no
    board can have.
    """
    driver = find(name)
    if driver is None:
        raise ConfigError(f"driver {name!r} is not known; known are: {', '.join(sorted(available()))}")
    unit = driver.INFO.addresses[0] if unit is None else unit
    if unit != 1 and not driver.INFO.addressed:
        raise ConfigError(f"driver {name!r} has no addresses: one battery a port, so unit must be 1, not {unit}")
    addresses = driver.INFO.addresses
    if unit not in addresses:
        allowed = f"{addresses[0]} to {addresses[-1]}"
        raise ConfigError(f"{port}: address = {unit} is not allowed; a board of driver {name!r} has one of {allowed}")
    return driver(key=f"{name}:{port}:{unit}", unit=unit, board_sensors=frozenset(board_sensors))


def _driver_in(module: str) -> type[Driver] | None:
    things = vars(importlib.import_module(f"{__name__}.{module}")).values()
    return next((thing for thing in things if _is_driver(thing) and thing.__module__ == f"{__name__}.{module}"), None)


def _is_driver(thing: object) -> TypeGuard[type[Driver]]:
    return inspect.isclass(thing) and issubclass(thing, Driver) and not inspect.isabstract(thing)
