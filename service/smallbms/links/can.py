"""A CAN interface and the battery on it, by the kernel's raw CAN sockets."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from struct import Struct

from smallbms.backoff import BACK_OFF_S, BackOff
from smallbms.drivers.can_bms import FRAMES, KEEP_ALIVE, CanBms
from smallbms.errors import LinkError
from smallbms.links.base import Unasked
from smallbms.links.tally import Tally
from smallbms.model import BatteryReading, LinkHealth
from smallbms.trouble import TroubleLog
from smallbms.words import LinkFault

FRAME = Struct("=IB3x8s")  # struct can_frame: id and flags, length, data
BEAT_S = 1.0  # between two keep-alives
GATHER_S = 0.02  # a battery sends its frames one after the other: what comes together is handed on together
SILENT_S = 5.0
MOST_AT_ONCE = 64  # frames, before the loop has its turn again

_ERROR_FILTER = 2  # CAN_RAW_ERR_FILTER (linux/can/raw.h), which Python does not name
# linux/can/error.h: classes of error frames, and what byte 1 of the controller's says
_CONTROLLER = 0x04
_PASSIVE, _ACTIVE, _OVERFLOW = 0x30, 0x40, 0x03
_NO_ACK, _BUS_OFF, _RESTARTED = 0x20, 0x40, 0x100
_WIRE = 0x08 | 0x10 | 0x80  # protocol violation, transceiver, bus error
_WATCHED = _CONTROLLER | _NO_ACK | _BUS_OFF | _RESTARTED | _WIRE

_log = logging.getLogger(__name__)


def open_can(interface: str) -> socket.socket:
    """A socket that hears the frames of the protocol and the errors of the bus; raises OSError."""
    opened = socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.CAN_RAW)
    try:
        exact = socket.CAN_SFF_MASK | socket.CAN_EFF_FLAG | socket.CAN_RTR_FLAG
        filters = b"".join(Struct("=II").pack(can_id, exact) for can_id in FRAMES)
        opened.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, filters)
        opened.setsockopt(socket.SOL_CAN_RAW, _ERROR_FILTER, _WATCHED)
        opened.bind((interface,))
    except OSError:
        opened.close()
        raise
    return opened


class CanLink(Unasked):
    """Hears the one battery of a CAN interface; answers it once a second, unless it is only to listen.

    An interface that is down, gone or bus-off is opened again and again; to bring it up is the system's business.
    """

    def __init__(
        self,
        interface: str,
        number: int,
        battery: CanBms,
        *,
        answer: bool = True,
        on_reading: Callable[[int, BatteryReading], None],
        open_socket: Callable[[str], socket.socket] = open_can,
    ) -> None:
        self._interface = interface
        self._number = number
        self._battery = battery
        self._answer = answer
        self._on_reading = on_reading
        self._open_socket = open_socket
        self._trouble = TroubleLog(_log)
        self._tally = Tally(interface, _log)
        self._heard_at_s = 0.0
        self._lost: asyncio.Future[str] | None = None  # of the open socket: why it is to be opened anew
        self._due: asyncio.TimerHandle | None = None  # a reading is to be handed on

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset({self._number})

    @property
    def health(self) -> LinkHealth:
        return self._tally.health(self.numbers)

    async def run(self) -> None:
        """Listen until cancelled; then the socket is closed."""
        back_off = BackOff(*BACK_OFF_S)
        while True:
            frames_before = self._tally.frames_ok
            try:
                await self._listen()
            except LinkError as error:
                self._trouble.failure(self._interface, str(error))
            if self._tally.frames_ok > frames_before:
                back_off.worked()
            await back_off.wait()

    async def _listen(self) -> None:
        """Hear the bus until it is lost; raises LinkError then."""
        loop = asyncio.get_running_loop()
        try:
            opened = self._open_socket(self._interface)
        except OSError as error:
            text = f"cannot be opened: {error.strerror}"
            self._tally.fault(LinkFault.PORT, text)
            raise LinkError(text) from error
        self._lost = lost = loop.create_future()
        self._tally.open, self._heard_at_s = True, loop.time()
        loop.add_reader(opened, self._on_readable, opened)
        try:
            while not lost.done():
                self._beat(opened)
                await asyncio.wait((lost,), timeout=BEAT_S)
            raise LinkError(lost.result())
        finally:
            self._tally.open = False
            loop.remove_reader(opened)
            opened.close()
            if self._due is not None:
                self._due.cancel()
                self._due = None

    def _beat(self, opened: socket.socket) -> None:
        """Say that we are there, and notice who is not."""
        if asyncio.get_running_loop().time() - self._heard_at_s > SILENT_S:
            self._fail(f"battery {self._number}", LinkFault.SILENCE, f"silent on {self._interface}")
        if not self._answer:
            return
        try:
            opened.send(FRAME.pack(KEEP_ALIVE, 8, bytes(8)))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                self._disturbed("nobody takes what is sent: is the battery connected, the bit rate right?")
            else:
                self._lose(LinkFault.PORT, f"writing failed: {error.strerror}")

    def _on_readable(self, opened: socket.socket) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                frame = opened.recv(FRAME.size)
            except BlockingIOError:
                return
            except OSError as error:
                self._lose(LinkFault.PORT, f"reading failed: {error.strerror}")
                return
            if len(frame) != FRAME.size:
                self._lose(LinkFault.PORT, "it hung up")
                return
            can_id, length, data = FRAME.unpack(frame)
            if can_id & socket.CAN_ERR_FLAG:
                self._on_error(can_id & socket.CAN_ERR_MASK, data)
            else:
                self._on_frame(can_id, data[:length])

    def _on_frame(self, can_id: int, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if not self._battery.take(can_id, data, loop.time()):
            self._tally.fault(LinkFault.BAD_FRAME, f"frame 0x{can_id:X} of {len(data)} bytes")
            return
        self._tally.frames_ok += 1
        self._heard_at_s = loop.time()
        if self._trouble:
            self._trouble.recovery(self._interface)
        if self._due is None:
            self._due = loop.call_later(GATHER_S, self._tell)

    def _tell(self) -> None:
        self._due = None
        if reading := self._battery.reading():
            if self._trouble:
                self._trouble.recovery(f"battery {self._number}")
            self._on_reading(self._number, reading)

    def _on_error(self, kind: int, data: bytes) -> None:
        """An error frame of the kernel: what the controller has met."""
        flags = data[1] if kind & _CONTROLLER else 0
        if kind & _BUS_OFF:
            self._lose(LinkFault.BUS_OFF, "bus-off: check cable, terminators and bit rate")
        elif flags & _ACTIVE or kind & _RESTARTED:
            self._trouble.recovery(f"the bus at {self._interface}")
        elif flags & _PASSIVE:
            self._disturbed("error-passive: check cable, terminators and bit rate")
        elif flags & _OVERFLOW:
            self._disturbed("frames were lost, the controller was full")
        elif kind & (_NO_ACK | _WIRE):
            self._disturbed("errors on the wire: check cable, terminators and bit rate")

    def _disturbed(self, text: str) -> None:
        """It works on, if badly."""
        self._fail(f"the bus at {self._interface}", LinkFault.BUS_ERROR, text)

    def _fail(self, subject: str, fault: LinkFault, text: str) -> None:
        self._tally.fault(fault, text)
        self._trouble.failure(subject, text)

    def _lose(self, fault: LinkFault, text: str) -> None:
        self._tally.fault(fault, text)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(text)
