"""Chips in Python behind a real /dev/i2c-N: the kernel sees a USB bridge to I²C, and this is the bridge.

A process that writes to /dev/uhid is a HID device to the kernel, whose driver hid-cp2112 registers an I²C adapter for
it. Sources: <linux/uhid.h>; Silicon Labs AN495, the reports of the CP2112.

    with Cp2112(Bus({0x70: Tca9548a({0: Bus({0x08: chip})})})) as bridge:
        ... open bridge.path ...

The chips are called from a thread of the bridge. The adapter can write up to 61 bytes, read up to 512, or write up to
16 and read with a repeated start. What nobody acknowledges fails with ETIMEDOUT (a Raspberry Pi says EREMOTEIO), and
so does each transfer on a stuck bus. Whoever opened `path` must have closed it at the end: the kernel waits for that.
"""

from __future__ import annotations

import errno
import itertools
import os
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import pytest

from .i2c import Bus
from .waiting import wait_for

DEVICES = Path("/sys/bus/hid/devices")
JOIN_S = 10.0

# <linux/uhid.h>: a type, then what belongs to it
DESTROY, STOP, OUTPUT, GET_REPORT, GET_REPORT_REPLY, CREATE, INPUT, SET_REPORT, SET_REPORT_REPLY = (
    1, 3, 6, 9, 10, 11, 12, 13, 14,
)  # fmt: skip
DATA_MAX = 4096
TYPE = struct.Struct("=I")
CREATE_EVENT = struct.Struct("=I128s64s64sHHIIII4096s")
INPUT_EVENT = struct.Struct("=IH4096s")
GET_REPLY_EVENT = struct.Struct("=IIHH4096s")
SET_REPLY_EVENT = struct.Struct("=IIH")
OUTPUT_SIZE = struct.Struct("=H")
REQUEST = struct.Struct("=IB")  # id, number of the report
EVENT_SIZE = CREATE_EVENT.size
BUS_USB = 3
VENDOR, PRODUCT = 0x10C4, 0xEA90

# AN495: reports by number
VERSION, SMBUS_CONFIG, LOCK = 0x05, 0x06, 0x20
READ, WRITE_READ, FETCH, FETCHED, WRITE, ASK_STATUS, STATUS, CANCEL = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
REPORT_SIZE = 64
FETCH_MAX = 61
IDLE, BUSY, COMPLETE, ERROR = 0, 1, 2, 3
NOT_ACKNOWLEDGED, SUCCEEDED = 0, 5
FEATURES = {
    VERSION: bytes([VERSION, 0x0C, 3]),  # from revision 2 on there are repeated starts
    SMBUS_CONFIG: struct.pack(">BIBBHHBH", SMBUS_CONFIG, 100_000, 0x02, 0, 1000, 1000, 1, 3),
    LOCK: bytes([LOCK, 0xFF]),
}


class Cp2112:
    """A bridge between the kernel and a bus; there while it is entered, at `path`."""

    _serials = itertools.count(1)

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.path = ""
        self._serial = f"hwbed{next(self._serials)}"
        self._thread = threading.Thread(target=self._serve, name=self._serial, daemon=True)
        self._status = (IDLE, SUCCEEDED)
        self._answer = b""
        self._reports: dict[int, Callable[[bytes], None]] = {
            READ: self._read,
            WRITE_READ: self._write_read,
            WRITE: self._write,
            ASK_STATUS: self._tell_status,
            FETCH: self._hand_over,
            CANCEL: self._cancel,
        }

    def __enter__(self) -> Cp2112:
        self._fd = os.open("/dev/uhid", os.O_RDWR | os.O_CLOEXEC)
        descriptor = _descriptor()
        name, serial = b"Silicon Labs CP2112", self._serial.encode()
        event = (name, b"", serial, len(descriptor), BUS_USB, VENDOR, PRODUCT, 0, 0, descriptor)
        os.write(self._fd, CREATE_EVENT.pack(CREATE, *event))
        self._thread.start()
        wait_for(self._found, "the I²C adapter")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        os.write(self._fd, TYPE.pack(DESTROY))
        self._thread.join(JOIN_S)
        os.close(self._fd)

    def _found(self) -> bool:
        for device in DEVICES.glob("*:10C4:EA90.*"):
            adapters = list(device.glob("i2c-*"))
            if adapters and f"HID_UNIQ={self._serial}\n" in (device / "uevent").read_text(encoding="ascii"):
                self.path = f"/dev/{adapters[0].name}"
                _wait_for_probe(device)
        return os.path.exists(self.path)

    # --- HID ---------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            event = os.read(self._fd, EVENT_SIZE)
            (kind,) = TYPE.unpack_from(event)
            content = event[TYPE.size :]
            if kind == STOP:
                return
            if kind == OUTPUT:
                (size,) = OUTPUT_SIZE.unpack_from(content, DATA_MAX)
                self._reports[content[0]](content[1:size])
            elif kind == GET_REPORT:
                number, report = REQUEST.unpack_from(content)
                feature = FEATURES.get(report, b"")
                refused = 0 if feature else errno.EIO
                os.write(self._fd, GET_REPLY_EVENT.pack(GET_REPORT_REPLY, number, refused, len(feature), feature))
            elif kind == SET_REPORT:
                number, _ = REQUEST.unpack_from(content)
                os.write(self._fd, SET_REPLY_EVENT.pack(SET_REPORT_REPLY, number, 0))

    def _send(self, *report: int) -> None:
        os.write(self._fd, INPUT_EVENT.pack(INPUT, REPORT_SIZE, bytes(report)))

    # --- the bridge --------------------------------------------------------------------------------------------

    def _read(self, report: bytes) -> None:
        address, count = struct.unpack_from(">BH", report)
        self._end(self.bus.read(address >> 1, count))

    def _write_read(self, report: bytes) -> None:
        address, count, length = struct.unpack_from(">BHB", report)
        written = self.bus.write(address >> 1, report[4 : 4 + length])
        self._end(self.bus.read(address >> 1, count) if written else None)

    def _write(self, report: bytes) -> None:
        address, length = struct.unpack_from("BB", report)
        self._end(b"" if self.bus.write(address >> 1, report[2 : 2 + length]) else None)

    def _end(self, answer: bytes | None) -> None:
        self._status = (ERROR, NOT_ACKNOWLEDGED) if answer is None else (COMPLETE, SUCCEEDED)
        self._answer = answer or b""

    def _cancel(self, report: bytes) -> None:
        self._status = (IDLE, SUCCEEDED)

    def _tell_status(self, report: bytes) -> None:
        retries = b"\0\0"
        status = (BUSY, SUCCEEDED) if self.bus.stuck else self._status
        self._send(STATUS, *status, *retries, *struct.pack(">H", len(self._answer)))

    def _hand_over(self, report: bytes) -> None:
        (count,) = struct.unpack_from(">H", report)
        part, self._answer = self._answer[: min(count, FETCH_MAX)], self._answer[min(count, FETCH_MAX) :]
        self._send(FETCHED, COMPLETE, len(part), *part)


def _wait_for_probe(device: Path) -> None:
    """Until its probe is over, a driver that has registered an adapter already is not given our answers.

    Binding a device waits for the probe of that device, and is then refused, for it is bound.
    """
    with pytest.raises(OSError, match=os.strerror(errno.EBUSY)):
        (device / "driver/bind").write_text(device.name, encoding="ascii")


def _descriptor() -> bytes:
    """A HID descriptor of one collection with a report of 63 bytes for each number (HID 1.11, section 6.2.2)."""
    head = "06 00ff 09 01 a1 01 15 00 26 ff00 75 08 95 3f"  # vendor's page; bytes, 63 of them
    inputs, outputs, features = 0x81, 0x91, 0xB1

    def reports(numbers: Iterable[int], kind: int) -> bytes:
        return b"".join(bytes([0x85, number, 0x09, number, kind, 0x02]) for number in numbers)

    return (
        bytes.fromhex(head)
        + reports((FETCHED, STATUS), inputs)
        + reports((READ, WRITE_READ, FETCH, WRITE, ASK_STATUS, CANCEL), outputs)
        + reports(FEATURES, features)
        + b"\xc0"
    )
