"""What is measured beside the batteries: rightly, until an event says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from smallbms.model import ShuntReading
from smallbms.simulation.world import Flow


@dataclass(slots=True, kw_only=True)
class Meters:
    """`vbat`, `shunt`: there is one. `wrong_v`: what Vbat shows instead; `shunt_factor`: None = mute."""

    vbat: bool = False
    shunt: bool = False
    wrong_v: float | None = None
    shunt_factor: float | None = 1.0
    _reading: ShuntReading | None = None

    def vbat_v(self, flow: Flow) -> float | None:
        if not self.vbat:
            return None
        return flow.voltage_v if self.wrong_v is None else self.wrong_v

    def shunt_reading(self, flow: Flow, now_s: float) -> ShuntReading | None:
        """The newest; a shunt that is mute leaves its last one behind."""
        if self.shunt and self.shunt_factor is not None:
            self._reading = ShuntReading(
                taken_at_s=now_s, voltage_v=flow.voltage_v, current_a=flow.current_a * self.shunt_factor
            )
        return self._reading
