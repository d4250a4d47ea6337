"""The pages as text: what was not read is a dash, never a made-up 0."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.commands.pages import NOT_READ, Items, battery_page, history_page, status_page, why_lines
from smallbms.commands.peer import Item

TEXTS: dict[str, tuple[Any, str]] = {
    "/CustomName": ("boat", "boat"),
    "/Serial": ("SB0123456789", "SB0123456789"),
    "/Soc": (61.5, "61.5%"),
    "/Info/SocState": (2, "2"),
    "/Mode": (3, "3"),
    "/State": (9, "9"),
    "/Io/AllowToCharge": (1, "1"),
    "/Io/AllowToDischarge": (1, "1"),
    "/Io/PreAlarm": (0, "0"),
    "/Dc/0/Voltage": (13.21, "13.21V"),
    "/Dc/0/Current": (-4.5, "-4.5A"),
    "/Dc/0/Power": (-59, "-59W"),
    "/ConsumedAmphours": (-77.0, "-77.0Ah"),
    "/TimeToGo": (95_400, "95400s"),
    "/Info/MaxChargeVoltage": (14.2, "14.20V"),
    "/Info/MaxChargeCurrent": (200.0, "200.0A"),
    "/Info/MaxDischargeCurrent": (200.0, "200.0A"),
    "/System/NrOfBatteries": (1, "1"),
    "/System/MinCellVoltage": (3.3, "3.30V"),
    "/System/MinVoltageCellId": ("B1 C1", "B1 C1"),
    "/Balancer/Status": (3, "3"),
    "/Battery/1/Voltage": (13.21, "13.21V"),
    "/Battery/1/Serial": ("X1", "X1"),
    "/Battery/1/FwVersion": ("1.0", "1.0"),
    "/Battery/1/Cell/1/Voltage": (3.3, "3.30V"),
    "/Battery/1/Cell/2/Voltage": (None, ""),
    "/History/TimeSinceLastFullCharge": (90_000, "90000s"),
    "/History/AutomaticSyncs": (2, "2"),
    "/Diagnostics/LastErrors/1/Error": (36, "36"),
    "/Diagnostics/LastErrors/1/Time": (1_700_000_000, "1700000000"),
    "/Diagnostics/LastErrors/2/Error": (0, "0"),
}


def items(**changed: tuple[Any, str]) -> dict[str, Item]:
    """Everything as usual; a path is named with its last word, / as __."""
    said = TEXTS | {"/" + name.replace("__", "/"): value for name, value in changed.items()}
    return {path: Item(value=value, text=text) for path, (value, text) in said.items()}


def line(page: list[str], name: str) -> str:
    return next(row for row in page if row.strip().startswith(name)).strip().removeprefix(name).strip()


def test_the_status_page() -> None:
    page = status_page(items())
    assert page[0] == "boat   SB0123456789"
    shown = {name: line(page, name) for name in ("State of charge", "Mode", "State  ", "Time remaining", "Limits to")}
    assert shown == {
        "State of charge": "61.5%", "Mode": "On", "State  ": "Running", "Time remaining": "1 d 2 h",
        "Limits to": "the GX        14.20V 200.0A 200.0A",
    }  # fmt: skip
    assert (line(page, "Allowed to charge"), line(page, "Allowed to discharge")) == ("Yes", "Yes")


@pytest.mark.parametrize(
    ("atd", "pre_alarm", "shown"), [(1, 0, "Yes"), (1, 1, "Pre-Alarm"), (0, 1, "No"), (0, 0, "No"), (None, 0, NOT_READ)]
)
def test_allowed_to_discharge_reads_pre_alarm_meanwhile(atd: int | None, pre_alarm: int, shown: str) -> None:
    page = status_page(items(Io__AllowToDischarge=(atd, ""), Io__PreAlarm=(pre_alarm, "")))
    assert line(page, "Allowed to discharge") == shown


@pytest.mark.parametrize("state", [0, 1])
def test_a_doubtful_state_of_charge_is_said_to_be_so(state: int) -> None:
    shown = line(status_page(items(Info__SocState=(state, str(state)))), "State of charge")
    assert shown == "61.5%  (uncertain until the next full charge)"
    unknown = status_page(items(Soc=(None, ""), Info__SocState=(state, str(state))))
    assert line(unknown, "State of charge") == NOT_READ


def test_reasons_alarms_errors_and_notices_are_listed() -> None:
    page = "\n".join(status_page(items(
        Info__Reasons__Charge__Text=("too cold\ntoo full", "too cold\ntoo full"),
        Info__Reasons__Discharge__Text=("", ""),
        Alarms__LowSoc=(1, "1"), Alarms__BmsCable=(2, "2"), ErrorCode=(32, "32"),
        Info__Notices=("charge fully first", "charge fully first"),
    )))  # fmt: skip
    for sentence in (
        "No to charging: too cold", "No to charging: too full", "Warning: LowSoc", "Alarm: BmsCable",
        "Error #32: bms cable", "Note: charge fully first",
    ):  # fmt: skip
        assert sentence in page
    assert "No to discharging" not in page
    assert why_lines(items()) == []


def test_the_battery_page() -> None:
    page = battery_page(items())
    assert line(page, "Min cell voltage") == "3.30V   B1 C1"
    assert line(page, "Max cell voltage") == NOT_READ
    assert line(page, "Balancer status") == "Imbalanced"
    at = page.index("Battery #1 [X1]")
    assert page[at + 1].split() == ["13.21V", NOT_READ, NOT_READ, NOT_READ, "firmware", "1.0"]
    assert page[at + 2].split() == ["3.30V", NOT_READ]


def test_the_wires_are_below_the_batteries() -> None:
    links = [
        {"name": "/dev/ttyUSB0", "batteries": [1, 2], "open": True, "frames_ok": 7, "errors": {}, "last_error": ""},
        {"name": "can0", "batteries": [3], "open": False, "frames_ok": 0,
         "errors": {"bus_off": 2, "port": 1}, "last_error": "bus-off: check cable"},
    ]  # fmt: skip
    page = battery_page(items(Info__Links=(json.dumps(links),) * 2))
    assert page[page.index("Wires") + 1 :] == [
        "  /dev/ttyUSB0   battery #1 #2   open", "    7 good answers, no error",
        "  can0   battery #3   not open", "    0 good answers, 2 × bus off, 1 × port", "    last: bus-off: check cable",
    ]  # fmt: skip
    assert "Wires" not in battery_page(items())


def test_the_history_page() -> None:
    page = history_page(items())
    assert line(page, "Last full charge") == "1 d 1 h ago"
    assert line(page, "Synchronisations") == "2"
    assert line(page, "Cycles") == NOT_READ
    assert page[-1].strip().startswith("#36 output fault, 2023-11-1")
    assert history_page(items(Diagnostics__LastErrors__1__Error=(0, "0")))[-1] == "  none"
    never = history_page(items(History__TimeSinceLastFullCharge=(None, "")))
    assert line(never, "Last full charge") == "never"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 h 00 min"), (60, "0 h 01 min"), (3_660, "1 h 01 min"), (86_400, "1 d 0 h")]
)
def test_durations(seconds: int, shown: str) -> None:
    assert line(status_page(items(TimeToGo=(seconds, ""))), "Time remaining") == shown


def every_page(said: Items) -> list[str]:
    return [*status_page(said), *battery_page(said), *history_page(said)]


def test_nothing_at_all_is_all_dashes() -> None:
    for said in ({}, {path: Item(value=None, text="") for path in TEXTS}):
        page = every_page(said)
        assert not [row for row in page if any(figure in row for figure in "0123456789")]
        assert sum(NOT_READ in row for row in page) > 30


@given(missing=st.sets(st.sampled_from(sorted(TEXTS))))
def test_any_value_may_be_missing(missing: set[str]) -> None:
    said = items() | {path: Item(value=None, text="") for path in missing}
    page = every_page(said)
    for path, name in (("/Soc", "State of charge"), ("/Dc/0/Voltage", "Voltage"), ("/Dc/0/Power", "Power")):
        assert (NOT_READ in line(page, name)) == (path in missing)
