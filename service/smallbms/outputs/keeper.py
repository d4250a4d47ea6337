"""Where the rules meet the pins: every request of a client and every passing of time ends in one drive of the board."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import inf

from smallbms.outputs import guard as rules
from smallbms.outputs import pinout
from smallbms.outputs.console import say
from smallbms.outputs.files import load_object, replace_file
from smallbms.outputs.gpio import Line
from smallbms.outputs.guard import Guard, Limits
from smallbms.outputs.pinout import NEEDED
from smallbms.outputs.pins import Board, ReadBack
from smallbms.outputs.protocol import (
    ORDERS,
    PROTOCOL,
    SAFE,
    Code,
    GetState,
    Hello,
    Led,
    Level,
    Order,
    Refused,
    Request,
    Role,
)
from smallbms.outputs.remote import RemoteLevels, remote_on
from smallbms.outputs.state import LastRefusal, Remote, State, UpdateState
from smallbms.outputs.update import Update

REFUSAL_LOG_S = 60.0  # the same refusal is logged again after this time
SETTLE_S = 0.3  # a contactor takes 3…100 ms to move, and so does its auxiliary contact


class Keeper:
    """The outputs process without its sockets; `client` is any number that names a connection."""

    def __init__(self, saved_path: str, limits: Limits, now_s: float) -> None:
        self._saved_path = saved_path
        self._limits = limits
        self._started_at_s = now_s
        self._start_id = os.urandom(8).hex()
        self._guard = Guard()
        self._pins: Mapping[str, object] | None = None
        self._board: Board | None = None
        self._roles: dict[int, Role] = {}
        self._levels: RemoteLevels | None = None
        self._applied = SAFE
        self._read_back = ReadBack(pins={}, feedback={}, errors={})
        self._readings = 0
        self._settled_at_s = now_s + SETTLE_S
        self._refusal: LastRefusal | None = None
        self._refusal_said_at_s = now_s
        self._restore(now_s)

    @property
    def controlled(self) -> bool:
        """A client is in control."""
        return self._guard.controlled

    def in_control(self, client: int) -> bool:
        """This one is it."""
        return self._roles.get(client) is Role.CONTROL

    def wake_at_s(self) -> float | None:
        """Return when a tick is due at the latest; None for never."""
        return rules.wake_at_s(self._guard, self._limits)

    def watched(self) -> list[Line]:
        """Return the lines whose edges ask for a tick."""
        return self._board.watched() if self._board else []

    def pulse_at_s(self) -> float:
        """Return when `pulse` is to be called at the latest."""
        return self._board.pulse.due_at_s if self._board and self._board.pulse else inf

    def tick(self, now_s: float) -> None:
        """Let time pass and drive the pins."""
        self._pass_time(now_s)
        self._drive(now_s)

    def pulse(self, now_s: float) -> None:
        """Move the watchdog line on, if there is one; after a tick that was due."""
        if self._board and self._board.pulse:
            self._board.pulse.beat(self._is_believable(), now_s)

    def obey(self, client: int, request: Request, now_s: float) -> State:
        """Carry out a request and return the state after it; raise Refused."""
        self._pass_time(now_s)
        if not isinstance(request, GetState):
            try:
                self._carry_out(client, request, now_s)
            except Refused as refusal:
                self._note(refusal, now_s)
                raise
            self._drive(now_s)
        return self.state(now_s)

    def gone(self, client: int, now_s: float) -> None:
        """A connection ended."""
        if self._roles.pop(client, None) is Role.CONTROL:
            say("the controlling client is gone: disarmed")
            self._guard = rules.disconnect(self._guard)
            self._drive(now_s)

    def close(self, now_s: float) -> None:
        """Everything off."""
        if self._board:
            self._board.close(now_s)

    def state(self, now_s: float) -> State:
        """Return the state as of the last drive."""
        update = self._guard.update
        return State(
            protocol=PROTOCOL,
            pid=os.getpid(),
            start_id=self._start_id,
            uptime_s=round(now_s - self._started_at_s, 3),
            controlled=self._guard.controlled,
            armed=self._guard.armed,
            sequence=self._guard.sequence,
            commanded=self._guard.beat.outputs if self._guard.beat else None,
            applied=self._applied,
            readings=self._readings,
            pins=self._read_back.pins,
            feedback=self._read_back.feedback,
            errors=self._read_back.errors,
            remote=Remote(levels=self._levels, on=remote_on(self._levels)),
            update=UpdateState(
                phase=update.phase,
                failed=update.failed,
                version=update.version,
                discharge_held_off=update.open and not update.holds_atd,
                time_left_s=update.time_left_s(now_s, self._limits.update_s),
            ),
            last_refusal=self._refusal,
        )

    def _pass_time(self, now_s: float) -> None:
        """Let the rules see the time; what it takes away is off the pins before anything else is looked at."""
        before = self._guard
        self._guard = rules.tick(before, now_s, self._limits)
        if self._guard is before:
            return
        self._drive(now_s)
        if before.armed and not self._guard.armed:
            say(f"no command for {self._limits.silence_s:g} s: disarmed")
        if self._guard.update.expired and not before.update.expired:
            say(f"update to {self._guard.update.version}: no healthy version in {self._limits.update_s:g} s")

    def _carry_out(self, client: int, request: Hello | Order, now_s: float) -> None:
        if isinstance(request, Hello):
            self._hello(client, request, now_s)
            return
        role = self._roles.get(client)
        if role is None:
            raise Refused(Code.HELLO_FIRST, "only a client that said hello may do more than ask for the state")
        if not isinstance(request, ORDERS[role]):
            raise Refused(Code.NOT_ALLOWED, f"a client with role {role} may not do this")
        before = self._guard
        self._guard = rules.obey(before, request, remote=remote_on(self._levels), now_s=now_s, limits=self._limits)
        if self._guard.armed and not before.armed:
            say("armed")
        if self._guard.update != before.update:
            update = self._guard.update
            self._save()
            held = ", load output held" if update.holds_atd else ""
            say(f"update to {update.version or before.update.version}: {update.phase}{held}")

    def _hello(self, client: int, hello: Hello, now_s: float) -> None:
        if client in self._roles:
            raise Refused(Code.HELLO_TWICE, "hello was said on this connection")
        if hello.role is Role.CONTROL:
            if self._guard.controlled:
                raise Refused(Code.CONTROL_TAKEN, "another client is in control")
            if hello.pins is None:
                raise Refused(Code.BAD_PINS, "role control needs pins")
            self._configure(hello.pins, now_s)
            self._guard = rules.connect(self._guard)
            say("a client took control")
        elif hello.role is Role.INSTALLER and Role.INSTALLER in self._roles.values():
            raise Refused(Code.INSTALLER_TAKEN, "another installer is connected")
        self._roles[client] = hello.role

    def _configure(self, pins: Mapping[str, object], now_s: float) -> None:
        if self._board and pins == self._pins:
            return
        checked = pinout.parse(pins)
        if self._board:
            say("other pins: all outputs off, all lines given back")
            self._guard = rules.release(self._guard)
            self._board.close(now_s)
        self._board, self._pins = Board(checked, now_s), pins
        self._settled_at_s = now_s + SETTLE_S
        self._save()

    def _restore(self, now_s: float) -> None:
        try:
            saved = load_object(self._saved_path)
            pins, update = saved["pins"], saved["update"]
            if isinstance(update, dict):
                self._guard = Guard(update=Update(**update).restarted())
            if self._guard.update.failed:
                say(f"update to {self._guard.update.version}: failed, not acknowledged")
            if isinstance(pins, dict):
                self._board, self._pins = Board(pinout.parse(pins), now_s), pins
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            say(f"{self._saved_path} is ignored: {error!r}")

    def _save(self) -> None:
        try:
            replace_file(self._saved_path, {"pins": self._pins, "update": self._guard.update._asdict()})
        except OSError as error:
            say(f"{self._saved_path} cannot be written: {error}")

    def _is_believable(self) -> bool:
        """Somebody commands, or an update holds the load output by its rule, and both outputs could be written."""
        commanded = self._guard.beat is not None or (self._guard.update.open and self._guard.update.holds_atd)
        return commanded and not any(name in self._read_back.errors for name in NEEDED)

    def _drive(self, now_s: float) -> None:
        if self._board is None:
            return
        levels = self._board.remote(now_s)
        applied = rules.applied(self._guard, remote=remote_on(levels))
        self._board.write(applied, now_s)
        read_back = self._board.read(now_s)
        if remote_on(levels) != remote_on(self._levels):
            say(f"remote {'on' if remote_on(levels) else 'off'}")
        if applied != self._applied:
            say(f"outputs: {', '.join(f'{name} {_word(level)}' for name, level in applied._asdict().items())}")
        for name, text in read_back.errors.items():
            if self._read_back.errors.get(name) != text:
                say(f"{name}: {text}")
        if (applied.atc, applied.atd) != (self._applied.atc, self._applied.atd):
            self._settled_at_s = now_s + SETTLE_S
        if now_s >= self._settled_at_s:  # all that is read of a contact on its way is one reading
            self._readings += 1
        self._levels, self._applied, self._read_back = levels, applied, read_back

    def _note(self, refusal: Refused, now_s: float) -> None:
        last, self._refusal = self._refusal, LastRefusal(refusal.code, refusal.text, now_s - self._started_at_s)
        if last is None or last.code != refusal.code or now_s - self._refusal_said_at_s >= REFUSAL_LOG_S:
            self._refusal_said_at_s = now_s
            say(f"refused, {refusal.code}: {refusal.text}")


def _word(level: Level) -> str:
    return level if isinstance(level, Led) else "on" if level else "off"
