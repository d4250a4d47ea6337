"""What must hold for every driver that the folder scan finds, on its own captures."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms import drivers
from smallbms.drivers.base import Driver, Want
from smallbms.errors import ConfigError, FrameError
from smallbms.model import BatteryReading

from .capture import Capture, Exchange, all_captures, find_request, replay, replay_before

EVERY_CAPTURE = pytest.mark.parametrize("capture", all_captures(), ids=lambda capture: capture.name)
EVERY_EXCHANGE = pytest.mark.parametrize(
    ("capture", "exchange"),
    [
        pytest.param(capture, exchange, id=f"{capture.name}-{exchange.what}")
        for capture in all_captures()
        for exchange in capture.exchanges
    ],
)


def outcome(capture: Capture, what: str, reply: bytes) -> BatteryReading | None:
    """All that a driver knows after taking `reply` in place of the recorded one; None if it is refused."""
    driver = capture.make_driver()
    for exchange in capture.exchanges:
        taken = reply if exchange.what == what else exchange.reply
        try:
            find_request(driver, exchange.what).decode(taken, 1.0)
        except FrameError as error:
            assert str(error)
            return None
    return driver.reading()


def plain(reading: BatteryReading) -> dict[str, Any]:
    """As a capture writes it: lists for tuples, names for faults."""
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(reading).items()}
    return values | {"faults": sorted(fault.name for fault in reading.faults)}


def test_every_driver_has_a_capture() -> None:
    assert set(drivers.available()) == {capture.driver for capture in all_captures()}


@pytest.mark.parametrize("driver", drivers.available().values(), ids=drivers.available())
def test_the_line_is_declared(driver: type[Driver]) -> None:
    info = driver.INFO
    assert info.baud >= 1200
    assert 0 < info.turnaround_s < 1
    assert info.pause_s >= 0
    assert driver.__doc__


@EVERY_CAPTURE
def test_requests_are_those_recorded(capture: Capture) -> None:
    driver = capture.make_driver()
    for exchange in capture.exchanges:
        assert find_request(driver, exchange.what).data == exchange.request


@EVERY_CAPTURE
def test_reading_is_the_recorded_one(capture: Capture) -> None:
    reading = replay(capture).reading()
    assert reading is not None
    found = plain(reading)
    expected = dict(capture.reading)
    identity = expected.pop("identity", {})
    assert {key: found[key] for key in expected} == expected
    assert {key: found["identity"][key] for key in identity} == identity
    assert reading.identity.key == f"{capture.driver}:/dev/ttyUSB0:{capture.unit}"


@EVERY_CAPTURE
def test_wants_ask_for_their_part_alone(capture: Capture) -> None:
    driver = capture.make_driver()
    pack, cells, identity = (set(driver.requests(want)) for want in (Want.PACK, Want.CELLS, Want.IDENTITY))
    assert pack
    assert cells
    assert not pack & identity
    assert set(driver.requests(Want.ALL)) == pack | cells
    assert set(driver.requests(Want.ALL | Want.IDENTITY)) == pack | cells | identity


@EVERY_EXCHANGE
@pytest.mark.parametrize("size_known", [False, True])
def test_any_chunking_ends_exactly_with_the_reply(capture: Capture, exchange: Exchange, size_known: bool) -> None:
    """However the bytes arrive, never more is waited for than comes, and nothing once all is there.

    A board that is new to the driver may have said before how many frames it sends.
    """
    driver = replay(capture) if size_known else replay_before(capture, exchange)
    request = find_request(driver, exchange.what)
    size = len(exchange.reply)
    for came in range(size):
        assert 0 < request.missing(exchange.reply[:came]) <= size - came
    assert request.missing(exchange.reply) == 0
    assert request.reply_size * 2 >= size
    if size_known:
        assert request.missing(b"") == size


@EVERY_EXCHANGE
def test_a_truncated_reply_is_refused(capture: Capture, exchange: Exchange) -> None:
    for size in range(len(exchange.reply)):
        assert outcome(capture, exchange.what, exchange.reply[:size]) is None


@EVERY_EXCHANGE
def test_a_changed_byte_is_refused_or_harmless(capture: Capture, exchange: Exchange) -> None:
    sound = outcome(capture, exchange.what, exchange.reply)
    assert sound is not None
    for at, byte in enumerate(exchange.reply):
        for mask in (0x01, 0x10, 0x80, 0xFF):
            spoilt = bytearray(exchange.reply)
            spoilt[at] = byte ^ mask
            assert outcome(capture, exchange.what, bytes(spoilt)) in (None, sound)


@EVERY_EXCHANGE
@given(garbage=st.binary(max_size=64))
def test_garbage_before_a_reply_is_skipped(capture: Capture, exchange: Exchange, garbage: bytes) -> None:
    reply = garbage + exchange.reply
    assert find_request(capture.make_driver(), exchange.what).missing(reply) == 0
    assert outcome(capture, exchange.what, reply) == outcome(capture, exchange.what, exchange.reply)


@EVERY_EXCHANGE
@given(noise=st.binary(max_size=513))
def test_noise_is_refused_and_leaves_no_trace(capture: Capture, exchange: Exchange, noise: bytes) -> None:
    driver = replay(capture)
    before = driver.reading()
    request = find_request(driver, exchange.what)
    assert request.missing(noise) >= 0
    with pytest.raises(FrameError):
        request.decode(noise, 99.0)
    assert driver.reading() == before


@EVERY_CAPTURE
def test_each_frame_has_its_own_stamp(capture: Capture) -> None:
    driver = replay(capture)
    before = driver.reading()
    for request in driver.requests(Want.CELLS):
        (exchange,) = (e for e in capture.exchanges if e.what == request.what)
        request.decode(exchange.reply, 50.0)
    reading = driver.reading()
    assert before is not None
    assert reading is not None
    assert reading.cells_taken_at_s == 50.0
    all_are_new = set(driver.requests(Want.PACK)) <= set(driver.requests(Want.CELLS))
    assert reading.taken_at_s == (50.0 if all_are_new else before.taken_at_s)


@EVERY_CAPTURE
def test_a_reading_is_as_old_as_the_oldest_of_its_pack_frames(capture: Capture) -> None:
    """What one frame says is not made younger by the others."""
    frames = {exchange.what: exchange.reply for exchange in capture.exchanges}
    pack = capture.make_driver().requests(Want.PACK)
    for oldest in pack:
        driver = replay(capture)
        for request in driver.requests(Want.PACK):
            request.decode(frames[request.what], 40.0 if request.what == oldest.what else 50.0)
        reading = driver.reading()
        assert reading is not None
        assert reading.taken_at_s == 40.0


def test_nothing_read_is_no_reading() -> None:
    for capture in all_captures():
        driver = capture.make_driver()
        assert driver.reading() is None
        first = capture.exchanges[0]
        find_request(driver, first.what).decode(first.reply, 1.0)
        assert driver.reading() is None


@pytest.mark.parametrize("name", drivers.available())
def test_a_driver_is_found_by_its_name_alone(name: str) -> None:
    """Its file bears its name, so that the others need not be imported."""
    assert drivers.find(name) is drivers.available()[name]


@pytest.mark.parametrize("name", ["", "jk_pb", "jdb", "base", "simulated", "no such.file", "../jbd"])
def test_what_is_no_driver_is_not_found(name: str) -> None:
    assert drivers.find(name) is None
    assert name not in drivers.Addressed()


def test_who_may_share_a_line_is_known_of_every_driver() -> None:
    addressed = drivers.Addressed()
    assert dict(addressed) == {name: driver.INFO.addressed for name, driver in drivers.available().items()}
    assert len(addressed) == len(drivers.available())


def test_one_driver_is_taken_without_the_others() -> None:
    code = "import sys; from smallbms import drivers; drivers.make('jbd', port='/dev/a'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "smallbms.drivers.jbd" in done.stdout.split()
    assert not {"smallbms.drivers.daly", "smallbms.drivers.jk_pb"} & set(done.stdout.split())


def test_an_unknown_driver_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'jdb' is not known; known are: .*jbd"):
        drivers.make("jdb", port="/dev/ttyUSB0")


def test_a_protocol_without_addresses_has_one_battery_a_port() -> None:
    with pytest.raises(ConfigError, match="unit must be 1, not 2"):
        drivers.make("jbd", port="/dev/ttyUSB0", unit=2)
