"""What a person changes: one type for each wish, one inbox for all doors (D-Bus, MQTT, web, command line).

`origin` says through which door it came; it goes into the event log.
"""

from __future__ import annotations

from dataclasses import dataclass

from smallbms.words import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSetting:
    name: str
    value: float | int | str
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSoc:
    soc_pct: float
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMode:
    mode: Mode
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronise:
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearHistory:
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetDefaults:
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    origin: str = ""


Change = SetSetting | SetSoc | SetMode | Synchronise | ClearHistory | ResetDefaults | Acknowledge
