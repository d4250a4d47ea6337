"""The table of all that can happen, by the word of `do`."""

from __future__ import annotations

from smallbms.scenario import system_events, world_events
from smallbms.scenario.event import Event

EVENTS: dict[str, type[Event]] = {
    "load": world_events.SetLoad,
    "charger": world_events.SetCharger,
    "disobey": world_events.Disobey,
    "sun": world_events.SetSun,
    "ambient": world_events.SetAmbient,
    "unplug": world_events.Unplug,
    "replug": world_events.Replug,
    "flaky": world_events.Flaky,
    "leak": world_events.Leak,
    "worsen": world_events.Worsen,
    "break_sensor": world_events.BreakSensor,
    "heal_sensors": world_events.HealSensors,
    "switches": world_events.Switches,
    "vbat": world_events.SetVbat,
    "shunt": world_events.SetShunt,
    "set": system_events.Set,
    "remote": system_events.Remote,
    "stick": system_events.Stick,
    "stop_main": system_events.StopMain,
    "stall_main": system_events.StallMain,
    "start_main": system_events.StartMain,
    "stop_outputs": system_events.StopOutputs,
    "start_outputs": system_events.StartOutputs,
    "reboot": system_events.Reboot,
    "clock": system_events.StepClock,
    "begin_update": system_events.BeginUpdate,
}
