"""What goes to the pins and comes back from them, and what else is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from smallbms.frozen import frozen
from smallbms.words import Led, LinkFault, UpdatePhase


@frozen
class Outputs:
    """The five outputs; the empty constructor is the safe state."""

    atc: bool = False
    atd: bool = False
    pre_alarm: bool = False
    red_led: Led = Led.ON
    blue_led: Led = Led.OFF


@frozen
class OutputsReadBack:
    """What the outputs process says of the pins; `None` = that pin could not be read.

    `sequence` counts the read-backs, so that "twice" means two different ones. `error` says why it is not reachable,
    `atc_error` and `atd_error` why that output cannot be had, as far as it is known.
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
    error: str = ""
    atc_error: str = ""
    atd_error: str = ""


@frozen
class LinkHealth:
    """How a wire to batteries is doing; `name` is its port in the configuration.

    Counts run since the start of the process; `round_time_s` is the time on the wire to ask every battery once.
    """

    name: str
    batteries: tuple[int, ...]
    open: bool = False
    frames_ok: int = 0
    errors: Mapping[LinkFault, int] = field(default_factory=dict)
    last_error: str = ""
    round_time_s: float | None = None


@frozen
class ErrorStamp:
    """An error as in /ErrorCode, and when it came."""

    code: int
    wall_s: float


@frozen
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


@frozen
class DeviceIdentity:
    """Who this BMS is to others; `connection` says by which wires it reaches the batteries."""

    serial: str
    version: str
    custom_name: str = ""
    product_name: str = "smallBMS NG"
    product_id: int = 0xFFFF
    instance: int = 0
    connection: str = ""
