"""What goes into a step, what is remembered between steps, and what comes out for the publishers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from smallbms.changes import Change
from smallbms.core.alarms import Alarms
from smallbms.core.balancer import BalancerMemory
from smallbms.core.bank import VbatMemory
from smallbms.core.bleeding import Cells
from smallbms.core.history import HistoryMemory
from smallbms.core.limits import LimitsMemory
from smallbms.core.permissions import Latches
from smallbms.core.prealarm import PreAlarmMemory
from smallbms.core.remembered import BatteryMemory
from smallbms.core.shunt import ShuntMemory
from smallbms.core.soc import SocMemory
from smallbms.core.updates import UpdateMemory
from smallbms.frozen import frozen
from smallbms.model import (
    BankSpec,
    Decision,
    DeviceIdentity,
    ErrorStamp,
    History,
    LinkHealth,
    Measurement,
    OutputsReadBack,
)
from smallbms.settings import Settings
from smallbms.words import BankError


@frozen
class Inputs:
    """All that one step may look at; `wall_s` only stamps."""

    measurement: Measurement
    settings: Settings
    spec: BankSpec
    changes: tuple[Change, ...] = ()
    outputs: OutputsReadBack = field(default_factory=OutputsReadBack)
    wall_s: float = 0.0
    app_connected: bool = False
    store_ok: bool = True


@frozen
class EngineState:
    """All memory there is.

    `bank_error`: of the bank alone, also while it starts; `error`: the one that is told.
    `urgent` counts what must survive a power cut from this moment on: trips, syncs, failures, acknowledgements.
    """

    start_s: float
    last_s: float
    started: bool = False
    atc: bool = False
    atd: bool = False
    batteries: Mapping[int, BatteryMemory] = field(default_factory=dict)
    vbat: VbatMemory = field(default_factory=VbatMemory)
    shunt: ShuntMemory = field(default_factory=ShuntMemory)
    latches: Latches = field(default_factory=dict)
    pre_alarm: PreAlarmMemory = field(default_factory=PreAlarmMemory)
    soc: SocMemory = field(default_factory=SocMemory)
    alarms: Alarms = field(default_factory=dict)
    limits: LimitsMemory = field(default_factory=LimitsMemory)
    balancer: BalancerMemory = field(default_factory=BalancerMemory)
    bleeding: Cells = field(default_factory=dict)
    history: HistoryMemory = field(default_factory=HistoryMemory)
    update: UpdateMemory = field(default_factory=UpdateMemory)
    bank_error: BankError = BankError.NONE
    error: BankError = BankError.NONE
    last_errors: tuple[ErrorStamp, ...] = ()
    urgent: int = 0


@frozen
class Snapshot:
    """The only thing a publisher ever receives."""

    measurement: Measurement
    decision: Decision
    outputs: OutputsReadBack
    history: History
    last_errors: tuple[ErrorStamp, ...]
    settings: Settings
    identity: DeviceIdentity
    wall_s: float
    links: tuple[LinkHealth, ...] = ()
