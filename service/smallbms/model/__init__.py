"""The frozen types that flow from a battery's bytes to the pins and the publishers; no logic beyond properties.

Units are the last word of a name. Current > 0 charges. `None` is "not read" and never equals zero.
`_s` of an instant is monotonic; `wall_s` is Unix time and only stamps.
"""

from smallbms.model.decided import Bank, Battery, Decision, Event, Extreme, Reason
from smallbms.model.kinds import BankSpec, BatteryModel, Member, Thresholds
from smallbms.model.measured import BatteryReading, Identity, Measurement, ShuntReading
from smallbms.model.told import DeviceIdentity, ErrorStamp, History, LinkHealth, Outputs, OutputsReadBack

__all__ = [
    "Bank",
    "BankSpec",
    "Battery",
    "BatteryModel",
    "BatteryReading",
    "Decision",
    "DeviceIdentity",
    "ErrorStamp",
    "Event",
    "Extreme",
    "History",
    "Identity",
    "LinkHealth",
    "Measurement",
    "Member",
    "Outputs",
    "OutputsReadBack",
    "Reason",
    "ShuntReading",
    "Thresholds",
]
