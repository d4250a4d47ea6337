"""The words of the project as enums; integer values are those of the Victron bus."""

from __future__ import annotations

from enum import Enum, Flag, IntEnum, StrEnum, auto


class Direction(Flag):
    """What a reason takes away."""

    CHARGE = auto()
    DISCHARGE = auto()
    BOTH = CHARGE | DISCHARGE


class Mode(IntEnum):
    """The soft switch, /Mode."""

    ON = 3
    OFF = 4
    STANDBY = 252


class DeviceState(IntEnum):
    """/State."""

    INITIALIZING = 4
    RUNNING = 9
    ERROR = 10
    SHUTDOWN = 12
    UPDATING = 13
    STANDBY = 14


class BankError(IntEnum):
    """/ErrorCode, the codes of VE_REG_BMS_ERROR that can happen here."""

    NONE = 0
    NO_BATTERIES = 2
    UNKNOWN_BATTERY = 3
    DIFFERENT_TYPES = 4
    WRONG_NUMBER = 5
    WRONG_SERIES = 9
    WRONG_PARALLEL = 10
    BATTERY_UPDATE = 28
    BMS_CABLE = 32
    WRONG_SYSTEM_VOLTAGE = 34
    OUTPUT_FAULT = 36


class AlarmLevel(IntEnum):
    OK = 0
    WARNING = 1
    ALARM = 2


class BalancerStatus(IntEnum):
    UNKNOWN = 0
    BALANCED = 1
    BALANCING = 2
    IMBALANCED = 3


class SocState(IntEnum):
    UNKNOWN = 0
    UNCERTAIN = 1
    GOOD = 2


class Led(StrEnum):
    OFF = "off"
    ON = "on"
    BLINK = "blink"


class UpdatePhase(StrEnum):
    """An update as the outputs process times it (manual §4.4)."""

    NONE = "none"
    RUNNING = "running"
    EXPIRED = "expired"  # no version was healthy in time: both outputs are held off
    FAILED = "failed"  # the previous version is back: an alarm, nothing is blocked


class Fault(Enum):
    """A protection that a battery reports by itself."""

    CELL_HIGH = auto()
    CELL_LOW = auto()
    PACK_HIGH = auto()
    PACK_LOW = auto()
    CHARGE_HOT = auto()
    CHARGE_COLD = auto()
    DISCHARGE_HOT = auto()
    DISCHARGE_COLD = auto()
    CHARGE_OVER_CURRENT = auto()
    DISCHARGE_OVER_CURRENT = auto()
    SHORT_CIRCUIT = auto()
    INTERNAL = auto()
    SWITCH_LOCKED = auto()
    CHARGE_TIMEOUT = auto()
    CELL_IMBALANCE = auto()
    BOARD_HOT = auto()  # its switches
    TEMPERATURE_SENSOR = auto()
    UNNAMED = auto()  # a code without a meaning here; the battery's switches say what it is against


class ReasonCode(StrEnum):
    """Why charging or discharging is not allowed; frozen, users and flows rely on the words."""

    HIGH_CELL = "high_cell"
    LOW_CELL = "low_cell"
    CHARGE_COLD = "charge_cold"
    CHARGE_HOT = "charge_hot"
    DISCHARGE_COLD = "discharge_cold"
    DISCHARGE_HOT = "discharge_hot"
    TEMPERATURE_UNREAD = "temperature_unread"
    FLOOR = "floor"
    OVER_CURRENT = "over_current"
    BATTERY_BLOCK = "battery_block"
    LOST_BATTERY = "lost_battery"
    BANK_ERROR = "bank_error"
    REMOTE_OFF = "remote_off"
    MODE_OFF = "mode_off"
    STARTING = "starting"
    UPDATING = "updating"
    OUTPUT_FAULT_CHARGE = "output_fault_charge"
    OUTPUT_FAULT_LOAD = "output_fault_load"


class AlarmCode(StrEnum):
    """The last word of /Alarms/…"""

    LOW_SOC = "LowSoc"
    LOW_VOLTAGE = "LowVoltage"
    HIGH_VOLTAGE = "HighVoltage"
    LOW_CELL_VOLTAGE = "LowCellVoltage"
    HIGH_CELL_VOLTAGE = "HighCellVoltage"
    LOW_TEMPERATURE = "LowTemperature"
    HIGH_TEMPERATURE = "HighTemperature"
    LOW_CHARGE_TEMPERATURE = "LowChargeTemperature"
    HIGH_CHARGE_TEMPERATURE = "HighChargeTemperature"
    HIGH_CHARGE_CURRENT = "HighChargeCurrent"
    HIGH_DISCHARGE_CURRENT = "HighDischargeCurrent"
    CELL_IMBALANCE = "CellImbalance"
    BMS_CABLE = "BmsCable"
    INTERNAL_FAILURE = "InternalFailure"
    FIRMWARE_UPDATE_FAILURE = "FirmwareUpdateFailure"
    BATTERY_TEMPERATURE_SENSOR = "BatteryTemperatureSensor"
    STATE_OF_HEALTH = "StateOfHealth"


class LinkFault(StrEnum):
    """What went wrong on a wire."""

    SILENCE = "silence"  # nothing came, also when asked again
    HALF_FRAME = "half_frame"  # something came, but no whole answer in time
    BAD_FRAME = "bad_frame"  # a whole answer that is not valid, or a refusal
    PORT = "port"  # the port could not be opened, or went away
    BUS_ERROR = "bus_error"  # a bus that works badly: what is sent or received is disturbed
    BUS_OFF = "bus_off"  # a CAN controller that has given up


class EventKind(StrEnum):
    TRIP = "trip"
    RELEASE = "release"
    ALARM = "alarm"
    ERROR = "error"
    CHANGE = "change"
    SYNC = "sync"
    START = "start"
    STORE = "store"
