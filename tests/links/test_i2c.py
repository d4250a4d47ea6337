"""A bus of BQ76952 chips behind a multiplexer: its pace, its troubles, and cells that are bled between readings."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable

import pytest

from hwbed.inside.i2c import Tca9548a
from smallbms.drivers.bq76952_registers import Status, Subcommand
from smallbms.drivers.bq76952_wire import Wire
from smallbms.drivers.i2c import Steps
from smallbms.errors import LinkError
from smallbms.links.i2c_bus import ATTEMPTS, I2cBus, I2cDevice, Place, Transport
from smallbms.words import LinkFault

from .hurried import InPlace, hurry
from .i2c_bench import CHIP, POLL_S, Bench, Wires


def in_a_hurry(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test on a loop whose time hurries."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        hurry(lambda: test(*args, **kwargs))

    return run


@in_a_hurry
async def test_every_battery_is_read_in_every_round_and_the_multiplexer_left_closed() -> None:
    bench = Bench(3)
    async with bench.running():
        await asyncio.sleep(60.0)
    assert bench.line.numbers == {1, 2, 3}
    assert [bench.count(number) for number in (1, 2, 3)] == [pytest.approx(60.0 / POLL_S, abs=2)] * 3
    assert not bench.wrong
    assert bench.mux.control == 0
    health = bench.line.health
    assert (health.open, health.errors, health.frames_ok) == (False, {}, len(bench.readings))
    assert bench.chips[1].configured == 1


@in_a_hurry
async def test_a_few_transfers_that_are_not_acknowledged_are_tried_again() -> None:
    bench = Bench(2)
    async with bench.running():
        await asyncio.sleep(5.0)
        bench.bus.naks = 2
        await asyncio.sleep(5.0)
    assert bench.line.health.errors == {}
    assert not bench.wrong


@in_a_hurry
async def test_a_burst_of_them_costs_a_round_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(3)
    async with bench.running():
        await asyncio.sleep(5.0)
        before = bench.count(1)
        bench.bus.naks = 12
        await asyncio.sleep(2 * POLL_S)
        assert bench.bus.naks == 0
        await asyncio.sleep(5.0)
    assert bench.line.health.errors[LinkFault.SILENCE] >= 1
    assert "does not answer: not acknowledged" in bench.line.health.last_error
    assert bench.count(1) >= before + 5.0 / POLL_S - 2
    assert not bench.wrong
    assert bench.connected == 1


@pytest.mark.parametrize("reset", [True, False])
@in_a_hurry
async def test_a_stuck_bus_is_opened_anew_and_its_multiplexer_reset(reset: bool) -> None:
    pulses: list[float] = []

    def pulse() -> None:
        pulses.append(bench.clock())
        bench.mux.reset()
        bench.bus.stuck = False

    bench = Bench(3, reset=pulse if reset else None)
    async with bench.running():
        await asyncio.sleep(5.0)
        bench.bus.stuck = True
        await asyncio.sleep(5.0)
        bench.bus.stuck = False  # or by itself
        stuck_for = bench.count(1)
        await asyncio.sleep(10.0)
        assert bench.line.health.open
    assert bool(pulses) is reset
    assert bench.connected == 2 if reset else bench.connected > 2
    assert bench.count(1) > stuck_for + 5
    assert bench.line.health.errors[LinkFault.PORT] == bench.connected - 1
    assert not bench.wrong


@in_a_hurry
async def test_a_reset_line_that_cannot_be_driven_is_told_and_tried_again() -> None:
    def pulse() -> None:
        raise OSError(16, "busy")

    bench = Bench(1, reset=pulse)
    bench.bus.stuck = True
    async with bench.running():
        await asyncio.sleep(5.0)
        assert "the reset line of the multiplexer" in bench.line.health.last_error
        bench.bus.stuck = False
        await asyncio.sleep(10.0)
    assert bench.count(1) > 5


@in_a_hurry
async def test_a_bus_that_cannot_be_opened_is_tried_again() -> None:
    missing = True

    def connect() -> Transport:
        if missing:
            raise FileNotFoundError(2, "No such file or directory")
        return Wires(bench.bus)

    bench = Bench(1)
    bench.transport = connect
    async with bench.running():
        await asyncio.sleep(20.0)
        assert bench.line.health.last_error == "cannot be opened: No such file or directory"
        assert 3 < bench.connected < 10
        missing = False
        await asyncio.sleep(10.0)
        assert bench.line.health.open
    assert bench.count(1) > 5


@in_a_hurry
async def test_a_chip_that_is_away_takes_nothing_from_the_others_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench(3)
    channels = bench.mux.channels
    async with bench.running():
        await asyncio.sleep(5.0)
        channel = channels.pop(1)
        before = bench.count(2), bench.count(3)
        await asyncio.sleep(60.0)
        assert bench.count(2) == before[0]
        assert bench.count(3) - before[1] == pytest.approx(60.0 / POLL_S, abs=2)
        channels[1] = channel
        await asyncio.sleep(5.0)
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert told == [
        "battery 2: not read on i2c-1: battery 2: 0x08 does not answer: not acknowledged",
        "battery 2: works again",
    ]
    assert bench.count(2) > before[0] + 5
    assert not bench.wrong
    assert bench.connected == 1


@in_a_hurry
async def test_a_reset_chip_is_set_up_anew_without_a_wrong_value() -> None:
    bench = Bench(3)
    async with bench.running():
        for number in (1, 2, 3):
            await asyncio.sleep(5.0 + 0.13 * number)
            bench.chips[number].reset()
        await asyncio.sleep(5.0)
    assert [chip.configured for chip in bench.chips.values()] == [2, 2, 2]
    assert bench.line.health.errors == {LinkFault.BAD_FRAME: 3}
    assert not bench.wrong


@in_a_hurry
async def test_wrong_crcs_cost_a_reading_and_never_a_wrong_one() -> None:
    bench = Bench(3, crc={1, 2, 3})
    async with bench.running():
        await asyncio.sleep(5.0)
        bench.chips[1].wrong_crcs = 2
        bench.chips[2].wrong_crcs = 5
        await asyncio.sleep(5.0)
    assert bench.line.health.errors == {LinkFault.BAD_FRAME: 1}
    assert not bench.wrong


@in_a_hurry
async def test_a_chip_that_answers_wrongly_does_not_have_the_bus_opened_anew() -> None:
    bench = Bench(1)
    bench.chips[1].status = Status.CONFIGURING
    async with bench.running():
        await asyncio.sleep(20.0)
    assert bench.connected == 1
    assert bench.line.health.errors[LinkFault.BAD_FRAME] > 20


@in_a_hurry
async def test_cells_are_bled_for_as_long_as_it_is_wanted_and_read_at_rest() -> None:
    bench = Bench(3)
    async with bench.running():
        await asyncio.sleep(5.0)
        bench.line.balance({1: frozenset({2, 4}), 3: frozenset({16})})
        await asyncio.sleep(60.0)  # it would end by itself after 20
        await bench.until(lambda: [chip.bleeding for chip in bench.chips.values()] == [{2, 4}, set(), {16}])
        assert {n: r.balancing_cells for n, r in bench.readings[-3:]} == {1: (2, 4), 2: (), 3: (16,)}
        bench.line.balance({1: frozenset({5})})
        await asyncio.sleep(1.0)
        await bench.until(lambda: [chip.bleeding for chip in bench.chips.values()] == [{5}, set(), set()])
        bench.line.balance({})
        await asyncio.sleep(1.0)
        assert [chip.bleeding for chip in bench.chips.values()] == [set(), set(), set()]
        assert bench.readings[-1][1].balancing_cells == ()
    assert not bench.wrong
    assert bench.count(2) == pytest.approx(67.0 / POLL_S, abs=3)


@in_a_hurry
async def test_nothing_is_bled_once_the_link_has_ended() -> None:
    bench = Bench(2)
    async with bench.running():
        await asyncio.sleep(5.0)
        bench.line.balance({1: frozenset({2}), 2: frozenset({3})})
        await bench.until(lambda: bool(bench.chips[1].bleeding and bench.chips[2].bleeding))
    assert [chip.bleeding for chip in bench.chips.values()] == [set(), set()]


@in_a_hurry
async def test_a_chip_that_cannot_be_told_to_rest_is_not_read_and_stops_by_itself() -> None:
    bench = Bench(2)
    async with bench.running():
        await asyncio.sleep(5.0)
        bench.line.balance({1: frozenset({2})})
        await bench.until(lambda: bool(bench.chips[1].bleeding))
        bench.chips[1].deaf_to_bleeding = True
        before = bench.count(1)
        await asyncio.sleep(19.0)
        assert bench.count(1) == before
        await asyncio.sleep(3.0)
        assert bench.count(1) > before
    assert not bench.wrong


@in_a_hurry
async def test_an_urged_battery_is_read_at_once() -> None:
    bench = Bench(3)
    async with bench.running():
        await asyncio.sleep(5.1)
        before = bench.count(1), bench.count(2)
        bench.line.urge(2)
        bench.line.urge(2)
        bench.line.set_near_limit({1})
        await asyncio.sleep(0.01)
        assert (bench.count(1), bench.count(2)) == (before[0], before[1] + 1)


@in_a_hurry
async def test_a_battery_urged_by_its_own_reading_is_read_again_at_once() -> None:
    def urge(number: int, _: object) -> None:
        if len(bench.readings) == 5:
            bench.line.urge(number)

    bench = Bench(1, on_reading=urge)
    async with bench.running():
        await asyncio.sleep(5.0)
    stamps = [reading.taken_at_s for _, reading in bench.readings]
    assert stamps[5] - stamps[4] < 0.01


class Deaf(Tca9548a):
    """A multiplexer that for a while takes no 0."""

    refusals = 0

    def write(self, data: bytes) -> bool:
        if data == b"\0" and self.refusals:
            self.refusals -= 1
            return False
        return super().write(data)


@in_a_hurry
async def test_chips_behind_two_multiplexers_are_never_heard_together() -> None:
    bench = Bench(2)
    muxes = {0x70: Deaf({0: bench.mux.channels[0]}), 0x71: Deaf({1: bench.mux.channels[1]})}
    bench.bus.slaves = dict(muxes)
    clock = asyncio.get_running_loop().time
    bus = I2cBus(lambda: Wires(bench.bus), muxes=muxes, worker=InPlace(), clock=clock, sleep=lambda seconds: None)
    muxes[0x71].control = 2  # left so by whoever was here before
    await bus.open()
    places = {1: Place(0x70, 0), 2: Place(0x71, 1)}
    answers = []
    for number in (1, 2, 1):
        bench.chips[number].device_number = 0x7690 + number
        answers.append(await bus.play(places[number], Wire(CHIP, crc=False).ask(Subcommand.DEVICE_NUMBER)))
    assert answers == [b"\x91\x76", b"\x92\x76", b"\x91\x76"]
    muxes[0x70].refusals = 2 * ATTEMPTS
    await bus.play(places[1], Wire(CHIP, crc=False).read(0, 1))  # its channel stays open
    with pytest.raises(LinkError, match="0x70 does not answer"):
        await bus.play(places[2], Wire(CHIP, crc=False).read(0, 1))
    assert await bus.play(places[2], Wire(CHIP, crc=False).ask(Subcommand.DEVICE_NUMBER)) == b"\x92\x76"


async def test_the_worker_is_a_thread_that_ends_with_the_bus() -> None:
    def nothing() -> Steps[int]:
        yield from ()
        return 7

    bus = I2cBus(lambda: I2cDevice("/dev/null"))
    with pytest.raises(LinkError, match="cannot be opened: Inappropriate ioctl"):
        await bus.open()
    assert await bus.play(Place(), nothing()) == 7
    with pytest.raises(LinkError, match="the bus is closed"):
        await bus.play(Place(0x70, 1), nothing())
    await bus.close()
    with pytest.raises(RuntimeError):
        await bus.open()
