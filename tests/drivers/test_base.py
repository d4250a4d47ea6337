"""What a driver gets from its base."""

from __future__ import annotations

import pytest

from smallbms.drivers.base import Driver, DriverInfo, Request, Want
from smallbms.model import BatteryReading


class Mute(Driver):
    """The least that a driver must have."""

    INFO = DriverInfo(name="mute", baud=9600, addressed=True, turnaround_s=0.1)

    def requests(self, want: Want) -> tuple[Request, ...]:
        return ()

    def reading(self) -> BatteryReading | None:
        return None


def test_a_driver_must_ask_and_read() -> None:
    class Nothing(Driver):
        """No driver."""

    with pytest.raises(TypeError, match="abstract"):
        Nothing(key="nothing")  # type: ignore[abstract]
