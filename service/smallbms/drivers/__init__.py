"""Battery protocols: bytes in, readings out; one file a protocol, found by a scan of this folder."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Collection, Mapping
from functools import cache
from typing import TypeGuard

from smallbms.drivers.base import Driver
from smallbms.errors import ConfigError


@cache
def available() -> Mapping[str, type[Driver]]:
    """Every driver of this folder by its name; adding a file is the registration."""
    found: dict[str, type[Driver]] = {}
    for entry in pkgutil.iter_modules(__path__, f"{__name__}."):
        module = importlib.import_module(entry.name)
        for thing in vars(module).values():
            if _is_driver(thing) and thing.__module__ == entry.name:
                found[thing.INFO.name] = thing
    return found


def make(name: str, *, port: str, unit: int | None = None, board_sensors: Collection[int] = ()) -> Driver:
    """A driver for one battery; `board_sensors` are the temperature sensors (1…n) that are no cells.

    Without `unit` it is the address that a battery of this protocol has from the start.
    Raises ConfigError for a name that no file has, for a unit on a protocol without addresses, and for one that no
    board can have.
    """
    drivers = available()
    if name not in drivers:
        raise ConfigError(f"driver {name!r} is not known; known are: {', '.join(sorted(drivers))}")
    driver = drivers[name]
    unit = driver.INFO.addresses[0] if unit is None else unit
    if unit != 1 and not driver.INFO.addressed:
        raise ConfigError(f"driver {name!r} has no addresses: one battery a port, so unit must be 1, not {unit}")
    addresses = driver.INFO.addresses
    if unit not in addresses:
        allowed = f"{addresses[0]} to {addresses[-1]}"
        raise ConfigError(f"{port}: address = {unit} is not allowed; a board of driver {name!r} has one of {allowed}")
    return driver(key=f"{name}:{port}:{unit}", unit=unit, board_sensors=frozenset(board_sensors))


def _is_driver(thing: object) -> TypeGuard[type[Driver]]:
    return inspect.isclass(thing) and issubclass(thing, Driver) and not inspect.isabstract(thing)
