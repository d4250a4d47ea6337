"""Clients that send garbage, floods, half lines, or never read."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outputs_process import ALL_ON, PINS_ON, Outputs, wait_until

from smallbms.errors import OutputError
from smallbms.outputs.protocol import Refused, parse

BEAT = {"op": "heartbeat", "sequence": 1, "step_at_s": 1.0, "outputs": ALL_ON}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (b"", "bad_line", "not JSON"),
        (b"{", "bad_line", "not JSON"),
        (b"\xff\xfe", "bad_line", "not JSON"),
        (b"[" * 8000, "bad_line", "not JSON"),
        (b'{"op": "arm", "sent_at_s": ' + b"9" * 5000 + b"}", "bad_line", "not JSON"),
        (b'{"op": "arm", "sent_at_s": ' + b"9" * 400 + b"}", "bad_line", "sent_at_s must be seconds"),
        (b'{"op": "arm", "sent_at_s": NaN}', "bad_line", "NaN"),
        (b'{"op": "arm", "sent_at_s": 1e999}', "bad_line", "sent_at_s must be seconds"),
        (b'{"op": "arm", "sent_at_s": true}', "bad_line", "sent_at_s must be seconds"),
        (b'{"op": "arm"}', "bad_line", "lacks sent_at_s"),
        (b'"arm"', "bad_line", "not a JSON object"),
        (b"{}", "unknown_op", "null is unknown"),
        (b'{"op": "reboot"}', "unknown_op", "update_begin"),
        (b'{"op": ["arm"]}', "unknown_op", '["arm"]'),
        (b'{"op": "hello", "protocol": 1, "role": "king"}', "bad_line", "control, installer, observe"),
        (b'{"op": "update_begin", "version": ""}', "bad_line", "1…64"),
        (json.dumps({**BEAT, "cel_alarm": True}).encode(), "bad_line", "cel_alarm"),
        (json.dumps({**BEAT, "sequence": 1.5}).encode(), "bad_line", "whole number"),
        (json.dumps({**BEAT, "sequence": -1}).encode(), "bad_line", "whole number"),
        (json.dumps({**BEAT, "outputs": {"atc": True}}).encode(), "bad_line", "lacks atd"),
        (json.dumps({**BEAT, "outputs": {**ALL_ON, "atc": 1}}).encode(), "bad_line", "true or false"),
        (json.dumps({**BEAT, "outputs": {**ALL_ON, "red_led": "red"}}).encode(), "bad_line", "off, on, blink"),
    ],
)
def test_a_bad_line_is_refused_with_its_fault(line: bytes, code: str, says: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(line)
    assert refused.value.code == code
    assert says in refused.value.text


@pytest.mark.parametrize("field", ["op", "sent_at_s"])
def test_no_depth_of_nesting_breaks_the_parser(field: str) -> None:
    """What can just be read cannot always be written again."""
    for depth in range(1, 2000):
        nested = b"[" * depth + b"]" * depth
        with pytest.raises(Refused):
            parse(b'{"op": "arm", "%s": %s}' % (field.encode(), nested))


def test_no_depth_of_nesting_ends_the_process(outputs: Outputs) -> None:
    outputs.start()
    talker = outputs.talk()
    for depth in range(1, 1010):
        nested = b"[" * depth + b"]" * depth
        pins = b'{"outputs": {"charge_disconnect": %s}}' % nested
        talker.socket.sendall(b'{"op": "hello", "protocol": 1, "role": "control", "pins": %s}\n' % pins)
        assert talker.answer()["code"] in ("bad_pins", "bad_line")


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_line_breaks_the_parser(line: bytes) -> None:
    with pytest.raises(OutputError):
        parse(line)


@given(name=st.sampled_from(sorted(BEAT)), value=JSON)
def test_no_wrong_field_breaks_the_parser(name: str, value: Any) -> None:
    try:
        parse(json.dumps({**BEAT, name: value}).encode())
    except Refused as refusal:
        assert refusal.text


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(garbage=st.lists(st.binary(min_size=1, max_size=2000), min_size=1, max_size=20))
def test_garbage_stops_nobody(outputs: Outputs, garbage: list[bytes]) -> None:
    if not outputs.processes:
        outputs.start(silence_s=60.0)
        outputs.control()
    nuisance = outputs.talk()
    nuisance.socket.sendall(b"".join(garbage))
    assert outputs.talkers[0].beat()["state"]["pins"] == PINS_ON
    nuisance.close()


def test_a_line_too_long_is_refused_once_and_the_next_is_read(outputs: Outputs) -> None:
    outputs.start()
    talker = outputs.talk()
    talker.socket.sendall(b"x" * 100_000 + b"\n")
    assert "longer than" in talker.answer()["text"]
    assert talker.say("state")["ok"]


def test_floods_half_lines_and_slow_readers_do_not_delay_the_controller(outputs: Outputs) -> None:
    outputs.start(silence_s=5.0)
    talker = outputs.control()
    nuisances = [outputs.talk() for _ in range(8)]
    for nuisance in nuisances:
        nuisance.socket.setblocking(False)
    end_s = time.monotonic() + 1.0
    while time.monotonic() < end_s:
        for number, nuisance in enumerate(nuisances):
            try:
                nuisance.socket.send(b'{"op": "state"' if number % 4 == 0 else b'{"op": "state"}\n' * 200)
            except OSError:
                continue
        assert talker.beat()["ok"]
    assert talker.say("state")["state"]["pins"] == PINS_ON


def test_a_slow_reader_is_dropped(outputs: Outputs) -> None:
    outputs.start()
    slow = outputs.talk()
    slow.socket.setblocking(False)

    def is_dropped() -> bool:
        try:
            slow.socket.send(b'{"op": "state"}\n' * 100)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False

    wait_until(is_dropped)


def test_many_connections_push_out_the_oldest_lookers_but_never_the_controller(outputs: Outputs) -> None:
    outputs.start(silence_s=60.0)
    talker = outputs.control()
    for _ in range(40):
        assert outputs.talk().say("state")["ok"]
    assert talker.beat()["ok"]
