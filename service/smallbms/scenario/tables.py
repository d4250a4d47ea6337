"""The tables of a scenario file but for events and expectations; a field's description says what is allowed there."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from smallbms.batteries import MOST_BATTERIES
from smallbms.config_tables import Table
from smallbms.scenario.clock import Time, seconds
from smallbms.wording import span

LARGEST_BANK = max(MOST_BATTERIES.values())


def within(lowest: float, highest: float, unit: str = "", **default: Any) -> Any:
    """A number within bounds; without a default it must be stated."""
    return Field(ge=lowest, le=highest, description=span(lowest, highest, unit), **default)


def text(**default: Any) -> Any:
    return Field(min_length=1, description="a text", **default)


def flag(default: bool) -> Any:
    return Field(default=default, description="true or false")


class HeadTable(Table):
    """What stands above the first table."""

    name: str = text()
    about: str = text()
    duration: Time
    step_s: float = within(0.1, 1.0, "s", default=0.5)


class BankTable(Table):
    """[bank]: equal batteries, how they see themselves, what is measured beside them; `vbat` finds the series."""

    model: str = text()
    vbat: bool = flag(False)
    shunt: bool = flag(False)
    batteries: int = within(1, LARGEST_BANK, default=1)
    series: int = within(1, 4, default=1)
    soc_pct: float = within(0, 100, "%", default=50.0)
    temperature_c: float = within(-40, 70, "°C", default=20.0)
    reports_soc: bool = flag(True)
    temperature_sensors: int = within(0, 4, default=2)
    current_offset_a: float = within(-10, 10, "A", default=0.0)
    current_noise_a: float = within(0, 10, "A", default=0.0)
    voltage_noise_v: float = within(0, 0.1, "V", default=0.0)
    capacity_spread_pct: float = within(0, 10, "%", default=0.5)
    balance_a: float = within(0, 5, "A", default=0.5)
    protections: bool = flag(False)
    seed: int = within(0, 2**31, default=1)


class BatteryTable(Table):
    """[[battery]]: one that is not as [bank] says."""

    number: int = within(1, LARGEST_BANK)
    soc_pct: float | None = within(0, 100, "%", default=None)
    temperature_c: float | None = within(-40, 70, "°C", default=None)
    cell_offsets_pct: tuple[float, ...] = Field(
        default=(), strict=False, description="the SoC of each cell against the battery's, in %"
    )


class WorldTable(Table):
    """[world]: the day outside, and what the charge disconnect does."""

    start: Time = seconds("7:00")
    wiring: Literal["dvcc", "disconnect"] = Field(default="dvcc", description='"dvcc" or "disconnect"')
    ambient_c: float = within(-40, 60, "°C", default=18.0)
    ambient_swing_c: float = within(0, 30, "°C", default=0.0)
    sunrise: Time = seconds("6:00")
    sunset: Time = seconds("20:00")
    clouds: float = within(0, 1, default=0.0)
    sun: float | None = within(0, 1, default=None)
    demo: bool = flag(False)


class ChargerTable(Table):
    """[charger.<name>]; without a voltage it is set to that of the batteries."""

    power_w: float = within(0, 1e6, "W")
    limit_a: float = within(0, 10_000, "A")
    setpoint_v: float | None = within(8, 70, "V", default=None)
    solar: bool = flag(False)
    obeys_gx: bool = flag(True)


class LoadTable(Table):
    """[load.<name>]: always on, or by the hours of the day, or `on_s` of every `period_s`."""

    power_w: float = within(0, 1e6, "W")
    inverter: bool = flag(False)
    wired_past: bool = flag(False)
    on_at: Time | None = None
    off_at: Time | None = None
    on_s: float | None = within(1, 86_400, "s", default=None)
    period_s: float | None = within(1, 86_400, "s", default=None)
