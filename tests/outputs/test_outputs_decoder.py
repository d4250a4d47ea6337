"""A state said again is decoded once, and what is new in it is never missed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.errors import OutputError
from smallbms.outputs.decoder import COUNTERS, Decoder
from smallbms.outputs.protocol import Command, Led
from smallbms.outputs.remote import RemoteLevels
from smallbms.outputs.state import Remote, State, UpdateState, decode, encode
from smallbms.outputs.update import UpdatePhase

STATE = State(
    protocol=1, pid=7, start_id="ab", uptime_s=1.5, controlled=True, armed=True, sequence=4,
    commanded=Command(atc=True), applied=Command(atc=True), readings=9, pins={"charge_disconnect": True}, feedback={},
    errors={}, remote=Remote(levels=None, on=True),
    update=UpdateState(phase=UpdatePhase.NONE, failed=False, version="", discharge_held_off=False, time_left_s=None),
    last_refusal=None,
)  # fmt: skip
NEWS: dict[str, Any] = {
    "start_id": "cd",
    "armed": False,
    "commanded": None,
    "applied": Command(red_led=Led.ON),
    "pins": {"charge_disconnect": False},
    "feedback": {"charge_disconnect": False},
    "errors": {"charge_disconnect": "gone"},
    "remote": Remote(levels=RemoteLevels(l_at_minus=True, h_at_plus=False), on=False),
    "update": STATE.update._replace(phase=UpdatePhase.RUNNING),
}


def said(state: State) -> Any:
    return json.loads(json.dumps(encode(state)))


def test_what_is_said_again_is_the_same_object_again() -> None:
    decoder = Decoder()
    first = decoder.decode(said(STATE))
    again = decoder.decode(said(STATE._replace(uptime_s=2.0, sequence=5, readings=11)))
    assert again == decode(said(STATE._replace(uptime_s=2.0, sequence=5, readings=11)))
    assert again.applied is first.applied and again.remote is first.remote and again.pins is first.pins


@given(st.lists(st.fixed_dictionaries({}, optional={name: st.sampled_from([value]) for name, value in NEWS.items()})))
def test_it_says_what_decoding_each_alone_says(changes: list[dict[str, Any]]) -> None:
    decoder = Decoder()
    for number, change in enumerate(changes):
        message = said(STATE._replace(**change, uptime_s=float(number), sequence=number, readings=2 * number))
        assert decoder.decode(message) == decode(message)


@pytest.mark.parametrize("missing", [*COUNTERS, "applied"])
def test_a_state_that_lacks_something_is_none_also_after_a_good_one(missing: str) -> None:
    decoder = Decoder()
    decoder.decode(said(STATE))
    broken = {name: value for name, value in said(STATE).items() if name != missing}
    with pytest.raises(OutputError, match="no state"):
        decoder.decode(broken)
    assert decoder.decode(said(STATE)) == decode(said(STATE))


@pytest.mark.parametrize("nonsense", [None, [], "on", 3])
def test_nonsense_is_none(nonsense: Any) -> None:
    decoder = Decoder()
    decoder.decode(said(STATE))
    with pytest.raises(OutputError):
        decoder.decode(nonsense)
