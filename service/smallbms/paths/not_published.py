"""Paths that a reader may look for and that are left out, each with why."""

from __future__ import annotations

from collections.abc import Mapping

NOT_PUBLISHED: Mapping[str, str] = {
    # of the recorded Lynx Smart BMS NG
    "/DeviceState": "its meaning is not public and nothing reads it; /State tells",
    "/N2kDeviceInstance": "there is no NMEA 2000 here; a GX would pair it with a parallel Lynx",
    "/N2kUniqueNumber": "there is no NMEA 2000 here",
    "/Alarms/Contactor": "there is no contactor; /Alarms/InternalFailure tells of an output that does not follow",
    "/Alarms/HighInternalTemperature": "no temperature of its own is measured",
    "/Alarms/HighCurrent": "told apart: HighChargeCurrent and HighDischargeCurrent, one notification each",
    # of other battery services
    "/NumberOfBmses": "its mere presence makes a GX treat this as a parallel BMS and hide the alarms",
    "/Redetect": "batteries are found at every start and whenever they answer again",
    "/Balancing": "/Balancer/Status tells more, and a GX wants one of the two",
    "/Dc/1/Voltage": "there is no starter battery input",
    "/Settings/HasStarterVoltage": "there is no starter battery input",
    "/Dc/0/MidVoltage": "every cell is shown, which tells more than half of the bank",
    "/Relay/0/State": "the outputs follow the permissions and nothing else; no path may switch them",
    "/Sense/Voltage": "others' measurements must not enter the decisions",
    "/Settings/Battery/PeukertExponent": "not a property of lithium batteries",
    "/Settings/Battery/ZeroCurrent": "the batteries calibrate their own current",
}
