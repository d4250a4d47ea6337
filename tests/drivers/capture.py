"""The recorded exchanges in tests/captures."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallbms import drivers
from smallbms.drivers.base import Driver, Request, Want

CAPTURES = Path(__file__).parents[1] / "captures"


@dataclass(frozen=True)
class Exchange:
    what: str
    request: bytes
    reply: bytes


@dataclass(frozen=True)
class Capture:
    name: str
    driver: str
    unit: int
    exchanges: tuple[Exchange, ...]
    reading: Mapping[str, Any]

    def make_driver(self) -> Driver:
        return drivers.make(self.driver, port="/dev/ttyUSB0", unit=self.unit)


def _load(path: Path) -> Capture:
    content = tomllib.loads(path.read_text())
    exchanges = tuple(
        Exchange(row["what"], bytes.fromhex(row["request"]), bytes.fromhex(row["reply"])) for row in content["exchange"]
    )
    return Capture(path.stem, content["driver"], content.get("unit", 1), exchanges, content["reading"])


def all_captures() -> list[Capture]:
    return [_load(path) for path in sorted(CAPTURES.glob("*.toml"))]


def find_request(driver: Driver, what: str) -> Request:
    (request,) = (r for r in driver.requests(Want.ALL | Want.IDENTITY) if r.what == what)
    return request


def replay(capture: Capture) -> Driver:
    """A driver that has taken in the whole capture, one second a frame."""
    return _replayed(capture, capture.exchanges)


def replay_before(capture: Capture, exchange: Exchange) -> Driver:
    """A driver that has taken in what the capture holds before this exchange."""
    return _replayed(capture, capture.exchanges[: capture.exchanges.index(exchange)])


def _replayed(capture: Capture, exchanges: Sequence[Exchange]) -> Driver:
    driver = capture.make_driver()
    for second, exchange in enumerate(exchanges):
        find_request(driver, exchange.what).decode(exchange.reply, float(second))
    return driver
