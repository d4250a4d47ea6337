"""What the tables of batteries on I²C must be: each by itself, with its model, and together on their buses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from smallbms.config_batteries import Battery, I2cBattery
from smallbms.config_rules import model_of
from smallbms.model import BatteryModel
from smallbms.wording import figure, refusal


def i2c_faults(batteries: Mapping[int, Battery], models: Mapping[str, BatteryModel]) -> Iterator[str]:
    """One sentence for each fault."""
    chips = {number: battery for number, battery in batteries.items() if isinstance(battery, I2cBattery)}
    for number, chip in chips.items():
        where = f"[[battery]] {number}"
        model = model_of(chip, models)
        yield from (f"{where} {fault}" for fault in _own_faults(chip))
        if model is not None:
            yield from (f"{where} {fault}" for fault in _model_faults(chip, model))
        for other in chips:
            if other < number and _clash(chips[other], chip):
                allowed = f"a place of its own: [[battery]] {other} answers there too"
                yield f"{where} {refusal('address', hex(chip.address), allowed)}"


def _own_faults(chip: I2cBattery) -> Iterator[str]:
    if (chip.mux is None) is not (chip.channel is None):
        yield "mux and channel: both or none"
    if chip.mux is None and chip.mux_reset is not None:
        yield "mux_reset needs a mux"
    if chip.address == chip.mux:
        yield refusal("address", hex(chip.address), "another one than that of the mux")
    if any(upper <= lower for lower, upper in pairwise(chip.inputs)):
        yield refusal("inputs", list(chip.inputs), "each input once, the lowest first")
    if not chip.thermistors and chip.temperature == "sensors":
        yield refusal("thermistors", [], 'one of the cells\' at least, or temperature = "none"')
    if twice := [pin for pin in chip.thermistors if pin in chip.board_thermistors]:
        yield refusal("board_thermistors", twice, "those that are not in thermistors")


def _model_faults(chip: I2cBattery, model: BatteryModel) -> Iterator[str]:
    from smallbms.drivers.bq76952_registers import INPUTS  # dear for those who have none
    from smallbms.drivers.bq76952_settings import CHARGE_SENSE_MV, DISCHARGE_SENSE_MV

    if model.cells > INPUTS:
        yield refusal("model", model.name, f"one of up to {INPUTS} cells")
    elif chip.inputs and len(chip.inputs) != model.cells:
        yield refusal("inputs", list(chip.inputs), f"one for each of the {model.cells} cells of {model.name}")
    most_mohm = min(CHARGE_SENSE_MV / model.continuous_charge_a, DISCHARGE_SENSE_MV / model.continuous_discharge_a)
    if chip.sense_mohm > most_mohm:
        allowed = f"up to {figure(most_mohm)} mΩ: the chip would trip below the continuous currents of {model.name}"
        yield refusal("sense_mohm", chip.sense_mohm, allowed)


def _clash(one: I2cBattery, other: I2cBattery) -> bool:
    """Whether both answer when one of them is meant: in one place, or one of them on the bus itself."""
    if one.port != other.port or one.address != other.address:
        return False
    return None in (one.mux, other.mux) or (one.mux, one.channel) == (other.mux, other.channel)
