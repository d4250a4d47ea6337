"""What is believed of the bank, and what one engine step decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from smallbms.frozen import frozen
from smallbms.model.kinds import BatteryModel, Thresholds
from smallbms.model.measured import BatteryReading
from smallbms.words import (
    AlarmCode,
    AlarmLevel,
    BalancerStatus,
    BankError,
    DeviceState,
    Direction,
    EventKind,
    Led,
    ReasonCode,
    SocState,
)

_USUAL = Thresholds()


@frozen
class Extreme:
    """A lowest or highest value and where it is; cell 0 = the battery does not say which."""

    value: float
    battery: int
    cell: int = 0


@frozen
class Battery:
    """One battery as the engine believes it: only plausible values, and when they were last whole.

    `online`: its data are whole and young enough to decide on. `valid_at_s` is -inf before the first whole reading.
    `plain`: nothing asks for a closer look (no doubt, a model that fits, no fault, no open switch, no current above its
    continuous limits, no limit of its own, no unread sensor); it spares every rule from looking at every battery in
    every step.
    """

    number: int
    model: BatteryModel | None
    reading: BatteryReading | None
    valid_at_s: float
    online: bool
    plain: bool = False
    cell_min_v: float | None = None
    cell_max_v: float | None = None
    temperature_min_c: float | None = None
    temperature_max_c: float | None = None

    def cell_at(self, voltage_v: float) -> int:
        """The cell that has this voltage; 0 where the battery does not give single cells."""
        cells = self.reading.cell_voltages_v if self.reading else ()
        return cells.index(voltage_v) + 1 if voltage_v in cells else 0

    def sensor_at(self, temperature_c: float) -> int:
        sensors = self.reading.cell_temperatures_c if self.reading else ()
        return sensors.index(temperature_c) + 1 if temperature_c in sensors else 0


@frozen
class Bank:
    """Many batteries as one; `None` where it cannot be known.

    `plain`: every battery is online and plain; `heard_at_s`: the oldest `valid_at_s` of its batteries, None before the
    first of each.
    """

    batteries: tuple[Battery, ...] = ()
    error: BankError = BankError.NONE
    error_battery: int | None = None
    model: BatteryModel | None = None
    series: int | None = None
    parallel: int | None = None
    voltage_v: float | None = None
    current_a: float | None = None
    capacity_ah: float | None = None
    online: int = 0
    plain: bool = False
    heard_at_s: float | None = None
    cell_min: Extreme | None = None
    cell_max: Extreme | None = None
    temperature_min: Extreme | None = None
    temperature_max: Extreme | None = None

    @property
    def thresholds(self) -> Thresholds:
        """Of its batteries, or the usual ones while they are not known."""
        return self.model.thresholds if self.model else _USUAL

    @property
    def power_w(self) -> float | None:
        if self.voltage_v is None or self.current_a is None:
            return None
        return self.voltage_v * self.current_a


@frozen
class Reason:
    """One reason for a No: where it is, what was measured against which limit, since when."""

    code: ReasonCode
    blocks: Direction
    since_s: float
    text: str
    battery: int | None = None
    cell: int | None = None
    value: float | None = None
    limit: float | None = None


@frozen
class Decision:
    """What one engine step decided, and why."""

    at_s: float
    bank: Bank
    allow_to_charge: bool = False
    allow_to_discharge: bool = False
    pre_alarm: bool = False
    soc_pct: float | None = None
    soc_state: SocState = SocState.UNKNOWN
    consumed_ah: float | None = None
    time_to_go_s: int | None = None
    cvl_v: float = 0.0
    ccl_a: float = 0.0
    dcl_a: float = 0.0
    charge_request: bool = False
    balancer: BalancerStatus = BalancerStatus.UNKNOWN
    balancer_text: str = ""
    reserve_days: float | None = None
    device_state: DeviceState = DeviceState.INITIALIZING
    error: BankError = BankError.NONE
    alarms: Mapping[AlarmCode, AlarmLevel] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    notices: tuple[str, ...] = ()  # advice that blocks nothing: "new bank: charge fully first"
    events: tuple[Event, ...] = ()  # what changed in this step
    urgent_cells: frozenset[int] = frozenset()  # batteries whose cell voltages are wanted at once
    near_limit: frozenset[int] = frozenset()  # batteries to be read more often
    bleed: Mapping[int, frozenset[int]] = field(default_factory=dict)  # cells (from 1) to bleed, by battery
    red_led: Led = Led.ON
    blue_led: Led = Led.BLINK
    cell_alarm: bool = False  # an update may not hold ATD on with this
    waiting: bool = False  # ATD is No only because this program has just begun: an update may hold it on
    wake_at_s: float = 0.0


@frozen
class Event:
    """A line of the event log."""

    kind: EventKind
    code: str
    text: str
    wall_s: float
    battery: int | None = None
    cell: int | None = None
    value: float | None = None
    limit: float | None = None
    measured: Mapping[str, float | None] = field(default_factory=dict)
