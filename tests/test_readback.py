"""The outputs process in the engine's words: what was not read is not on."""

from __future__ import annotations

from typing import Any

import pytest

from smallbms.errors import OutputError
from smallbms.model import Outputs, OutputsReadBack
from smallbms.outputs.protocol import Command, Led
from smallbms.outputs.remote import RemoteLevels
from smallbms.outputs.state import Remote, State, UpdateState
from smallbms.outputs.update import UpdatePhase as TheirPhase
from smallbms.readback import Follower, read_back
from smallbms.words import Led as OurLed
from smallbms.words import UpdatePhase

ON = Command(atc=True, atd=True, pre_alarm=True, red_led=Led.BLINK, blue_led=Led.ON)
PINS: dict[str, bool | Led | None] = {
    "charge_disconnect": True, "load_disconnect": True, "pre_alarm": True, "red_led": Led.BLINK, "blue_led": Led.ON,
}  # fmt: skip


def state(**changes: Any) -> State:
    said = State(
        protocol=1, pid=1, start_id="a", uptime_s=1.0, controlled=True, armed=True, sequence=4, commanded=ON,
        applied=ON, readings=9, pins=PINS, feedback={}, errors={}, remote=Remote(levels=None, on=True),
        update=UpdateState(
            phase=TheirPhase.NONE, failed=False, version="", discharge_held_off=False, time_left_s=None
        ),
        last_refusal=None,
    )  # fmt: skip
    return said._replace(**changes)


def test_all_is_as_commanded() -> None:
    assert read_back(state(), None) == OutputsReadBack(
        reachable=True, sequence=9, atc=True, atd=True, pre_alarm=True, remote_on=True,
        commanded=Outputs(atc=True, atd=True, pre_alarm=True, red_led=OurLed.BLINK, blue_led=OurLed.ON),
    )  # fmt: skip


@pytest.mark.parametrize(("error", "text"), [(OutputError("gone"), "gone"), (None, "")])
def test_without_an_answer_nothing_is_reachable(error: OutputError | None, text: str) -> None:
    assert read_back(None, error) == OutputsReadBack(error=text)


@pytest.mark.parametrize(
    ("pins", "feedback", "atc"),
    [
        ({"charge_disconnect": False}, {}, False),
        ({"charge_disconnect": None}, {}, None),
        ({}, {"charge_disconnect": True}, True),
        ({}, {"charge_disconnect": False}, False),  # the pin is high, the contactor stays open
        ({}, {"charge_disconnect": None}, None),
        ({"charge_disconnect": False}, {"charge_disconnect": True}, False),
        ({"charge_disconnect": Led.ON}, {}, None),
    ],
)
def test_an_output_follows_only_if_its_pin_and_its_contact_do(
    pins: dict[str, Any], feedback: dict[str, bool | None], atc: bool | None
) -> None:
    said = read_back(state(pins=PINS | pins, feedback=feedback), None)
    assert said.atc is atc
    assert said.atd is True


def test_a_contact_that_is_stuck_shows_while_the_output_is_off() -> None:
    off = ON._replace(atd=False)
    said = read_back(
        state(applied=off, pins=PINS | {"load_disconnect": False}, feedback={"load_disconnect": True}), None
    )
    assert said.atd is True
    assert said.commanded.atd is False


def test_an_output_that_is_not_wired_cannot_fail() -> None:
    pins = {name: level for name, level in PINS.items() if name != "pre_alarm"}
    assert read_back(state(pins=pins), None).pre_alarm is True


@pytest.mark.parametrize(
    ("errors", "lamp"),
    [
        ({}, False),
        ({"red_led": "busy"}, True),
        ({"pre_alarm": "busy"}, True),
        ({"charge_disconnect": "busy"}, False),
        ({"load_disconnect": "busy", "blue_led": "busy"}, True),
    ],
)
def test_lamps_and_pre_alarm_are_a_fault_of_their_own(errors: dict[str, str], lamp: bool) -> None:
    said = read_back(state(errors=errors), None)
    assert said.lamp_fault is lamp
    assert (said.atc_error, said.atd_error) == (errors.get("charge_disconnect", ""), errors.get("load_disconnect", ""))


def test_a_contact_that_cannot_be_read_is_an_error_of_its_output() -> None:
    said = read_back(state(errors={"load_disconnect.feedback": "busy"}), None)
    assert (said.error, said.atc_error, said.atd_error) == ("", "", "busy")


@pytest.mark.parametrize("phase", TheirPhase)
def test_every_phase_of_an_update_has_its_word_here(phase: TheirPhase) -> None:
    update = state().update._replace(phase=phase, discharge_held_off=True)
    said = read_back(state(update=update), None)
    assert said.update is UpdatePhase(phase.value)
    assert said.update_holds_discharge_off


def test_the_remote_is_what_the_outputs_process_makes_of_its_terminals() -> None:
    levels = RemoteLevels(l_at_minus=False, h_at_plus=False)
    assert not read_back(state(remote=Remote(levels=levels, on=False)), None).remote_on


def test_while_all_pins_follow_only_what_changes_is_new() -> None:
    follower = Follower()
    assert follower.follow(None, None) == follower.now == read_back(None, None)
    follower.follow(state(), None)
    first = follower.now
    assert first == read_back(state(), None)
    assert follower.follow(state(readings=12, uptime_s=2.0, sequence=5), None) is first
    assert follower.now is first
    news = state(remote=Remote(levels=None, on=False), readings=13)
    assert follower.follow(news, None) is first
    assert follower.now == read_back(news, None)


@pytest.mark.parametrize("level", [False, None])
def test_each_reading_of_a_pin_that_does_not_follow_counts(level: bool | None) -> None:
    follower = Follower()
    follower.follow(state(), None)
    for readings in (10, 11, 12):
        follower.follow(state(readings=readings, pins={**PINS, "charge_disconnect": level}), None)
        assert (follower.now.atc, follower.now.sequence) == (level, readings)


def test_an_output_that_somebody_else_may_switch_is_not_known_until_it_is_ours_again() -> None:
    follower = Follower()
    follower.follow(state(), None)
    for readings in (10, 11):
        follower.follow(state(readings=readings), None, {"charge_disconnect": "relay 0: not Manual"})
        assert (follower.now.atc, follower.now.atd, follower.now.sequence) == (None, True, readings)
        assert follower.now.atc_error == "relay 0: not Manual"
        assert not follower.now.lamp_fault
    follower.follow(state(readings=12), None, {})
    assert follower.now == read_back(state(readings=12), None)
    follower.follow(None, OutputError("gone"), {"charge_disconnect": "relay 0: not Manual"})
    assert follower.now == OutputsReadBack(error="gone")


def test_an_outputs_process_that_is_gone_and_back_is_told_each_time() -> None:
    follower = Follower()
    follower.follow(state(), None)
    follower.follow(None, OutputError("gone"))
    assert follower.now == OutputsReadBack(error="gone")
    follower.follow(None, OutputError("not there"))
    assert follower.now == OutputsReadBack(error="not there")
    follower.follow(state(readings=20), None)
    assert follower.now == read_back(state(readings=20), None)
