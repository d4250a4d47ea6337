"""What the bridge promises: chips in Python answer at a real /dev/i2c-N, and fail as a wire fails."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from .cp2112 import Cp2112
from .i2c import Bus, Tca9548a

MUX, CHIP = 0x70, 0x08
I2C_RDWR, READ = 0x0707, 1


class Memory:
    """256 bytes: the first byte written is where the rest goes, and where a read begins."""

    def __init__(self, fill: int) -> None:
        self.content = bytearray([fill] * 256)
        self.at = 0

    def write(self, data: bytes) -> bool:
        self.at = data[0]
        self.content[self.at : self.at + len(data) - 1] = data[1:]
        return True

    def read(self, count: int) -> bytes:
        return bytes(self.content[self.at : self.at + count])


class Message(ctypes.Structure):
    """struct i2c_msg of <linux/i2c.h>."""

    _fields_ = (
        ("address", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("length", ctypes.c_uint16),
        ("data", ctypes.c_void_p),
    )


class Messages(ctypes.Structure):
    """struct i2c_rdwr_ioctl_data of <linux/i2c-dev.h>."""

    _fields_ = (("messages", ctypes.POINTER(Message)), ("count", ctypes.c_uint32))


class Adapter:
    """The program's side."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR)

    def write(self, address: int, *data: int) -> None:
        self._transfer((address, 0, ctypes.create_string_buffer(bytes(data), len(data))))

    def read(self, address: int, register: int, count: int) -> bytes:
        there, back = ctypes.create_string_buffer(bytes([register]), 1), ctypes.create_string_buffer(count)
        self._transfer((address, 0, there), (address, READ, back))
        return back.raw

    def _transfer(self, *parts: tuple[int, int, ctypes.Array[ctypes.c_char]]) -> None:
        messages = (Message * len(parts))(
            *(Message(address, flags, len(data), ctypes.addressof(data)) for address, flags, data in parts)
        )
        fcntl.ioctl(self._fd, I2C_RDWR, Messages(messages, len(parts)))

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def chips() -> list[Memory]:
    return [Memory(0xF0), Memory(0x3C)]


@pytest.fixture
def bus(chips: list[Memory]) -> Bus:
    return Bus({MUX: Tca9548a({channel: Bus({CHIP: chip}) for channel, chip in enumerate(chips)})})


@pytest.fixture
def adapter(bus: Bus) -> Iterator[Adapter]:
    with Cp2112(bus) as bridge, closing(Adapter(bridge.path)) as adapter:
        yield adapter


def test_a_chip_answers_on_its_channel_alone(adapter: Adapter, chips: list[Memory]) -> None:
    with pytest.raises(TimeoutError):
        adapter.read(CHIP, 0, 1)
    for channel, chip in enumerate(chips):
        adapter.write(MUX, 1 << channel)
        adapter.write(CHIP, 0x20, *range(60))
        assert chip.content[0x20 : 0x20 + 60] == bytes(range(60))
        assert adapter.read(CHIP, 0x10, 200) == chip.content[0x10 : 0x10 + 200]


def test_two_open_channels_pull_the_line_together(adapter: Adapter) -> None:
    adapter.write(MUX, 0b11)
    assert adapter.read(CHIP, 0, 2) == bytes([0xF0 & 0x3C] * 2)


def test_faults_of_the_wire_end_when_they_end(adapter: Adapter, bus: Bus) -> None:
    adapter.write(MUX, 1)
    bus.naks = 3
    for _ in range(3):
        with pytest.raises(TimeoutError):
            adapter.read(CHIP, 0, 1)
    assert adapter.read(CHIP, 0, 1) == b"\xf0"
    bus.stuck = True
    with pytest.raises(OSError) as caught:
        adapter.read(CHIP, 0, 1)
    assert caught.value.errno == errno.ETIMEDOUT
    bus.stuck = False
    assert adapter.read(CHIP, 0, 1) == b"\xf0"


def test_bridges_come_and_go_beside_each_other(adapter: Adapter, chips: list[Memory]) -> None:
    for fill in (1, 2):
        with Cp2112(Bus({CHIP: Memory(fill)})) as another, closing(Adapter(another.path)) as beside:
            assert beside.read(CHIP, 0, 1) == bytes([fill])
        assert not os.path.exists(another.path)
    adapter.write(MUX, 1)
    assert adapter.read(CHIP, 0, 1) == chips[0].content[:1]
