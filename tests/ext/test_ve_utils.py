"""Values to and from the wire, bus addresses, the id of a GX, which library parses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from velib_python._address import bus_address, socket_paths
from velib_python._library import load_parser
from velib_python._marshal import Variant
from velib_python.ve_utils import VEDBUS_INVALID, get_vrm_portal_id, unwrap_dbus_value, wrap_dbus_value


@pytest.mark.parametrize(
    ("value", "wrapped"),
    [
        (None, VEDBUS_INVALID),
        (True, Variant("b", True)),
        ((1 << 31) - 1, Variant("i", (1 << 31) - 1)),
        (1 << 31, Variant("x", 1 << 31)),
        (1.5, Variant("d", 1.5)),
        ("a", Variant("s", "a")),
        ([], Variant("au", [])),
        ([1, "a"], Variant("av", [Variant("i", 1), Variant("s", "a")])),
        ({"a": None}, Variant("a{sv}", {"a": VEDBUS_INVALID})),
    ],
)
def test_wrapped_values_come_back(value: Any, wrapped: Variant) -> None:
    assert wrap_dbus_value(value) == wrapped
    assert unwrap_dbus_value(wrapped) == (None if value == [] else value)


def test_what_has_no_form_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="object"):
        wrap_dbus_value(object())


@pytest.mark.parametrize(
    ("files", "portal_id"),
    [
        ({"unique-id": "C0619AB1D5F0\n"}, "c0619ab1d5f0"),
        ({"unique-id": "", "net/eth0/address": "c0:61:9a:b1:d5:f1\n"}, "c0619ab1d5f1"),
        ({"net/end0/address": "c0:61:9a:b1:d5:f2\n"}, "c0619ab1d5f2"),
        ({"net/eth0/address": "nonsense"}, None),
        ({}, None),
    ],
)
def test_vrm_portal_id(tmp_path: Path, files: dict[str, str], portal_id: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    assert get_vrm_portal_id(tmp_path / "unique-id", tmp_path / "net") == portal_id


@pytest.mark.parametrize(
    ("name", "environment", "address"),
    [
        ("system", {}, "unix:path=/var/run/dbus/system_bus_socket"),
        ("system", {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/s"}, "unix:path=/var/run/dbus/system_bus_socket"),
        ("system", {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/y"}, "unix:path=/y"),
        ("session", {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/s"}, "unix:path=/s"),
        ("session", {"XDG_RUNTIME_DIR": "/run/user/7"}, "unix:path=/run/user/7/bus"),
        ("unix:path=/x", {}, "unix:path=/x"),
    ],
)
def test_bus_address(name: str, environment: dict[str, str], address: str) -> None:
    assert bus_address(name, environment) == address


def test_no_session_bus_is_said() -> None:
    with pytest.raises(ValueError, match="DBUS_SESSION_BUS_ADDRESS"):
        bus_address("session", {})


@pytest.mark.parametrize(
    ("address", "paths"),
    [
        ("unix:path=/run/a%20b,guid=12", ["/run/a b"]),
        ("unix:abstract=/tmp/x", ["\0/tmp/x"]),
        ("tcp:host=h,port=1;unix:path=/a;unix:path=/b", ["/a", "/b"]),
    ],
)
def test_socket_paths(address: str, paths: list[str]) -> None:
    assert socket_paths(address) == paths


@pytest.mark.parametrize("address", ["", "nonsense", "unix:", "tcp:host=h,port=1"])
def test_unusable_addresses_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="expected unix:path"):
        socket_paths(address)


def test_either_library_will_do_and_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_parser()
    monkeypatch.setitem(sys.modules, "dbus_fast._private.unmarshaller", None)
    assert load_parser()
    with pytest.raises(ImportError):
        load_parser("dbus-fast")
    monkeypatch.setitem(sys.modules, "dbus_next._private.unmarshaller", None)
    with pytest.raises(ImportError, match="neither"):
        load_parser()
