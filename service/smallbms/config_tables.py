"""The tables of the configuration file, one class each; a field's description says what is allowed there."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from smallbms.wording import refusal, span

LYNX_IDS = range(0xA3E3, 0xA3E7 + 1)
ABSOLUTE = r"^/"
MQTT_PORT, MQTTS_PORT = 1883, 8883
LABEL = 63  # the longest part of a host name


def number(default: float | None, lowest: float, highest: float, unit: str = "", **more: Any) -> Any:
    return Field(default=default, ge=lowest, le=highest, description=span(lowest, highest, unit), **more)


def text(default: str | None, allowed: str, pattern: str = ".") -> Any:
    return Field(default=default, pattern=pattern, description=allowed)


class Table(BaseModel):
    """One table: what it does not know it refuses, and "1" is no number."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class BankTable(Table):
    """[bank]: what cannot be found by measuring; `series` only where no Vbat is."""

    series: int | None = number(None, 1, 4)
    host_current_a: float | None = number(None, 0, 20, "A")


class StoreTable(Table):
    """[store]: where the state is kept, if not where the system has its place for it."""

    directory: str | None = text(None, "a path from the root", ABSOLUTE)


class ServiceTable(Table):
    """[service]: who this is on the bus, and whether its death reboots a GX."""

    name: str = text("dbus-smallbms-ng", "1…40 small letters, digits and hyphens", r"^[a-z0-9-]{1,40}$")
    instance: int = number(1, 0, 511)
    product_id: int = Field(
        default=0xFFFF,
        ge=0,
        le=0xFFFF,
        description="0…0xFFFF without 0xA3E3…0xA3E7: a GX would take those for a Lynx BMS and change its DVCC settings",
    )
    watchdog_file: bool = Field(default=False, description="true or false")

    @field_validator("product_id")
    @classmethod
    def _no_lynx(cls, product_id: int) -> int:
        if product_id in LYNX_IDS:
            raise ValueError("an id of another product")
        return product_id


class DBusTable(Table):
    """[dbus]: which bus, and whether settings are also kept in a GX's localsettings."""

    bus: str = text("system", '"system", "session" or an address as unix:path=/…', r"^(system|session|(unix|tcp):.+)$")
    localsettings: bool = Field(default=True, description="true or false")


class MqttTable(Table):
    """[[mqtt]]: a broker that is told everything."""

    host: str = Field(pattern=r"^[^\s/]+$", description=f"a host name or address, between dots 1…{LABEL} characters")
    port: int | None = number(None, 1, 65535)
    tls: bool = Field(default=False, description="true or false")
    ca_file: str | None = text(None, "a path from the root", ABSOLUTE)
    pinned_certificate: str | None = text(None, "a path from the root", ABSOLUTE)
    client_certificate: str | None = text(None, "a path from the root", ABSOLUTE)
    client_key: str | None = text(None, "a path from the root", ABSOLUTE)
    user: str | None = text(None, "a user name")
    password: str | None = text(None, "a password")
    password_file: str | None = text(None, "a path from the root", ABSOLUTE)
    commands: bool = Field(default=False, description="true or false")
    homeassistant: bool = Field(default=False, description="true or false")
    venus: bool = Field(default=False, description="true or false")

    @field_validator("host")
    @classmethod
    def _askable(cls, host: str) -> str:
        host.encode("idna")  # as a name server is asked; an error of it is a ValueError
        if "\0" in host:
            raise ValueError("no host name")
        return host

    @property
    def port_used(self) -> int:
        return self.port or (MQTTS_PORT if self.tls else MQTT_PORT)


AnyTable = TypeVar("AnyTable", bound=Table)


def read_table(kind: type[AnyTable], given: object, where: str, faults: list[str]) -> AnyTable | None:
    """Return a checked table; else None, and one fault for each wrong key."""
    if not isinstance(given, dict):
        faults.append(f"{where} is not a table")
        return None
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        keys = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors(include_url=False))
    for key in keys:
        field = kind.model_fields.get(key)
        if field is None:
            faults.append(f"{where} {key} is unknown; known are {', '.join(kind.model_fields)}")
        else:
            faults.append(f"{where} {refusal(key, given.get(key), str(field.description))}")
    return None
