"""The outputs process without its socket, file and lines: the same rules decide what the pins show."""

from __future__ import annotations

from smallbms.errors import OutputError
from smallbms.outputs import guard as rules
from smallbms.outputs.guard import Guard, Limits
from smallbms.outputs.protocol import PINS, PROTOCOL, Arm, Command, Order, UpdateBegin
from smallbms.outputs.remote import RemoteLevels, remote_on
from smallbms.outputs.state import Remote, State, UpdateState
from smallbms.outputs.update import UpdatePhase

PID = 1
FLOATING = Command()
LIMITS = Limits()


class OutputsProcess:
    """Runs until `stop`; `joined` (the remote terminals) and `stuck` (outputs by name) may be set at any time."""

    def __init__(self) -> None:
        self.joined = True
        self.stuck: dict[str, bool] = {}
        self._guard = Guard()
        self._running = True
        self._started_at_s = 0.0
        self._readings = 0

    @property
    def pins(self) -> Command:
        """What the pins truly show."""
        shown = rules.applied(self._guard, remote=self._remote.on) if self._running else FLOATING
        return Command(**(shown._asdict() | self.stuck))

    @property
    def update(self) -> UpdatePhase:
        return self._guard.update.phase

    def stop(self) -> None:
        """The process dies; an open update is remembered in its file."""
        self._running = False

    def start(self, now_s: float) -> None:
        self._running, self._started_at_s = True, now_s
        self._guard = Guard(update=self._guard.update.restarted())

    def connect(self, now_s: float) -> State:
        """A client takes control and arms; raise OutputError while the process is down."""
        self._look()
        self._guard = rules.connect(self._guard)
        return self.obey(Arm(now_s), now_s)

    def disconnect(self) -> None:
        """The client in control is gone."""
        self._guard = rules.disconnect(self._guard)

    def tick(self, now_s: float) -> None:
        """Let time pass."""
        if self._running:
            self._guard = rules.tick(self._guard, now_s, LIMITS)

    def obey(self, order: Order, now_s: float) -> State:
        """Carry out an order and return the state after it; raise Refused, or OutputError without a connection."""
        self._look()
        if not self._guard.controlled:
            raise OutputError("the outputs process closed the connection")
        self._carry_out(order, now_s)
        return self.state(now_s)

    def begin_update(self, version: str, now_s: float) -> None:
        """An installer says so; raise OutputError while the process is down."""
        self._look()
        self._carry_out(UpdateBegin(version), now_s)

    def state(self, now_s: float) -> State:
        """Return the pins read back; raise OutputError while the process is down."""
        self._look()
        self._readings += 1
        beat, update, shown = self._guard.beat, self._guard.update, self.pins
        return State(
            protocol=PROTOCOL,
            pid=PID,
            start_id=f"{self._started_at_s}",
            uptime_s=now_s - self._started_at_s,
            controlled=self._guard.controlled,
            armed=self._guard.armed,
            sequence=self._guard.sequence,
            commanded=beat.outputs if beat else None,
            applied=rules.applied(self._guard, remote=self._remote.on),
            readings=self._readings,
            pins={pin: getattr(shown, name) for name, pin in PINS.items()},
            feedback={},
            errors={},
            remote=self._remote,
            update=UpdateState(
                phase=update.phase,
                failed=update.failed,
                version=update.version,
                discharge_held_off=update.open and not update.holds_atd,
                time_left_s=update.time_left_s(now_s, LIMITS.update_s),
            ),
            last_refusal=None,
        )

    @property
    def _remote(self) -> Remote:
        levels = RemoteLevels(l_at_minus=False, h_at_plus=False, joined=self.joined)
        return Remote(levels=levels, on=remote_on(levels))

    def _carry_out(self, order: Order, now_s: float) -> None:
        self._guard = rules.obey(self._guard, order, remote=self._remote.on, now_s=now_s, limits=LIMITS)

    def _look(self) -> None:
        if not self._running:
            raise OutputError("the outputs process does not run")
