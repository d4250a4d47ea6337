"""The status, battery and history pages as text (manual §5.1), made of what the bus shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from smallbms.commands.peer import Item
from smallbms.words import AlarmCode, AlarmLevel, BalancerStatus, BankError, DeviceState, Mode, SocState

NOT_READ = "—"
_STATES = {state.value: state.name.capitalize() for state in DeviceState}
_MODES = {mode.value: mode.name.capitalize() for mode in Mode}
_BALANCER = {status.value: status.name.capitalize() for status in BalancerStatus}

Items = Mapping[str, Item]


def status_page(items: Items) -> list[str]:
    """What the battery and the BMS do now."""
    name = _text(items, "/CustomName") or _text(items, "/ProductName")
    soc_state = _value(items, "/Info/SocState")
    doubt = "" if soc_state == SocState.GOOD.value else "  (uncertain until the next full charge)"
    lines = [
        f"{name}   {_text(items, '/Serial')}",
        "",
        *_table(
            ("State of charge", _text(items, "/Soc") + (doubt if _value(items, "/Soc") is not None else "")),
            ("Mode", _word(items, "/Mode", _MODES)),
            ("State", _word(items, "/State", _STATES)),
            ("Allowed to charge", _allowed(items, "Charge")),
            ("Allowed to discharge", _allowed(items, "Discharge")),
            ("Voltage", _text(items, "/Dc/0/Voltage")),
            ("Current", _text(items, "/Dc/0/Current")),
            ("Power", _text(items, "/Dc/0/Power")),
            ("Consumed Ah", _text(items, "/ConsumedAmphours")),
            ("Time remaining", _duration(_value(items, "/TimeToGo"))),
            ("Limits to the GX", " ".join(_text(items, f"/Info/Max{w}") for w in _LIMITS)),
        ),
    ]
    return lines + why_lines(items) + _alarm_lines(items)


_LIMITS = ("ChargeVoltage", "ChargeCurrent", "DischargeCurrent")


def why_lines(items: Items) -> list[str]:
    """Every reason for a No."""
    lines: list[str] = []
    for direction in ("Charge", "Discharge"):
        text = _text(items, f"/Info/Reasons/{direction}/Text", "")
        lines += [f"No to {direction.lower()[:-1] + 'ing'}: {sentence}" for sentence in text.splitlines() if sentence]
    return ["", *lines] if lines else []


def battery_page(items: Items) -> list[str]:
    """The bank, then each battery."""
    lines = [
        "Battery bank",
        *_table(
            ("Balancer status", _balancer(items)),
            ("Min cell voltage", _extreme(items, "MinCellVoltage", "MinVoltageCellId")),
            ("Max cell voltage", _extreme(items, "MaxCellVoltage", "MaxVoltageCellId")),
            ("Min cell temperature", _extreme(items, "MinCellTemperature", "MinTemperatureCellId")),
            ("Max cell temperature", _extreme(items, "MaxCellTemperature", "MaxTemperatureCellId")),
            ("Batteries", _text(items, "/System/NrOfBatteries")),
            ("Battery cells", _cells_in_total(items)),
            ("Batteries in series", _text(items, "/System/BatteriesSeries")),
            ("Batteries in parallel", _text(items, "/System/BatteriesParallel")),
            ("System voltage", _text(items, "/Settings/Battery/NominalVoltage")),
            ("Capacity", _text(items, "/Capacity")),
        ),
    ]
    for number in range(1, (_value(items, "/System/NrOfBatteries") or 0) + 1):
        lines += ["", *_battery(items, number)]
    return lines + _wires(items)


def history_page(items: Items) -> list[str]:
    """Since installation, or since it was last cleared."""
    return [
        "History",
        *_table(
            ("Deepest discharge", _text(items, "/History/DeepestDischarge")),
            ("Cumulative Ah drawn", _text(items, "/History/TotalAhDrawn")),
            ("Discharged energy", _text(items, "/History/DischargedEnergy")),
            ("Charged energy", _text(items, "/History/ChargedEnergy")),
            ("Synchronisations", _text(items, "/History/AutomaticSyncs")),
            ("Cycles", _text(items, "/History/ChargeCycles")),
            ("Full discharges", _text(items, "/History/FullDischarges")),
            ("Last full charge", _ago(_value(items, "/History/TimeSinceLastFullCharge"))),
            ("Min battery voltage", _text(items, "/History/MinimumVoltage")),
            ("Max battery voltage", _text(items, "/History/MaximumVoltage")),
            ("Min cell voltage", _text(items, "/History/MinimumCellVoltage")),
            ("Max cell voltage", _text(items, "/History/MaximumCellVoltage")),
            ("Min battery temperature", _text(items, "/History/MinimumTemperature")),
            ("Max battery temperature", _text(items, "/History/MaximumTemperature")),
        ),
        "",
        "Last errors",
        *_last_errors(items),
    ]


def _value(items: Items, path: str) -> int | None:
    item = items.get(path)
    return None if item is None or item.value is None else int(item.value)


def _text(items: Items, path: str, missing: str = NOT_READ) -> str:
    item = items.get(path)
    return missing if item is None or item.value is None else item.text


def _word(items: Items, path: str, words: Mapping[int, str]) -> str:
    value = _value(items, path)
    return NOT_READ if value is None else words.get(value, str(value))


def _table(*rows: tuple[str, str]) -> list[str]:
    return [f"  {name:<24}{value}" for name, value in rows]


def _allowed(items: Items, direction: str) -> str:
    allowed = _value(items, f"/Io/AllowTo{direction}")
    if allowed is None:
        return NOT_READ
    if direction == "Discharge" and allowed and _value(items, "/Io/PreAlarm"):
        return "Pre-Alarm"
    return "Yes" if allowed else "No"


def _alarm_lines(items: Items) -> list[str]:
    words = {AlarmLevel.WARNING.value: "Warning", AlarmLevel.ALARM.value: "Alarm"}
    levels = {code: _value(items, f"/Alarms/{code}") for code in AlarmCode}
    lines = [f"{words[level]}: {code}" for code, level in levels.items() if level in words]
    error = _value(items, "/ErrorCode")
    if error:
        lines.insert(0, f"Error #{error}: {BankError(error).name.replace('_', ' ').lower()}")
    notices = _text(items, "/Info/Notices", "").splitlines()
    lines += [f"Note: {notice}" for notice in notices if notice]
    return ["", *lines] if lines else []


def _extreme(items: Items, value: str, where: str) -> str:
    return _noted(_text(items, f"/System/{value}"), _text(items, f"/System/{where}", ""))


def _noted(text: str, note: str) -> str:
    return f"{text}   {note}" if note else text


def _balancer(items: Items) -> str:
    """The status, its cause and its cure."""
    return _noted(_word(items, "/Balancer/Status", _BALANCER), _text(items, "/Balancer/Text", ""))


def _cells_in_total(items: Items) -> str:
    batteries, cells = _value(items, "/System/NrOfBatteries"), _value(items, "/System/NrOfCellsPerBattery")
    return NOT_READ if batteries is None or cells is None else str(batteries * cells)


def _battery(items: Items, number: int) -> list[str]:
    at = f"/Battery/{number}"
    cells, cell = [], 1
    while f"{at}/Cell/{cell}/Voltage" in items:
        cells.append(_text(items, f"{at}/Cell/{cell}/Voltage"))
        cell += 1
    rows = [f"    {' '.join(f'{v:>8}' for v in cells[i : i + 8])}" for i in range(0, len(cells), 8)]
    serial = _text(items, f"{at}/Serial", "")
    head = f"Battery #{number}" + (f" [{serial}]" if serial else "")
    figures = "  ".join(_text(items, f"{at}/{what}") for what in ("Voltage", "Current", "Temperature", "Capacity"))
    firmware = _text(items, f"{at}/FwVersion", "")
    return [head, f"    {figures}" + (f"  firmware {firmware}" if firmware else ""), *rows]


def _wires(items: Items) -> list[str]:
    """Each wire to batteries, and what went wrong on it since the start."""
    lines = []
    for link in json.loads(_text(items, "/Info/Links", "[]")):
        batteries = " ".join(f"#{number}" for number in link["batteries"])
        errors = ", ".join(f"{times} × {fault.replace('_', ' ')}" for fault, times in link["errors"].items())
        lines.append(f"  {link['name']}   battery {batteries}   {'open' if link['open'] else 'not open'}")
        lines.append(f"    {link['frames_ok']} good answers, {errors or 'no error'}")
        if errors:
            lines.append(f"    last: {link['last_error']}")
    return ["", "Wires", *lines] if lines else []


def _last_errors(items: Items) -> list[str]:
    lines = []
    for number in range(1, 5):
        code, time = (_value(items, f"/Diagnostics/LastErrors/{number}/{what}") for what in ("Error", "Time"))
        if code:
            when = datetime.fromtimestamp(time).astimezone() if time else None
            name = BankError(code).name.replace("_", " ").lower()
            lines.append(f"  #{code} {name}" + (f", {when:%Y-%m-%d %H:%M}" if when else ""))
    return lines or ["  none"]


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return NOT_READ
    minutes = seconds // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60:02} min"


def _ago(seconds: int | None) -> str:
    return "never" if seconds is None else f"{_duration(seconds)} ago"
