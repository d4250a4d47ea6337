"""What can be expected of a moment: the figures of the pins, of the BMS, and of the world as it truly is."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from smallbms.core import history
from smallbms.core.history import HistoryMemory
from smallbms.frozen import frozen
from smallbms.model import Decision
from smallbms.outputs.protocol import Command, Led
from smallbms.outputs.update import UpdatePhase
from smallbms.simulation.world import Flow
from smallbms.words import BalancerStatus, DeviceState, SocState

DAY_S = 86_400.0

Value = float | bool | str | None


@frozen
class Sample:
    """One moment, `time_s` after the start; `decision` and `history` are None while the main process is down."""

    time_s: float
    pins: Command
    update: UpdatePhase
    decision: Decision | None
    history: HistoryMemory | None
    flow: Flow
    soc_pct: float
    min_cell_v: float
    max_cell_v: float
    min_temperature_c: float
    max_temperature_c: float

    @property
    def reasons(self) -> frozenset[str]:
        return frozenset(str(reason.code) for reason in self.decision.reasons) if self.decision else frozenset()


class Kind(Enum):
    FLAG = auto()
    NUMBER = auto()
    WORD = auto()


@frozen
class Figure:
    """A name that an expectation may use, and a column of the CSV file."""

    name: str
    kind: Kind
    value: Callable[[Sample], Value]
    words: tuple[str, ...] = ()


def _said(name: str, kind: Kind, value: Callable[[Decision], Value], words: type[Enum] | None = None) -> Figure:
    """What the BMS says; nothing while it is down."""
    return Figure(
        name=name,
        kind=kind,
        value=lambda sample: value(sample.decision) if sample.decision else None,
        words=tuple(_word(member) for member in words or ()),
    )


def _kept(name: str, value: Callable[[HistoryMemory], Value]) -> Figure:
    return Figure(name=name, kind=Kind.NUMBER, value=lambda sample: value(sample.history) if sample.history else None)


def _word(member: Enum) -> str:
    return member.name.lower()


def _days(since_s: float | None) -> float | None:
    return None if since_s is None else since_s / DAY_S


_ALL = (
    Figure(name="atc", kind=Kind.FLAG, value=lambda s: s.pins.atc),
    Figure(name="atd", kind=Kind.FLAG, value=lambda s: s.pins.atd),
    Figure(name="pre_alarm", kind=Kind.FLAG, value=lambda s: s.pins.pre_alarm),
    Figure(name="red_led", kind=Kind.WORD, value=lambda s: str(s.pins.red_led), words=tuple(Led)),
    Figure(name="update", kind=Kind.WORD, value=lambda s: str(s.update), words=tuple(UpdatePhase)),
    Figure(name="running", kind=Kind.FLAG, value=lambda s: s.decision is not None),
    _said("soc_pct", Kind.NUMBER, lambda d: d.soc_pct),
    _said("soc_state", Kind.WORD, lambda d: _word(d.soc_state), SocState),
    _said("state", Kind.WORD, lambda d: _word(d.device_state), DeviceState),
    _said("error", Kind.NUMBER, lambda d: int(d.error)),
    _said("balancer", Kind.WORD, lambda d: _word(d.balancer), BalancerStatus),
    _said("cvl_v", Kind.NUMBER, lambda d: d.cvl_v),
    _said("ccl_a", Kind.NUMBER, lambda d: d.ccl_a),
    _said("dcl_a", Kind.NUMBER, lambda d: d.dcl_a),
    _said("charge_request", Kind.FLAG, lambda d: d.charge_request),
    _said("time_to_go_s", Kind.NUMBER, lambda d: d.time_to_go_s),
    _said("reserve_days", Kind.NUMBER, lambda d: d.reserve_days),
    _kept("synchronisations", lambda h: h.marks.synchronisations),
    _kept("cycles", lambda h: h.marks.cycles),
    _kept("full_discharges", lambda h: h.marks.full_discharges),
    _kept("days_since_full", lambda h: _days(history.page(h).since_full_s)),
    Figure(name="true_soc_pct", kind=Kind.NUMBER, value=lambda s: s.soc_pct),
    Figure(name="min_cell_v", kind=Kind.NUMBER, value=lambda s: s.min_cell_v),
    Figure(name="max_cell_v", kind=Kind.NUMBER, value=lambda s: s.max_cell_v),
    Figure(name="min_temperature_c", kind=Kind.NUMBER, value=lambda s: s.min_temperature_c),
    Figure(name="max_temperature_c", kind=Kind.NUMBER, value=lambda s: s.max_temperature_c),
    Figure(name="voltage_v", kind=Kind.NUMBER, value=lambda s: s.flow.voltage_v),
    Figure(name="current_a", kind=Kind.NUMBER, value=lambda s: s.flow.current_a),
    Figure(name="charge_a", kind=Kind.NUMBER, value=lambda s: s.flow.charge_a),
    Figure(name="load_a", kind=Kind.NUMBER, value=lambda s: s.flow.load_a),
    Figure(name="sun", kind=Kind.NUMBER, value=lambda s: s.flow.sun),
    Figure(name="ambient_c", kind=Kind.NUMBER, value=lambda s: s.flow.ambient_c),
)

FIGURES = {figure.name: figure for figure in _ALL}
