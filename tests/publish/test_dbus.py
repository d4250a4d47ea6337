"""The battery service as other programs see it, on a real bus."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from dbus_fast import Variant

from core.bench_battery import Rig
from publish.conftest import StageMaker
from publish.recording import INVALID, SIGNATURES, recorded
from publish.snapshots import rows_of, snapshot_of, text_of, values_of
from publish.stage import (
    Peer,
    Stage,
    changes_in,
    get_items,
    get_value,
    on_the_bus,
    set_value,
)
from smallbms.changes import ClearHistory, SetMode, SetSetting, SetSoc, Synchronise
from smallbms.paths import NOT_PUBLISHED
from smallbms.words import Mode

INVALID_VALUE = Variant("ai", [])


async def test_every_path_has_its_value_type_and_text(stage: Stage, peer: Peer) -> None:
    items, snapshot = await get_items(peer), snapshot_of(stage.rig)
    rows, values = rows_of(snapshot), values_of(snapshot)
    assert items.keys() == rows.keys()
    for path, value in values.items():
        expected = INVALID_VALUE if value is None else Variant(rows[path].form.signature, value)
        assert items[path]["Value"] == expected, path
        assert items[path]["Text"] == Variant("s", text_of(snapshot, path)), path


async def test_types_on_the_wire_are_those_of_a_real_device(stage: Stage, peer: Peer) -> None:
    items = await get_items(peer)
    for row in recorded()[0]:
        if row.path not in NOT_PUBLISHED:
            signature = items[row.path]["Value"].signature
            assert signature in ("ai", SIGNATURES.get(row.type, "ai")), row.path
            assert row.type != INVALID or signature == "ai", row.path


async def test_clients_find_it_as_a_battery_monitor_and_as_a_bms(stage: Stage, peer: Peer) -> None:
    items = await get_items(peer)
    assert items["/Connected"]["Value"] == Variant("u", 1)
    assert items["/DeviceInstance"]["Value"] == Variant("u", 4)
    for path in ("/ProductName", "/Mgmt/Connection", "/Info/MaxChargeVoltage", "/Serial"):
        assert items[path]["Value"].value, path


async def test_nothing_but_settings_can_be_written(stage: Stage, peer: Peer) -> None:
    before = await get_items(peer)
    rows = rows_of(snapshot_of(stage.rig))
    for path, row in rows.items():
        if row.writes is None:
            code = row.form.signature
            wish = Variant("s", "x") if code == "s" else Variant("d", 77.0) if code == "d" else Variant("i", 77)
            assert await set_value(peer, path, wish) == 1, path
    stage.step()
    after = await get_items(peer)
    moving = {path for path in before if path.startswith(("/History", "/TimeToGo", "/Info/Reasons"))}
    assert {p: i for p, i in after.items() if p not in moving} == {p: i for p, i in before.items() if p not in moving}
    assert stage.changes == []


@pytest.mark.parametrize(
    ("path", "good", "change", "shown", "bad"),
    [
        ("/Settings/Battery/ChargedVoltage", Variant("d", 27.76), ("charged_voltage_cell_v", 3.47), 27.76, [13.9, 30]),
        ("/Settings/Battery/TailCurrent", Variant("i", 6), ("tail_current_pct", 6.0), 6.0, [0.4, 10.1]),
        ("/Settings/Battery/ChargedDetectionTime", Variant("d", 5.0), ("charged_detection_time_min", 5), 5, [0, 2.5]),
        ("/Settings/Alarm/LowSoc", Variant("s", "25"), ("low_soc_warning_pct", 25), 25, [0, 100, 10]),
        ("/Settings/Battery/DischargeFloor", Variant("i", 30), ("discharge_floor_pct", 30), 30, [-1, 91]),
        ("/Settings/Battery/PreAlarmCellVoltage", Variant("d", 3.0), ("pre_alarm_cell_v", 3.0), 3.0, [2.5, 3.2]),
        ("/Settings/BluetoothMode", Variant("i", 0), ("instant_readout", 0), 0, [2, -1]),
        ("/CustomName", Variant("s", "Aurora"), ("custom_name", "Aurora"), "Aurora", ["x" * 33, "a\nb"]),
    ],
)
async def test_a_setting_takes_what_is_allowed_and_nothing_else(
    stage: Stage, peer: Peer, path: str, good: Variant, change: tuple[str, object], shown: object, bad: list[object]
) -> None:
    assert await set_value(peer, path, good) == 0
    assert stage.changes == [SetSetting(name=change[0], value=change[1], origin="D-Bus")]  # type: ignore[arg-type]
    stage.step()
    for value in bad:
        wish = Variant("s", value) if isinstance(value, str) else Variant("d", float(value))  # type: ignore[arg-type]
        assert await set_value(peer, path, wish) in (1, 2), value
    stage.step()
    assert await get_value(peer, path) == shown
    assert len(stage.changes) == 1


async def test_a_refusal_is_said_once_in_the_log(stage: Stage, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "smallbms")
    assert await set_value(peer, "/Settings/Alarm/LowSoc", Variant("i", 10)) == 1
    assert [record.message for record in caplog.records] == [
        "/Settings/Alarm/LowSoc refused: "
        "Low SoC warning level (low_soc_warning_pct) = 10 is not allowed; allowed is a whole number, 11…99 %"
    ]


async def test_mode_and_state_of_charge(stage: Stage, peer: Peer) -> None:
    assert await set_value(peer, "/Mode", Variant("i", 5)) == 1
    assert await set_value(peer, "/Mode", Variant("i", 252)) == 0
    assert await set_value(peer, "/Settings/Battery/StateOfCharge", Variant("d", 101.0)) == 1
    for _ in range(2):
        assert await set_value(peer, "/Settings/Battery/StateOfCharge", Variant("i", 80)) == 0
        stage.step()
        assert await get_value(peer, "/Settings/Battery/StateOfCharge") == []
    assert stage.changes == [
        SetMode(mode=Mode.STANDBY, origin="D-Bus"), SetSoc(soc_pct=80.0, origin="D-Bus"),
        SetSoc(soc_pct=80.0, origin="D-Bus"),
    ]  # fmt: skip
    assert await get_value(peer, "/Io/AllowToDischarge") == 0
    assert await get_value(peer, "/Mode") == 252


@pytest.mark.parametrize(
    ("path", "kind", "at_rest"),
    [("/Settings/Battery/Synchronize", Synchronise, 0), ("/History/Clear", ClearHistory, [])],
)
async def test_an_action_can_be_done_again(
    stage: Stage, peer: Peer, path: str, kind: type[object], at_rest: object
) -> None:
    for _ in range(2):
        assert await set_value(peer, path, Variant("i", 1)) == 0
        stage.step()
        assert await get_value(peer, path) == at_rest
    assert [type(change) for change in stage.changes] == [kind, kind]
    assert await set_value(peer, path, Variant("i", 2)) == 1
    assert len(stage.changes) == 2


async def test_the_battery_that_a_page_looks_at_is_only_echoed(stage: Stage, peer: Peer) -> None:
    path = "/Battery/Request/Id"
    assert await set_value(peer, path, Variant("i", 2)) == 0
    stage.step()
    stage.step(2.0)
    assert await get_value(peer, path) == 2
    assert [await set_value(peer, path, Variant("i", number)) for number in (0, 3)] == [1, 1]
    assert await get_value(peer, path) == 2 and stage.changes == []


async def test_bounds_are_on_the_bus(stage: Stage, peer: Peer) -> None:
    items = await get_items(peer)
    charged = items["/Settings/Battery/ChargedVoltage"]
    assert [charged[key].value for key in ("Min", "Max", "Default")] == [27.2, 28.0, 27.6]
    assert [items["/Mode"][key] for key in ("Min", "Max", "Default")] == [Variant("u", n) for n in (3, 252, 3)]
    assert [items["/Battery/Request/Id"][key].value for key in ("Min", "Max")] == [1, 2]
    assert "Min" not in items["/Soc"]


async def test_measured_values_once_a_second_in_one_signal(stage: Stage, peer: Peer) -> None:
    stage.step(2.0)
    await peer.listen()
    await get_items(peer)
    peer.signals.clear()
    for step in range(1, 13):
        stage.rig.each(current_a=-float(step), cell_v=3.3 + step / 1000)
        stage.step(0.25)
    await get_items(peer)
    told = changes_in(peer.signals)
    assert [items["/Dc/0/Current"]["Value"].value for items in told] == [-4.0, -8.0, -12.0]
    assert [items["/Battery/2/Cell/4/Voltage"]["Value"].value for items in told] == [3.304, 3.308, 3.312]
    assert len(peer.signals) == len(told)


async def test_a_permission_is_told_at_once(stage: Stage, peer: Peer) -> None:
    stage.step(2.0)
    await peer.listen()
    await get_items(peer)
    peer.signals.clear()
    stage.rig.pins = replace(stage.rig.pins, remote_on=False)
    stage.rig.each(current_a=-1.0)
    stage.step(0.1)
    await get_items(peer)
    (told,) = changes_in(peer.signals)
    assert told["/Io/AllowToCharge"]["Value"] == told["/Io/AllowToDischarge"]["Value"] == Variant("u", 0)
    assert told["/Info/MaxChargeCurrent"]["Value"] == Variant("d", 0.0)
    assert "remote_off" in told["/Info/Reasons/Charge"]["Value"].value
    assert "/Dc/0/Current" not in told


async def test_a_snapshot_that_says_nothing_new_sends_nothing(stage: Stage, peer: Peer) -> None:
    stage.step(2.0)
    await peer.listen()
    await get_items(peer)
    peer.signals.clear()
    stage.step(2.0)
    stage.publish()
    await get_items(peer)
    assert [sorted(items) for items in changes_in(peer.signals)] == []


async def test_batteries_found_later_bring_their_paths_and_bounds(make_stage: StageMaker, peer: Peer) -> None:
    rig = Rig(2, type_name="12.8/200", series=2, stated=False)
    rig.each(answers=False)
    rig.step()
    stage = make_stage(rig)
    await on_the_bus(peer)
    items = await get_items(peer)
    assert "/Battery/2/Voltage" in items and "/Battery/2/Cell/1/Voltage" not in items
    assert "Min" not in items["/Settings/Battery/ChargedVoltage"]
    assert await set_value(peer, "/Settings/Battery/ChargedVoltage", Variant("d", 27.5)) == 1
    await peer.listen()
    peer.signals.clear()
    rig.each(answers=True)
    stage.step()
    items = await get_items(peer)
    assert items["/Voltages/Cell8"]["Value"] == items["/Battery/2/Cell/4/Voltage"]["Value"] == Variant("d", 3.3)
    charged = items["/Settings/Battery/ChargedVoltage"]
    assert (charged["Value"].value, charged["Min"].value, charged["Max"].value) == (27.6, 27.2, 28.0)
    (told,) = changes_in(peer.signals)
    assert told["/Settings/Battery/ChargedVoltage"]["Max"].value == 28.0 and "/Voltages/Cell8" in told
