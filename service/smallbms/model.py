"""The frozen types that flow from a battery's bytes to the pins and the publishers; no logic beyond properties.

Units are the last word of a name. Current > 0 charges. `None` is "not read" and never equals zero.
`_s` of an instant is monotonic; `wall_s` is Unix time and only stamps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smallbms.words import (
    AlarmCode,
    AlarmLevel,
    BalancerStatus,
    BankError,
    DeviceState,
    Direction,
    EventKind,
    Fault,
    Led,
    ReasonCode,
    SocState,
    UpdatePhase,
)

# --- what was measured ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a battery says it is; `key` = its serial, else driver + port + unit."""

    key: str
    serial: str | None = None
    model: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryReading:
    """One battery as read from its wire; each frame has its own stamp.

    `taken_at_s`: pack frame (voltage, current, temperatures, faults …); `cells_taken_at_s`: cell voltages.
    `cell_voltages_v` keeps every position; a driver without single cells leaves it empty and gives `cell_min_v` and
    `cell_max_v`. `board_temperatures_c` are MOSFETs and boards, never cells.
    """

    taken_at_s: float
    cells_taken_at_s: float
    identity: Identity
    voltage_v: float | None = None
    current_a: float | None = None
    cell_voltages_v: tuple[float | None, ...] = ()
    cell_min_v: float | None = None
    cell_max_v: float | None = None
    cell_temperatures_c: tuple[float | None, ...] = ()
    board_temperatures_c: tuple[float | None, ...] = ()
    charge_switch_on: bool | None = None
    discharge_switch_on: bool | None = None
    remaining_ah: float | None = None
    capacity_ah: float | None = None
    soc_pct: float | None = None
    soh_pct: float | None = None
    cycles: int | None = None
    balancing_cells: tuple[int, ...] | None = None
    faults: frozenset[Fault] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuntReading:
    """A bank-wide current sensor, where one is configured."""

    taken_at_s: float
    current_a: float | None = None
    voltage_v: float | None = None
    soc_pct: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Everything the links hold now: the newest and the one before it, by battery number (1…n)."""

    readings: Mapping[int, BatteryReading] = field(default_factory=dict)
    previous: Mapping[int, BatteryReading] = field(default_factory=dict)
    vbat_v: float | None = None
    shunt: ShuntReading | None = None


# --- a battery type ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where a cell or its temperature trips and releases (spec of the permission table)."""

    high_cell_v: float = 3.75
    low_cell_v: float = 2.80
    charge_cold_c: float = 5.0
    charge_hot_c: float = 50.0
    discharge_cold_c: float = -20.0
    discharge_hot_c: float = 50.0

    @property
    def high_cell_release_v(self) -> float:
        return self.high_cell_v - 0.15

    @property
    def low_cell_release_v(self) -> float:
        return max(3.20, self.low_cell_v + 0.20)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryModel:
    """A row of the table of batteries; voltages of the whole battery (manual §4.1)."""

    name: str
    cells: int
    nominal_v: float
    capacity_ah: float
    charge_v: float
    float_v: float
    end_of_discharge_v: float
    resistance_mohm: float
    continuous_charge_a: float
    continuous_discharge_a: float
    peak_charge_a: float
    peak_discharge_a: float
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One configured battery; `model` None = found from cell count and capacity."""

    number: int
    model: BatteryModel | None = None
    temperature_sensors: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BankSpec:
    """The bank as configured: its members and what cannot be found by measuring."""

    members: tuple[Member, ...]
    series: int | None = None
    host_current_a: float | None = None


# --- what is believed and decided ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """A lowest or highest value and where it is; cell 0 = the battery does not say which."""

    value: float
    battery: int
    cell: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """One battery as the engine believes it: only plausible values, and when they were last whole.

    `online`: its data are whole and young enough to decide on. `valid_at_s` is -inf before the first whole reading.
    `plain`: nothing in its reading asks for a closer look (no fault, no open switch, no current above its continuous
    limits, no unread sensor); it spares every rule from looking at every battery in every step.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Many batteries as one; `None` where it cannot be known."""

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
    plain: bool = False  # every battery is online and plain
    cell_min: Extreme | None = None
    cell_max: Extreme | None = None
    temperature_min: Extreme | None = None
    temperature_max: Extreme | None = None

    @property
    def power_w(self) -> float | None:
        if self.voltage_v is None or self.current_a is None:
            return None
        return self.voltage_v * self.current_a


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
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
    red_led: Led = Led.ON
    blue_led: Led = Led.BLINK
    cell_alarm: bool = False  # an update may not hold ATD on with this
    waiting: bool = False  # ATD is No only because this program has just begun: an update may hold it on
    wake_at_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The five outputs; the empty constructor is the safe state."""

    atc: bool = False
    atd: bool = False
    pre_alarm: bool = False
    red_led: Led = Led.ON
    blue_led: Led = Led.OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsReadBack:
    """What the outputs process says of the pins; `None` = that pin could not be read.

    `sequence` counts the read-backs, so that "twice" means two different ones.
    """

    reachable: bool = False
    sequence: int = 0
    commanded: Outputs = field(default_factory=Outputs)
    atc: bool | None = None
    atd: bool | None = None
    pre_alarm: bool | None = None
    lamp_fault: bool = False
    remote_on: bool = False
    update: UpdatePhase = UpdatePhase.NONE
    update_holds_discharge_off: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorStamp:
    code: int
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The history page (manual §5.1); energies and Ah are positive sums, the deepest discharge is ≤ 0."""

    deepest_discharge_ah: float | None = None
    total_ah_drawn: float = 0.0
    discharged_wh: float = 0.0
    charged_wh: float = 0.0
    synchronisations: int = 0
    cycles: int = 0
    full_discharges: int = 0
    last_full_charge_wall_s: float | None = None
    since_full_s: float | None = None
    min_voltage_v: float | None = None
    max_voltage_v: float | None = None
    min_cell_v: float | None = None
    max_cell_v: float | None = None
    min_temperature_c: float | None = None
    max_temperature_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceIdentity:
    serial: str
    version: str
    custom_name: str = ""
    product_name: str = "smallBMS NG"
    product_id: int = 0xFFFF
    instance: int = 0
    connection: str = ""
