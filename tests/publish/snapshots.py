"""Snapshots as the loop makes them, from an engine on a test bench."""

from __future__ import annotations

from typing import Any

from core.bench_battery import Rig
from smallbms.core import history
from smallbms.core.state import Snapshot
from smallbms.model import DeviceIdentity, Measurement
from smallbms.paths import Row, Shape, Tracker, Values, groups_for

IDENTITY = DeviceIdentity(serial="SB0123456789", version="1.13.2", connection="jbd on ttyUSB0", instance=4)


def snapshot_of(rig: Rig, identity: DeviceIdentity = IDENTITY) -> Snapshot:
    """What the publishers get after the bench's last step."""
    return Snapshot(
        measurement=Measurement(),
        decision=rig.decision,
        outputs=rig.pins,
        history=history.page(rig.state.history),
        last_errors=rig.state.last_errors,
        settings=rig.settings,
        identity=identity,
        wall_s=rig.wall_s,
    )


def shape_of(snapshot: Snapshot) -> Shape:
    return Shape().grown(snapshot)


def rows_of(snapshot: Snapshot) -> dict[str, Row]:
    return {row.path: row for group in groups_for(shape_of(snapshot)) for row in group.rows}


def values_of(snapshot: Snapshot) -> Values:
    """All values that are published of it."""
    return Tracker(groups_for(shape_of(snapshot))).changed(snapshot)


def text_of(snapshot: Snapshot, path: str) -> str:
    value: Any = values_of(snapshot)[path]
    return "" if value is None else rows_of(snapshot)[path].form.text(value)
