"""A Snapshot as JSON, and the schema that describes it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from core.bench_battery import Rig
from publish.snapshots import snapshot_of
from smallbms.model import LinkHealth
from smallbms.publish.report import report_of, schema, to_json
from smallbms.words import LinkFault

SCHEMA = Draft202012Validator(schema())


def said(rig: Rig) -> dict[str, Any]:
    """What is published, checked against its schema."""
    data: dict[str, Any] = json.loads(to_json(report_of(snapshot_of(rig))))
    SCHEMA.validate(data)
    return data


def test_a_bank_at_rest() -> None:
    rig = Rig().start()
    data = said(rig)
    assert (data["version"], data["serial"], data["mode"], data["state"]) == (1, "SB0123456789", "on", "running")
    assert (data["allow_to_charge"], data["reasons"], data["alarms"]) == (True, [], {})
    assert data["settings"] == json.loads(rig.settings.model_dump_json())


def test_the_wires_are_told_with_their_errors() -> None:
    errors = {LinkFault.BAD_FRAME: 2}
    link = LinkHealth(name="can0", batteries=(1,), open=True, frames_ok=9, errors=errors, last_error="frame 0x356")
    data = json.loads(to_json(report_of(replace(snapshot_of(Rig().start()), links=(link,)))))
    SCHEMA.validate(data)
    assert data["links"] == [
        {"name": "can0", "batteries": [1], "open": True, "frames_ok": 9, "errors": {"bad_frame": 2},
         "last_error": "frame 0x356", "round_time_s": None}
    ]  # fmt: skip


def test_a_high_cell_is_named_where_it_is() -> None:
    rig = Rig().start()
    rig.battery.cells_v[1] = 3.80
    rig.advance(2.0)
    data = said(rig)
    [reason] = data["reasons"]
    assert (reason["code"], reason["blocks"], reason["cell"], reason["value"]) == ("high_cell", "charge", 2, 3.8)
    assert data["alarms"]["HighCellVoltage"] == "alarm"
    assert data["bank"]["cell_max_v"] == {"value": 3.8, "battery": 1, "cell": 2}


def test_what_is_not_read_is_null() -> None:
    rig = Rig().start()
    rig.battery.answers = False
    rig.advance(60.0)
    [battery] = said(rig)["batteries"][:1]
    assert (battery["online"], battery["voltage_v"], battery["cell_voltages_v"]) == (False, None, [])


def test_the_first_moment_fits_the_schema() -> None:
    rig = Rig()
    rig.step()
    said(rig)


@given(st.lists(st.floats(1.5, 4.5) | st.none(), min_size=4, max_size=4), st.sampled_from([0.0, -300.0, 1e6, None]))
def test_every_snapshot_fits_the_schema(cells_v: list[float | None], current_a: float | None) -> None:
    rig = Rig()
    rig.battery.cells_v = cells_v
    rig.battery.current_a = current_a
    rig.advance(1.0)
    said(rig)


def test_a_wrong_report_does_not_fit() -> None:
    rig = Rig()
    rig.step()
    data = said(rig)
    for key, wrong in (("version", 2), ("soc_pct", "60"), ("reasons", [{}]), ("mode", "auto")):
        with pytest.raises(ValidationError):
            SCHEMA.validate({**data, key: wrong})
