"""A connection to a D-Bus daemon: calls, replies, signals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from velib_python._address import bus_address, socket_paths
from velib_python._library import LibraryName, Message, Parser, load_parser
from velib_python._marshal import NO_REPLY_EXPECTED, Field, MessageKind, header_fields, marshal, message
from velib_python._stream import Stream
from velib_python.errors import DbusError

DBUS = "org.freedesktop.DBus"
DBUS_PATH = "/org/freedesktop/DBus"
INVALID_ARGS = f"{DBUS}.Error.InvalidArgs"
UNKNOWN_METHOD = f"{DBUS}.Error.UnknownMethod"
UNKNOWN_OBJECT = f"{DBUS}.Error.UnknownObject"

Handler = Callable[[Message], None]

log = logging.getLogger(__name__)


async def connect(bus: str = "system", *, library: LibraryName | None = None, timeout_s: float = 10.0) -> Connection:
    """Connect to `system`, `session` or a bus address; `library` parses (default: the fastest that imports).

    Raises ConnectionError (its cause says what failed), or ValueError for an address that is none.
    """
    parser = load_parser(library)
    address = bus_address(bus)
    refusal: OSError | None = None
    for socket_path in socket_paths(address):
        try:
            async with asyncio.timeout(timeout_s):
                connection = Connection(parser)
                await connection.open(socket_path)
                return connection
        except OSError as error:
            refusal = error
    try:
        raise ConnectionError(f"no bus at {address}: {str(refusal) or 'no answer'}") from refusal
    finally:
        del refusal  # its traceback keeps this frame: none is to wait for the garbage collector


class Connection:
    """One connection; made by `connect`. Its handlers run on the loop and must not block.

    Each function in `drained_handlers` is called when a full socket takes data again.
    """

    def __init__(self, parser: Parser) -> None:
        self.unique_name = ""
        self.drained_handlers: list[Callable[[], None]] = []
        self._parser = parser
        self._stream = Stream(self._received, self._drained)
        self._stream.lost.add_done_callback(self._lost)
        self._serial = 0
        self._dropped = 0
        self._replies: dict[int, asyncio.Future[Message]] = {}
        self._on_answer: dict[int, Handler] = {}  # of those calls whose caller must know what came behind the answer
        self._tasks: set[asyncio.Task[None]] = set()
        self._call_handler: Handler | None = None
        self._signal_handlers: dict[tuple[str | None, str | None], list[Handler]] = {}

    @property
    def closed(self) -> bool:
        """The connection is lost or closed; it does not come back."""
        return self._stream.closed

    @property
    def writable(self) -> bool:
        """The socket takes data: what is sent now leaves now. False while it is full, and once closed."""
        return self._stream.writable

    @property
    def bytes_waiting(self) -> int:
        """What the socket has not taken yet."""
        return self._stream.bytes_waiting

    async def wait_closed(self) -> BaseException | None:
        """Wait until the connection is gone: what ended it, None if we closed it ourselves."""
        return await asyncio.shield(self._stream.lost)

    async def close(self, timeout_s: float = 1.0) -> None:
        """End its tasks, send what waits (for `timeout_s` at most) and close."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._stream.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.wait_closed()
        self._stream.abort()
        await self.wait_closed()

    async def open(self, socket_path: str) -> None:
        """Connect, authenticate and get the unique name; `connect` does it."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self._stream, socket_path)
        try:
            await self._stream.authenticated
            (self.unique_name,) = await self.call_daemon("Hello")
        finally:
            if not self.unique_name:
                self._stream.abort()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task of this connection: `close` ends it, and its exception ends the connection."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self.closed:
            self._stream.abort(error)

    # Calls, replies, signals

    async def call(
        self, destination: str, path: str, interface: str, member: str, signature: str = "", *arguments: Any,
        timeout_s: float = 10.0, on_answer: Handler | None = None,
    ) -> list[Any]:  # fmt: skip
        """Call a method: the body of its reply; `on_answer` is given it, or the error, before what comes behind it.

        Raises DbusError (the peer's error), TimeoutError, ConnectionError, ValueError (arguments and signature differ).
        """
        fields = header_fields({
            Field.PATH: path, Field.DESTINATION: destination, Field.INTERFACE: interface, Field.MEMBER: member,
            Field.SIGNATURE: signature,
        })  # fmt: skip
        body = marshal(signature, *arguments)
        serial = self._next_serial()
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._replies[serial] = reply
        if on_answer:
            self._on_answer[serial] = on_answer
        try:
            async with asyncio.timeout(timeout_s):
                self._stream.write(message(MessageKind.CALL, serial, fields, body))
                answer = await reply
        finally:
            del self._replies[serial]
            self._on_answer.pop(serial, None)
        if answer.kind is MessageKind.ERROR:
            raise DbusError(answer.error_name or "", str(answer.body[0]) if answer.body else "")
        return answer.body

    async def call_daemon(self, member: str, signature: str = "", *arguments: Any) -> list[Any]:
        """Call a method of the bus daemon itself."""
        return await self.call(DBUS, DBUS_PATH, DBUS, member, signature, *arguments)

    def serve(self, handler: Handler) -> None:
        """Give all method calls to `handler`, which answers by `reply` or raises DbusError; one a connection."""
        if self._call_handler is not None:
            raise ValueError("this connection serves already; use one connection per service")
        self._call_handler = handler

    def reply(self, call: Message, signature: str = "", body: bytes = b"") -> None:
        """Answer a method call with a marshalled body."""
        fields = {Field.REPLY_SERIAL: call.serial, Field.DESTINATION: call.sender, Field.SIGNATURE: signature}
        if call.reply_expected and not self.closed:
            self._stream.write(message(MessageKind.RETURN, self._next_serial(), header_fields(fields), body))

    def reply_error(self, call: Message, error: DbusError) -> None:
        """Answer a method call with an error."""
        fields = {
            Field.REPLY_SERIAL: call.serial, Field.DESTINATION: call.sender,
            Field.ERROR_NAME: error.name, Field.SIGNATURE: "s",
        }  # fmt: skip
        if call.reply_expected and not self.closed:
            body = marshal("s", error.text)
            self._stream.write(message(MessageKind.ERROR, self._next_serial(), header_fields(fields), body))

    def emit(self, fields: bytes, body: bytes) -> None:
        """Send a signal; `fields` from `signal_fields`, so that a publisher makes them once. Lost if closed."""
        if not self.closed:
            self._stream.write(message(MessageKind.SIGNAL, self._next_serial(), fields, body, NO_REPLY_EXPECTED))

    async def add_signal_handler(
        self, handler: Handler, *, interface: str, member: str, sender: str = "", arg0: str = "",
        arg0namespace: str = "",
    ) -> None:  # fmt: skip
        """Have the daemon send us these signals and give each of that interface and member to `handler`, once.

        It may be called again for other senders.
        """
        terms = {
            "type": "signal", "interface": interface, "member": member,
            "sender": sender, "arg0": arg0, "arg0namespace": arg0namespace,
        }  # fmt: skip
        handlers = self._signal_handlers.setdefault((interface, member), [])
        if handler not in handlers:
            handlers.append(handler)
        await self.call_daemon("AddMatch", "s", ",".join(f"{key}='{term}'" for key, term in terms.items() if term))

    # What the stream brings

    def _received(self, frame: bytes) -> None:
        try:
            received = self._parser(frame)
        except ValueError as error:
            log.log(logging.DEBUG if self._dropped else logging.WARNING, "dropped a message from the bus: %s", error)
            self._dropped += 1
            return
        if received.kind is MessageKind.CALL:
            self._called(received)
        elif received.kind is MessageKind.SIGNAL:
            for handler in self._signal_handlers.get((received.interface, received.member), ()):
                handler(received)
        elif (reply := self._replies.get(received.reply_serial or 0)) and not reply.done():
            reply.set_result(received)
            if on_answer := self._on_answer.get(received.reply_serial or 0):
                on_answer(received)

    def _called(self, call: Message) -> None:
        try:
            if call.interface == f"{DBUS}.Peer" and call.member == "Ping":
                self.reply(call)
            elif self._call_handler is not None:
                self._call_handler(call)
            else:
                raise DbusError(UNKNOWN_OBJECT, f"nothing is served at {call.path}")
        except DbusError as error:
            self.reply_error(call, error)

    def _drained(self) -> None:
        for handler in self.drained_handlers:
            handler()

    def _lost(self, lost: asyncio.Future[BaseException | None]) -> None:
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ConnectionResetError(f"the connection to the bus is lost: {lost.result()}"))

    def _next_serial(self) -> int:
        self._serial = self._serial % 0xFFFF_FFFF + 1
        return self._serial


def signal_fields(path: str, interface: str, member: str, signature: str) -> bytes:
    """The header fields of a signal, for `Connection.emit`."""
    return header_fields({
        Field.PATH: path, Field.INTERFACE: interface, Field.MEMBER: member, Field.SIGNATURE: signature,
    })  # fmt: skip
