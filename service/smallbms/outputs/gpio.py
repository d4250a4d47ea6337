"""The GPIO character device of Linux ≥ 5.10 (uAPI v2 of <linux/gpio.h>), with nothing but ioctl and struct.

The structures carry no pointers and are padded to be the same on 32 and 64 bits. One request holds one line here, so
that no line can keep another from being released. A line of a process that dies is freed by the kernel; what
then stays on the pin is the platform's (README: strict_gpiod).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from enum import IntFlag

from smallbms.errors import OutputError
from smallbms.outputs.lean import NamedTuple

CONSUMER = "smallbms-outputs"
CHIP_INFO = struct.Struct("<32s32sI")
LINE_INFO = struct.Struct("<32s32sI")  # then flags and attributes, not used here
LINE_INFO_SIZE = 256
REQUEST_SIZE = 592
REQUEST_CONFIG_AT = 64 * 4 + 32
REQUEST_COUNT_AT = REQUEST_CONFIG_AT + 272
REQUEST_FD_AT = REQUEST_SIZE - 4
CONFIG_HEAD = struct.Struct("<QI20x")
ATTRIBUTE_VALUES = struct.Struct("<IIQQ")
ATTRIBUTE_DEBOUNCE = struct.Struct("<IIIIQ")
VALUES = struct.Struct("<QQ")
EVENT_SIZE = 48

_WRITE_READ = 3
_READ = 2


def _ioctl_number(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | 0xB4 << 8 | number


GET_CHIP_INFO = _ioctl_number(_READ, 0x01, CHIP_INFO.size)
GET_LINE_INFO = _ioctl_number(_WRITE_READ, 0x05, LINE_INFO_SIZE)
GET_LINE = _ioctl_number(_WRITE_READ, 0x07, REQUEST_SIZE)
GET_VALUES = _ioctl_number(_WRITE_READ, 0x0E, VALUES.size)
SET_VALUES = _ioctl_number(_WRITE_READ, 0x0F, VALUES.size)
ID_OUTPUT_VALUES = 2
ID_DEBOUNCE = 3


class Flag(IntFlag):
    """gpio_v2_line_flag."""

    ACTIVE_LOW = 1 << 1
    INPUT = 1 << 2
    OUTPUT = 1 << 3
    EDGE_RISING = 1 << 4
    EDGE_FALLING = 1 << 5
    OPEN_DRAIN = 1 << 6
    OPEN_SOURCE = 1 << 7
    PULL_UP = 1 << 8
    PULL_DOWN = 1 << 9
    BIAS_DISABLED = 1 << 10


BIASES = {
    "as_is": Flag(0),
    "disabled": Flag.BIAS_DISABLED,
    "pull_up": Flag.PULL_UP,
    "pull_down": Flag.PULL_DOWN,
}
DRIVES = {"push_pull": Flag(0), "open_drain": Flag.OPEN_DRAIN, "open_source": Flag.OPEN_SOURCE}


class LineInfo(NamedTuple):
    """What the kernel says of a line that may be someone else's."""

    name: str
    consumer: str


class Chip:
    """An open GPIO chip; `with` closes it."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            answer = bytearray(CHIP_INFO.size)
            fcntl.ioctl(self._fd, GET_CHIP_INFO, answer)
        except OSError:
            os.close(self._fd)
            raise
        name, label, self.lines = CHIP_INFO.unpack(answer)
        self.name, self.label = _text(name), _text(label)

    def __enter__(self) -> Chip:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the chip; lines requested from it stay."""
        os.close(self._fd)

    def info(self, offset: int) -> LineInfo:
        """Return the name and the holder of a line."""
        answer = bytearray(LINE_INFO_SIZE)
        LINE_INFO.pack_into(answer, 0, b"", b"", offset)
        fcntl.ioctl(self._fd, GET_LINE_INFO, answer)
        name, consumer, _ = LINE_INFO.unpack_from(answer)
        return LineInfo(name=_text(name), consumer=_text(consumer))

    def offset_of(self, line: int | str) -> int:
        """Return the offset of a line given by offset or name; raise OutputError."""
        if isinstance(line, int):
            if line >= self.lines:
                raise OutputError(f"{self.name} ({self.label}) has no line {line}, only 0…{self.lines - 1}")
            return line
        found = [offset for offset in range(self.lines) if self.info(offset).name == line]
        if len(found) != 1:
            raise OutputError(f"{self.name} ({self.label}) has {len(found)} lines named {line!r}; give the number")
        return found[0]

    def request(self, line: int | str, flags: Flag, *, debounce_us: int = 0) -> Line:
        """Take a line for this process alone, an output off from the first moment; raise OutputError or OSError."""
        offset = self.offset_of(line)
        answer = _request(offset, flags, debounce_us)
        try:
            fcntl.ioctl(self._fd, GET_LINE, answer)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            holder = self.info(offset).consumer or "the kernel"
            hint = ': a relay of a GX is of kind "gx-relay"' if holder == "sysfs" else ""
            raise OutputError(f"line {line} of {self.name} ({self.label}) is held by {holder!r}{hint}") from None
        return Line(struct.unpack_from("<i", answer, REQUEST_FD_AT)[0])


class Line:
    """One line held by this process; levels are logical, active low is the kernel's work."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd

    def fileno(self) -> int:
        """Readable when the line had an edge."""
        return self._fd

    def close(self) -> None:
        """Give the line back."""
        os.close(self._fd)

    def get(self) -> bool:
        """Return the level on the pin."""
        answer = bytearray(VALUES.pack(0, 1))
        fcntl.ioctl(self._fd, GET_VALUES, answer)
        bits, _ = VALUES.unpack(answer)
        return bool(bits & 1)

    def set(self, on: bool) -> None:
        """Put a level on the pin."""
        fcntl.ioctl(self._fd, SET_VALUES, bytearray(VALUES.pack(on, 1)))

    def drop_events(self) -> None:
        """Forget the edges seen so far: only the level counts."""
        try:
            while os.read(self._fd, EVENT_SIZE * 16):
                pass
        except BlockingIOError:
            return


def open_chip(name: str) -> Chip:
    """Open a chip by path, by name ("gpiochip0") or by label ("pinctrl-bcm2711"); raise OutputError or OSError."""
    path = name if name.startswith("/") else f"/dev/{name}"
    if os.path.exists(path):
        return Chip(path)
    labels = []
    for node in sorted(node for node in os.listdir("/dev") if node.startswith("gpiochip")):
        chip = Chip(f"/dev/{node}")
        if chip.label == name:
            return chip
        labels.append(chip.label)
        chip.close()
    raise OutputError(f"no GPIO chip {name!r}; there are {', '.join(labels) or 'none'}")


def _request(offset: int, flags: Flag, debounce_us: int) -> bytearray:
    attributes = b""
    if flags & Flag.OUTPUT:
        attributes += ATTRIBUTE_VALUES.pack(ID_OUTPUT_VALUES, 0, 0, 1)
    if debounce_us:
        attributes += ATTRIBUTE_DEBOUNCE.pack(ID_DEBOUNCE, 0, debounce_us, 0, 1)
    request = bytearray(REQUEST_SIZE)
    struct.pack_into("<I", request, 0, offset)
    struct.pack_into("<32s", request, 64 * 4, CONSUMER.encode())
    CONFIG_HEAD.pack_into(request, REQUEST_CONFIG_AT, flags, len(attributes) // ATTRIBUTE_VALUES.size)
    start = REQUEST_CONFIG_AT + CONFIG_HEAD.size
    request[start : start + len(attributes)] = attributes
    struct.pack_into("<I", request, REQUEST_COUNT_AT, 1)
    return request


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode(errors="replace")
