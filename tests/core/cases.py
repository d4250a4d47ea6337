"""One case for each row of the table of reasons: what breaches it, what just does not, what releases it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from smallbms.changes import Acknowledge, Change
from smallbms.model import Thresholds
from smallbms.settings import Settings
from smallbms.words import Direction, Fault, Mode, UpdatePhase

from .bench_battery import Rig, model

Act = Callable[[Rig], None]
NOTHING: Act = lambda rig: None  # noqa: E731


@dataclass(frozen=True, kw_only=True)
class Case:
    """`delay_s`: from the first breaching step to the trip; `release_s`: from the first releasing step to the release.

    `nearly` must not trip; `band` must not release; `asks` comes with each releasing step; `takes`: all that is
    forbidden meanwhile, where it is more than the row itself forbids.
    """

    row: str
    breach: Act
    heal: Act
    delay_s: float = 0.0
    release_s: float = 0.0
    nearly: Act = NOTHING
    band: Act | None = None
    asks: tuple[Change, ...] = ()
    takes: Direction | None = None
    says: tuple[str, ...] = ()
    limits: Thresholds | None = None
    battery: int | None = 1
    cell: int | None = None
    value: float | None = None
    limit: float | None = None

    def rig(self) -> Rig:
        return Rig(battery_model=replace(model(), thresholds=self.limits) if self.limits else None).start()


def cell(voltage_v: float) -> Act:
    def act(rig: Rig) -> None:
        rig.battery.cells_v[2] = voltage_v

    return act


def sensor(temperature_c: float | None) -> Act:
    def act(rig: Rig) -> None:
        rig.battery.temperatures_c = [temperature_c, temperature_c]

    return act


def amps(current_a: float) -> Act:
    def act(rig: Rig) -> None:
        rig.battery.current_a = current_a

    return act


def shows(**values: object) -> Act:
    return lambda rig: rig.each(**values)


def faults(*found: Fault) -> Act:
    return lambda rig: rig.each(faults=set(found))


def wants(**values: object) -> Act:
    def act(rig: Rig) -> None:
        rig.settings = Settings.model_validate({**rig.settings.model_dump(), **values})

    return act


def pins(**values: object) -> Act:
    def act(rig: Rig) -> None:
        rig.pins = replace(rig.pins, **values)  # type: ignore[arg-type]

    return act


def stuck(atc_error: str = "", **values: bool | None) -> Act:
    def act(rig: Rig) -> None:
        rig.stuck = {**rig.stuck, **values} if values else {}
        rig.pins = replace(rig.pins, atc_error=atc_error)

    return act


def temperature(
    row: str, breach_c: float, nearly_c: float, band_c: float, heal_c: float, says: tuple[str, ...]
) -> Case:
    """Only one of the four temperature limits within reach."""
    own = {"charge_cold_c": -90.0, "charge_hot_c": 190.0, "discharge_cold_c": -90.0, "discharge_hot_c": 190.0}
    return Case(
        row=row, breach=sensor(breach_c), nearly=sensor(nearly_c), band=sensor(band_c), heal=sensor(heal_c),
        delay_s=5.0, cell=1, value=breach_c, limit=nearly_c, says=says,
        limits=Thresholds(**{**own, f"{row}_c": nearly_c}),
    )  # fmt: skip


# fmt: off
CASES = (
    Case(row="high_cell", breach=cell(3.75), nearly=cell(3.749), band=cell(3.60), heal=cell(3.599), delay_s=0.5,
         release_s=10.0, cell=3, value=3.75, limit=3.75,
         says=("battery 1 cell 3 at 3.750 V", "the limit is 3.75 V", "every cell below 3.60 V for 10 s")),
    Case(row="low_cell", breach=cell(2.80), nearly=cell(2.801), band=cell(3.199), heal=cell(3.20), delay_s=30.0,
         release_s=60.0, cell=3, value=2.80, limit=2.80,
         says=("battery 1 cell 3 at 2.800 V", "the limit is 2.80 V", "3.20 V or more for 60 s")),
    temperature("charge_cold", 4.9, 5.0, 6.9, 7.0, ("battery 1 at 4.9 °C", "no charging below 5 °C", "7 °C or more")),
    temperature("charge_hot", 50.1, 50.0, 47.1, 47.0,
                ("battery 1 at 50.1 °C", "no charging above 50 °C", "47 °C or less")),
    temperature("discharge_cold", -20.1, -20.0, -18.1, -18.0,
                ("battery 1 at -20.1 °C", "no discharging below -20 °C", "-18 °C or more")),
    temperature("discharge_hot", 50.1, 50.0, 47.1, 47.0,
                ("battery 1 at 50.1 °C", "no discharging above 50 °C", "47 °C or less")),
    Case(row="temperature_unread", breach=sensor(None), heal=sensor(25.0), delay_s=1.0, release_s=5.0,
         says=("no cell temperature of battery 1", "read for 5 s")),
    Case(row="floor", breach=wants(low_soc_warning_pct=60, discharge_floor_pct=50),
         nearly=wants(low_soc_warning_pct=60, discharge_floor_pct=49), heal=wants(discharge_floor_pct=49),
         battery=None, value=50.0, limit=50.0,
         says=("state of charge 50.0 %", "the discharge floor is 50 %", "53 %, a full charge, or a lower floor")),
    Case(row="over_current_charge", breach=amps(100.1), nearly=amps(100.0), heal=amps(100.0), delay_s=10.0,
         release_s=60.0, value=100.1, limit=100.0,
         says=("battery 1 charged with 100.1 A", "its limit is 100 A", "60 s below the limit")),
    Case(row="over_current_discharge", breach=amps(-100.1), nearly=amps(-100.0), heal=amps(-100.0), delay_s=10.0,
         release_s=60.0, value=100.1, limit=100.0,
         says=("battery 1 discharged with 100.1 A", "its limit is 100 A", "60 s below the limit")),
    Case(row="battery_block_charge", breach=shows(charge_switch_on=False), heal=shows(charge_switch_on=True),
         nearly=shows(charge_switch_on=None), delay_s=0.5, release_s=10.0,
         says=("battery 1 itself does not allow charging: its charge switch is open", "10 s after it does")),
    Case(row="battery_block_discharge", breach=faults(Fault.DISCHARGE_COLD, Fault.CELL_HIGH), heal=faults(),
         nearly=faults(Fault.CELL_IMBALANCE), delay_s=0.5, release_s=10.0, takes=Direction.BOTH,
         says=("battery 1 itself does not allow discharging: too cold to discharge;", "10 s after it does")),
    Case(row="lost_battery", breach=shows(answers=False), heal=shows(answers=True), delay_s=8.5, release_s=5.0,
         says=("battery 1 gives no valid data: check its cable", "5 s of good data")),
    Case(row="bank_error", breach=shows(key="a stranger"), heal=shows(key="cell works 1"), delay_s=1.0, value=3.0,
         says=("the battery bank is not valid: a battery is unknown or has changed", "back: the bank is valid")),
    Case(row="remote_off", breach=pins(remote_on=False), heal=pins(remote_on=True), battery=None,
         says=("the remote on/off input is off", "back: it is on")),
    Case(row="mode_off", breach=wants(mode=Mode.STANDBY), heal=wants(mode=Mode.ON), battery=None,
         says=("the mode is Standby", "back: it is On")),
    Case(row="updating_charge", breach=pins(update=UpdatePhase.RUNNING), heal=pins(update=UpdatePhase.NONE),
         nearly=pins(update=UpdatePhase.FAILED), battery=None, says=("an update is under way", "a version is healthy")),
    Case(row="updating_discharge", breach=pins(update_holds_discharge_off=True),
         heal=pins(update_holds_discharge_off=False), battery=None,
         says=("an update is under way and discharging could not be kept allowed", "a version is healthy")),
    Case(row="pin_fault_charge", breach=stuck(atc=None, atc_error="busy"), heal=stuck(), asks=(Acknowledge(),),
         delay_s=0.5, battery=None,
         says=("the charge disconnect pin does not follow its command: busy; back", "mended, then acknowledged")),
    Case(row="pin_fault_load", breach=stuck(atd=False), heal=stuck(), asks=(Acknowledge(),), delay_s=0.5,
         battery=None, says=("the load disconnect pin does not follow its command; back", "mended, then acknowledged")),
    Case(row="unreachable_charge", breach=pins(reachable=False, error="gone"), heal=pins(reachable=True), release_s=5.0,
         battery=None, takes=Direction.BOTH,
         says=("the outputs process cannot be reached: gone; ", "5 s after it answers")),
    Case(row="unreachable_load", breach=pins(reachable=False), heal=pins(reachable=True), release_s=5.0,
         battery=None, takes=Direction.BOTH, says=("the outputs process cannot be reached", "5 s after it answers")),
)
# fmt: on
