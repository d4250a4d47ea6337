"""What comes out of a wire instead of a battery's replies: eight kinds of garbage, and figures that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from smallbms.drivers.jbd import HEADER, PACK, READ, START, TRAILER, Pack, Register, frame
from smallbms.emulators.jbd import JbdBoard

Garbage = Callable[[bytes, bytes, Random], bytes]  # request, sound reply -> what comes

FLOOD_BYTES = 16 * 1024
NOISE_BYTES = 60
ROOM_WARMTH = (2931).to_bytes(2) * 2  # two sensors at 20 °C
OPEN_SENSORS = bytes(4)


class GarbledBoard:
    """A board whose replies pass through `garbage`; None: they come out as they are. `asked` counts questions."""

    def __init__(self, board: JbdBoard, seed: int = 0) -> None:
        self.garbage: Garbage | None = None
        self.asked = 0
        self._board = board
        self._random = Random(seed)

    def receive(self, data: bytes) -> bytes:
        self.asked += 1
        reply = self._board.receive(data)
        return self.garbage(data, reply, self._random) if self.garbage and reply else reply


def _random_bytes(_request: bytes, _reply: bytes, random: Random) -> bytes:
    return random.randbytes(NOISE_BYTES)


def _flipped_bit(_request: bytes, reply: bytes, random: Random) -> bytes:
    """One bit of what the checksum covers."""
    bit = random.randrange(16, 8 * (len(reply) - TRAILER))
    return (int.from_bytes(reply, "little") ^ 1 << bit).to_bytes(len(reply), "little")


def _half(_request: bytes, reply: bytes, random: Random) -> bytes:
    return reply[: random.randrange(1, len(reply) - 1)]


def _echo(request: bytes, _reply: bytes, _random: Random) -> bytes:
    return request


def _line_at_rest(_request: bytes, reply: bytes, _random: Random) -> bytes:
    """A broken wire: the receiver reads zeros."""
    return bytes(len(reply))


def _flood(_request: bytes, _reply: bytes, _random: Random) -> bytes:
    """A board gone mad: beginnings of frames without end."""
    return bytes((START, READ)) * (FLOOD_BYTES // 2)


def _false_length(_request: bytes, reply: bytes, _random: Random) -> bytes:
    return reply[: HEADER - 1] + b"\xff" + reply[HEADER:]


def _wrong_register(_request: bytes, reply: bytes, _random: Random) -> bytes:
    """A sound frame that answers another question, as of a neighbour on the line."""
    return frame(Register.NAME, reply[2:-TRAILER])


GARBAGE: dict[str, Garbage] = {
    "random bytes": _random_bytes,
    "a flipped bit in every reply": _flipped_bit,
    "torn replies": _half,
    "only an echo": _echo,
    "zeros": _line_at_rest,
    "a flood of frame beginnings": _flood,
    "a false length": _false_length,
    "the answer to another question": _wrong_register,
}


def pack_data(*, sensors: bytes = ROOM_WARMTH, **fields: int) -> bytes:
    """The pack register of a battery at rest, but for these fields."""
    sound = Pack(
        voltage_10mv=1321, current_10ma=0, remaining_10mah=6000, capacity_10mah=10000, cycles=0, production_date=0,
        balancing_low=0, balancing_high=0, protection=0, software=0x10, soc_pct=60, switches=3, cells=4, sensors=2,
    )  # fmt: skip
    return PACK.pack(*sound._replace(**fields)) + sensors
