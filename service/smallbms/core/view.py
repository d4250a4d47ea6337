"""What a row of the permission or alarm table may look at in one step; made once a step."""

from __future__ import annotations

from dataclasses import dataclass

from smallbms.model import Bank, BatteryModel, OutputsReadBack, Thresholds
from smallbms.settings import Settings


@dataclass(slots=True, kw_only=True)
class View:
    """One step's facts.

    `starting`: not every battery has been read yet; `unproven`: up to the last step that was so, a battery was lost or
    the bank in error, so that nothing was allowed and nothing may be that would be taken away again; `atd`: as decided
    in the last step.
    """

    now_s: float
    dt_s: float
    start_s: float
    starting: bool
    unproven: bool
    bank: Bank
    settings: Settings
    outputs: OutputsReadBack
    limits: Thresholds
    model: BatteryModel | None
    sensorless: tuple[tuple[int, float], ...]  # battery and stamp of the reading
    soc_pct: float | None
    atd: bool
    pre_alarm_since_s: float | None
    acknowledged: bool = False
    mode_on_written: bool = False
    soc_set: bool = False
    synchronised: bool = False
    update_failed: bool = False
    store_ok: bool = True
