"""A BQ76952 and what it measures, to be set to anything, and a conversation with it in no time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from smallbms.batteries import custom_model
from smallbms.drivers.bq76952 import Bq76952
from smallbms.drivers.bq76952_settings import Board, usual_inputs
from smallbms.drivers.i2c import Pause, Reply, Steps, Transfer
from smallbms.emulators.bq76952 import Bq76952Chip
from smallbms.model import BatteryReading, Identity

ADDRESS = 0x08
Result = TypeVar("Result")


def state(cells: int = 16, *, current_a: float = -4.5) -> BatteryReading:
    return BatteryReading(
        taken_at_s=0.0,
        cells_taken_at_s=0.0,
        identity=Identity(key=""),
        current_a=current_a,
        cell_voltages_v=tuple((3300 + cell) / 1000 for cell in range(cells)),
        cell_temperatures_c=(21.5, 22.5, 23.5),
    )


@dataclass(kw_only=True)
class Time:
    """Passes when it is told to, and in pauses."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Pair:
    """A chip and the driver that speaks to it."""

    chip: Bq76952Chip
    driver: Bq76952
    time: Time
    measured: BatteryReading = field(default_factory=state)

    def set(self, **values: object) -> None:
        self.measured = replace(self.measured, **values)  # type: ignore[arg-type]

    def talk(self, conversation: Steps[Result]) -> Result:
        return talk(conversation, self.chip, self.time)

    def poll(self) -> BatteryReading | None:
        return self.talk(self.driver.poll())

    def reading(self) -> BatteryReading:
        """Set up if need be, and read."""
        reading = self.poll() or self.poll()
        assert reading is not None
        return reading


def pair(
    *,
    cells: int = 16,
    crc: bool = False,
    inputs: tuple[int, ...] | None = None,
    capacity_ah: float = 100.0,
    sense_mohm: float = 0.5,
    chip_mohm: float | None = None,
    key: str = "bq76952:/dev/i2c-1",
    **board: object,
) -> Pair:
    time = Time()
    wired = inputs or usual_inputs(cells)
    made: list[Pair] = []
    chip = Bq76952Chip(
        lambda: made[0].measured if made else state(cells),
        time,
        crc=crc,
        sense_mohm=chip_mohm or sense_mohm,
        inputs=wired,
    )
    driver = Bq76952(
        key=key,
        model=custom_model("own", cells=cells, capacity_ah=capacity_ah),
        board=Board(sense_mohm=sense_mohm, inputs=wired, **board),  # type: ignore[arg-type]
        crc=crc,
    )
    made.append(Pair(chip, driver, time, state(cells)))
    return made[0]


def talk(conversation: Steps[Result], chip: Bq76952Chip, time: Time) -> Result:
    """Play a conversation with a chip that is alone on its bus; AssertionError where it does not acknowledge."""

    def answer(step: Transfer | Pause) -> bytes:
        if isinstance(step, Pause):
            time.now_s += step.seconds
            return b""
        assert step.address == ADDRESS
        assert chip.write(step.data)
        return chip.read(step.size)

    return play(conversation, answer, time)


def play(
    conversation: Steps[Result], answer: Callable[[Transfer | Pause], bytes], time: Callable[[], float] = lambda: 0.0
) -> Result:
    try:
        step = next(conversation)
        while True:
            step = conversation.send(Reply(answer(step), time()))
    except StopIteration as end:
        result: Result = end.value
        return result
