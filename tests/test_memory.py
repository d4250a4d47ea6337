"""What is kept when: trips at once, the state of charge seldom, so that a flash card lasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.core import engine
from smallbms.core.soc import SocMemory
from smallbms.core.state import EngineState
from smallbms.memory import DEVICE, ENGINE, SAVE_PCT, SAVE_S, SETTINGS, Memory, machine_seed, new_serial, portal_id
from smallbms.settings import Settings


class Shelf:
    """Keeps what it is given, in memory."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, dict[str, Any]]] = []

    def save(self, name: str, data: dict[str, Any], *, urgent: bool = False) -> None:
        assert urgent
        self.kept.append((name, data))


def state(at_s: float, soc_pct: float | None = 50.0, urgent: int = 0) -> EngineState:
    return replace(engine.begin(0.0), last_s=at_s, soc=SocMemory(soc_pct=soc_pct), urgent=urgent)


@pytest.mark.parametrize(
    ("second", "again"),
    [
        (state(0.5), False),
        (state(SAVE_S - 0.1), False),
        (state(SAVE_S), True),
        (state(0.5, soc_pct=50.0 - SAVE_PCT + 0.01), False),
        (state(0.5, soc_pct=50.0 - SAVE_PCT), True),
        (state(0.5, soc_pct=50.0 + SAVE_PCT), True),
        (state(0.5, soc_pct=None), True),
        (state(0.5, urgent=1), True),
    ],
)
def test_only_news_and_time_write(second: EngineState, again: bool) -> None:
    shelf = Shelf()
    memory = Memory(shelf)
    memory.keep(state(0.0), 1000.0)
    assert len(shelf.kept) == 1
    memory.keep(second, 1000.5)
    assert len(shelf.kept) == 1 + again
    memory.keep(second, 1000.5)
    assert len(shelf.kept) == 1 + again
    memory.keep(second, 1000.5, now=True)
    assert len(shelf.kept) == 2 + again


@given(steps=st.lists(st.floats(-0.02, 0.02), min_size=20, max_size=200))
def test_what_is_kept_is_never_half_a_percent_from_what_is(steps: list[float]) -> None:
    shelf = Shelf()
    memory = Memory(shelf)
    soc_pct = 50.0
    for at, step in enumerate(steps):
        soc_pct += 10 * step
        memory.keep(state(0.5 * at, soc_pct=soc_pct), 0.0)
        assert abs(shelf.kept[-1][1]["soc"]["soc_pct"] - soc_pct) < SAVE_PCT


def test_settings_and_device_are_kept_at_once() -> None:
    shelf = Shelf()
    memory = Memory(shelf)
    memory.keep_settings(Settings(tail_current_pct=6.0))
    memory.keep_device({"serial": "SB1"})
    (settings_name, settings), (device_name, device) = shelf.kept
    assert (settings_name, settings["tail_current_pct"]) == (SETTINGS, 6.0)
    assert (device_name, device) == (DEVICE, {"serial": "SB1"})


def test_the_engine_is_kept_under_its_name() -> None:
    shelf = Shelf()
    Memory(shelf).keep(state(0.0), 1.0)
    assert shelf.kept[0][0] == ENGINE


def test_a_serial_is_of_this_machine_and_this_service() -> None:
    serial = new_serial("dbus-smallbms-ng", "machine")
    assert serial == new_serial("dbus-smallbms-ng", "machine")
    assert len({serial, new_serial("other", "machine"), new_serial("dbus-smallbms-ng", "another")}) == 3
    assert (serial[:2], len(serial), int(serial[2:], 16) >= 0) == ("SB", 12, True)


def test_the_seed_is_the_first_file_that_holds_something(tmp_path: Path) -> None:
    missing, empty, good = tmp_path / "missing", tmp_path / "empty", tmp_path / "good"
    empty.write_text("\n")
    good.write_text("abc123\n")
    assert machine_seed((missing, empty, good)) == "abc123"
    assert machine_seed((missing, empty)) is None


def test_the_portal_id_is_the_gx_s_own_or_the_first_adapter_s(tmp_path: Path) -> None:
    own, network = tmp_path / "unique-id", tmp_path / "net"
    for name, address, real in (("lo", "00:00:00:00:00:00", False), ("br0", "02:00:00:00:00:01", False),
                                ("eth0", "B8:27:EB:01:02:03", True), ("wlan0", "b8:27:eb:01:02:04", True)):  # fmt: skip
        (network / name).mkdir(parents=True)
        (network / name / "address").write_text(address + "\n", encoding="ascii")
        if real:
            (network / name / "device").mkdir()
    assert portal_id(own, network) == "b827eb010203"
    own.write_text("0123456789ab\n", encoding="ascii")
    assert portal_id(own, network) == "0123456789ab"
    assert len(portal_id(tmp_path / "none", tmp_path / "none")) == 12
